"""Serve the published model in this process and follow publications without dropping a request.

A thread checks every half second, and when it is woken, whether another version was published or
an item has changed. It maps, checks and warms up a new version while the current one still serves,
then replaces it by one assignment.
"""

import threading
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import structlog

from recsvc.db.catalog.items import CatalogueState, catalogue_state
from recsvc.db.recommendations.user_histories import UserHistories, catalogue_rows
from recsvc.db.session import Session, reading
from recsvc.db.tables import Publication
from recsvc.errors import (
    CheckpointUnreadable,
    ModelLoading,
    ModelUnreadable,
    NoModelPublished,
    ObjectCorrupt,
    ObjectMissing,
    RecsvcError,
)
from recsvc.rbm import checkpoint
from recsvc.rbm.model import Model
from recsvc.service.context import Context
from recsvc.service.models import publishing
from recsvc.service.recommendations.popular_items import PopularItems
from recsvc.service.recommendations.published_model import Catalogue, PublishedModel
from recsvc.service.recommendations.reasons import add_reasons, ratings_by_item
from recsvc.service.recommendations.recommend import (
    Prediction,
    RankedList,
    Recommendation,
    predict,
    recommend,
)
from recsvc.service.recommendations.user_history import AnonymousHistory, UserHistory

REFRESH_SECONDS = 0.5
COMMIT_DELAY = timedelta(minutes=2)  # from an item's `updated_at` to its latest possible commit
QUICK_MULTIPLICATIONS = 3_000_000  # a list takes less than a millisecond up to here

log = structlog.get_logger("recsvc.serving")


class RecommendationQuery(NamedTuple):
    """Which list is requested.

    n              its length
    exclude        item_ids to leave out
    include_rated  list items that the user rated or bought, too
    explain        add the reasons for each item
    """

    n: int = 10
    exclude: Collection[str] = ()
    include_rated: bool = False
    explain: bool = False


class RecommendationList(NamedTuple):
    """A list with its origin; the members are those of the response.

    user_id        None for a history that is not stored
    model_version  None for a list without a model
    shortfall      the reason why the list is shorter than requested, None if it is not
    """

    user_id: str | None
    model_version: int | None
    items: list[Recommendation]
    shortfall: str | None


class PredictionList(NamedTuple):
    """Predictions for one user, and the version that made them."""

    user_id: str
    model_version: int
    items: list[Prediction]


class ModelServer:
    """The published model in this process.

    load_error  why the published version could not be loaded, None after a successful load
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._published: PublishedModel | None = None
        self._catalogue_state = CatalogueState(None, 0)
        self._pending: Publication | None = None  # seen, and neither loaded nor found unreadable
        self._unreadable_id: int | None = None
        self._check_lock = threading.Lock()
        self._refresh_lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._watch, name="model-server", daemon=True)
        self.histories = UserHistories(context.database)
        self._popular = PopularItems()
        self._reads_in_process = context.database.dialect == "sqlite"
        self.load_error: str | None = None

    def start(self) -> None:
        """Load the published version and start the thread that follows publications."""
        self.refresh()
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and close the connections that requests read through."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self.histories.close()

    @property
    def version(self) -> int | None:
        """The version that serves requests, None before the first is loaded."""
        return self._published.version if self._published else None

    def require_model(self) -> PublishedModel:
        """Return the served model. Raises NoModelPublished, ModelLoading or ModelUnreadable."""
        published, pending = self._published, self._pending
        if published is not None:
            return published
        if self.load_error is not None:
            raise ModelUnreadable(self.load_error)
        raise ModelLoading(pending.version) if pending else NoModelPublished

    def is_quick(self, query: RecommendationQuery) -> bool:
        """Return whether a list takes less than a millisecond and waits for no other process.

        The reasons of a list take longer than that for 300 ratings.
        """
        published = self._published
        return (
            published is not None
            and self._reads_in_process
            and not query.explain
            and published.multiplications <= QUICK_MULTIPLICATIONS
        )

    def recommend(self, user_id: str, query: RecommendationQuery) -> RecommendationList:
        """Recommend to a stored user by the current history.

        A user who is not stored, and every user before the first version is loaded, gets popular
        items.
        """
        published, stored = self._published, self.histories.read(user_id)
        if published is None:
            owned = {*stored.rated_keys, *stored.purchase_keys()}
            ranked = self._recommend_popular(query, () if query.include_rated else owned)
            return RecommendationList(user_id, None, ranked.items, ranked.shortfall)
        history = UserHistory.from_store(published, stored)
        ranked = recommend(
            published,
            user_id,
            history,
            n=query.n,
            include_rated=query.include_rated,
            exclude=query.exclude,
        )
        if query.explain:
            ratings = ratings_by_item(published, stored)
            ranked = add_reasons(published, history, ratings, ranked)
        return RecommendationList(user_id, published.version, ranked.items, ranked.shortfall)

    def recommend_for(
        self, history: AnonymousHistory, query: RecommendationQuery
    ) -> RecommendationList:
        """Recommend for a history that is not stored. Raises InvalidRating, ValueOffScale.

        The model serves if one is loaded, popular items otherwise.
        """
        history.check(self._context.rating_scale)
        exclude = {*query.exclude, *(() if query.include_rated else history.item_ids_to_skip())}
        published = self._published
        if published is None:
            ranked = self._recommend_popular(query._replace(exclude=exclude))
            return RecommendationList(None, None, ranked.items, ranked.shortfall)
        encoded = UserHistory.from_request(published, history)
        ranked = recommend(
            published,
            None,
            encoded,
            n=query.n,
            include_rated=query.include_rated,
            exclude=exclude,
        )
        if query.explain:
            ranked = add_reasons(published, encoded, history.ratings, ranked)
        return RecommendationList(None, published.version, ranked.items, ranked.shortfall)

    def predict(self, user_id: str, item_ids: Sequence[str]) -> PredictionList:
        """Predict how a user would rate items.

        Raises NoModelPublished, ModelLoading or ModelUnreadable.
        """
        published = self.require_model()
        history = UserHistory.from_store(published, self.histories.read(user_id))
        predictions = predict(published, user_id, history, item_ids)
        return PredictionList(user_id, published.version, predictions)

    def check(self, version: int) -> None:
        """Check that the weights of a version can be read, unless it is retired.

        Raises ModelVersionNotFound, ModelUnreadable.
        """
        with self._check_lock:  # one connection and one mapped checkpoint at a time
            with reading(self._context.database) as session:
                card = publishing.get_model(session, version)
            if card.retired_at is not None:
                return
            try:
                self._read_checkpoint(card.checkpoint_sha256)
            except RecsvcError as error:
                raise ModelUnreadable(error.detail) from error

    def publication_behind(self, session: Session) -> int | None:
        """Return the last publication that this process has loaded, 0 for none, if one is later.

        None if the latest is loaded, or if it cannot be loaded and `load_error` has the reason.
        Otherwise the thread is woken to load it.
        """
        publication, published = publishing.publication(session), self._published
        loaded_id = published.publication_id if published else 0
        if publication is None or publication.id <= loaded_id:
            return None
        if publication.id == self._unreadable_id:
            return None
        self._wake.set()
        return loaded_id

    def refresh(self) -> None:
        """Load the latest publication and changed items; after an error the old state serves on.

        No error ends the thread: the next attempt may succeed.
        """
        with self._refresh_lock:
            try:
                with reading(self._context.database) as session:
                    self._pending = publishing.publication(session)
                    if self._published is None and (self._pending is None or self.load_error):
                        self._popular.count(session)
                if self._pending is not None:
                    self._apply(self._pending)
                self.load_error = self._unreadable_id = None
            except Exception as error:
                self._record_error(error)

    def _recommend_popular(
        self, query: RecommendationQuery, owned_keys: Collection[int] = ()
    ) -> RankedList:
        with reading(self._context.database) as session:
            return self._popular.recommend(
                session, n=query.n, owned_keys=owned_keys, exclude=query.exclude
            )

    def _record_error(self, error: Exception) -> None:
        reason = error.detail if isinstance(error, RecsvcError) else f"{error!r}."
        if self.load_error != reason:
            log.error("the published version cannot be served", reason=reason)
        self.load_error = reason
        is_permanent = isinstance(error, (ObjectMissing, ObjectCorrupt, CheckpointUnreadable))
        self._unreadable_id = self._pending.id if self._pending and is_permanent else None

    def _watch(self) -> None:
        while not self._stopping:
            self._wake.wait(REFRESH_SECONDS)
            self._wake.clear()
            if not self._stopping:
                self.refresh()

    def _apply(self, publication: Publication) -> None:
        """Serve a publication: load its version, or update the catalogue of the served one."""
        current = self._published
        if current is not None and current.publication_id == publication.id:
            self._update_catalogue(current.catalogue)
        elif current is not None and current.version == publication.version:
            self._published = PublishedModel(
                current.version, publication.id, current.model, current.catalogue
            )
        else:
            self._published = self._load(publication)
            log.info("serving", version=publication.version)

    def _load(self, publication: Publication) -> PublishedModel:
        """Map and check a version's weights, read the catalogue, and rank once to warm up."""
        with reading(self._context.database) as session:
            version = publishing.get_model(session, publication.version)
            state, rows = catalogue_state(session), catalogue_rows(session)
        model = self._read_checkpoint(version.checkpoint_sha256)
        loaded = PublishedModel(version.version, publication.id, model, Catalogue(model, rows))
        item = np.zeros(1, dtype=np.int32)
        first = UserHistory(item, item.astype(np.uint8), item)
        recommend(loaded, model.users.ids[0], first, n=10)
        self._catalogue_state = state
        return loaded

    def _read_checkpoint(self, sha256: str) -> Model:
        return checkpoint.read_model(self._context.shelf.map(sha256))

    def _update_catalogue(self, catalogue: Catalogue) -> None:
        """Read the items that have changed since the last update, if any."""
        since = self._catalogue_state.updated_at
        with reading(self._context.database) as session:
            state = catalogue_state(session)
            if state == self._catalogue_state:
                return
            rows = catalogue_rows(session, since=None if since is None else since - COMMIT_DELAY)
        catalogue.update(rows)
        self._catalogue_state = state
