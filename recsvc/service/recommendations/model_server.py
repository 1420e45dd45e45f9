"""Keep a process answering from the version that is published, without dropping a request.

A thread looks every half second, and at once when it is woken, whether another version was
published or an item has changed. A new version is mapped, checked and warmed beside the old one;
then one assignment swaps them.
"""

import threading
from datetime import timedelta

import numpy as np
import structlog

from recsvc.db.catalog.items import CatalogueState, catalogue_state
from recsvc.db.recommendations.user_histories import UserHistories, catalogue_rows
from recsvc.db.session import Session, reading
from recsvc.db.tables import ModelVersion, Publication
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
from recsvc.service.context import Context
from recsvc.service.models import publishing
from recsvc.service.recommendations.popular_items import PopularItems
from recsvc.service.recommendations.published_model import Answering, Catalogue
from recsvc.service.recommendations.recommend import Known, recommend

LOOK_SECONDS = 0.5
LATE_COMMITS = timedelta(minutes=2)  # a row may become visible so long after its time

log = structlog.get_logger("recsvc.serving")


class Serving:
    """The published model in this process.

    histories      reads what one user did
    popular        lists items where no version is loaded
    reads_quickly  whether a history takes well under a millisecond: no server has to be asked
    trouble        why the published version could not be loaded, None while all is well
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._answering: Answering | None = None
        self._seen = CatalogueState(None, 0)
        self._pending: Publication | None = None  # seen, and neither loaded nor found unreadable
        self._unreadable_id: int | None = None
        self._looking = threading.Lock()
        self._woken = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._watch, name="serving", daemon=True)
        self.histories = UserHistories(context.database)
        self.popular = PopularItems()
        self.reads_quickly = context.database.dialect == "sqlite"
        self.trouble: str | None = None

    def start(self) -> None:
        """Load what is published, then keep looking."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Stop looking, and close what requests read through."""
        self._stopping = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()
        self.histories.close()

    @property
    def present(self) -> Answering | None:
        """What answers now, None before the first version is loaded."""
        return self._answering

    @property
    def version(self) -> int | None:
        """The version that answers now, None before the first is loaded."""
        return self._answering.version if self._answering else None

    def check(self, version: ModelVersion) -> None:
        """Read a version's checkpoint. Raises ModelUnreadable."""
        try:
            checkpoint.read_model(self._context.shelf.map(version.checkpoint_sha256))
        except RecsvcError as error:
            raise ModelUnreadable(error.detail) from error

    def answering(self) -> Answering:
        """Return what answers now. Raises NoModelPublished, ModelLoading or ModelUnreadable."""
        answering, pending = self._answering, self._pending
        if answering is not None:
            return answering
        if self.trouble is not None:
            raise ModelUnreadable(self.trouble)
        raise ModelLoading(pending.version) if pending else NoModelPublished

    def behind(self, session: Session) -> int | None:
        """Return the last publication that this process has loaded, 0 for none, if one is later.

        None if the latest is loaded or cannot be loaded: `trouble` then has the reason. Otherwise
        the thread is woken to load it.
        """
        publication, present = publishing.publication(session), self._answering
        loaded_id = present.publication_id if present else 0
        if publication is None or publication.id <= loaded_id:
            return None
        if publication.id == self._unreadable_id:
            return None
        self._woken.set()
        return loaded_id

    def look(self) -> None:
        """Take in whatever was published or changed; an error leaves what answers as it is.

        No error ends the thread that looks: the next look may succeed.
        """
        with self._looking:
            try:
                with reading(self._context.database) as session:
                    self._pending = publishing.publication(session)
                    if self._answering is None and (self._pending is None or self.trouble):
                        self.popular.count(session)
                if self._pending is not None:
                    self._take_in(self._pending)
                self.trouble = self._unreadable_id = None
            except Exception as error:
                self._note_trouble(error)

    def _note_trouble(self, error: Exception) -> None:
        reason = error.detail if isinstance(error, RecsvcError) else f"{error!r}."
        if self.trouble != reason:
            log.error("the published version cannot be served", reason=reason)
        self.trouble = reason
        for_good = isinstance(error, (ObjectMissing, ObjectCorrupt, CheckpointUnreadable))
        self._unreadable_id = self._pending.id if self._pending and for_good else None

    def _watch(self) -> None:
        while not self._stopping:
            self._woken.wait(LOOK_SECONDS)
            self._woken.clear()
            if not self._stopping:
                self.look()

    def _take_in(self, publication: Publication) -> None:
        present = self._answering
        if present is not None and present.publication_id == publication.id:
            self._update(present.catalogue)
        elif present is not None and present.version == publication.version:
            self._answering = Answering(
                present.version, publication.id, present.model, present.catalogue
            )
        else:
            self._answering = self._loaded(publication)
            log.info("serving", version=publication.version)

    def _loaded(self, publication: Publication) -> Answering:
        """Map and check a version's weights, read the catalogue, and rank once to warm it all."""
        with reading(self._context.database) as session:
            version = publishing.get_model(session, publication.version)
            seen, rows = catalogue_state(session), catalogue_rows(session)
        model = checkpoint.read_model(self._context.shelf.map(version.checkpoint_sha256))
        loaded = Answering(version.version, publication.id, model, Catalogue(model, rows))
        item = np.zeros(1, dtype=np.int32)
        first = Known(item, item.astype(np.uint8), item)
        recommend(loaded, model.users.ids[0], first, n=10)
        self._seen = seen
        return loaded

    def _update(self, catalogue: Catalogue) -> None:
        """Read the items that have changed, and nothing where none has."""
        since = self._seen.updated_at
        with reading(self._context.database) as session:
            seen = catalogue_state(session)
            if seen == self._seen:
                return
            rows = catalogue_rows(session, since=None if since is None else since - LATE_COMMITS)
        catalogue.update(rows)
        self._seen = seen
