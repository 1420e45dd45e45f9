"""The catalogue: describe items, so that answers can carry titles and be filtered."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, cast

from fastapi import Depends, Response, status
from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from recsvc.api.bulk_body import BulkBody, bulk_body, bulk_body_schema
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import Cursor, ItemId, Limit, Now, ReadingDep, SessionDep
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.pagination import page
from recsvc.api.routes.feedback.ratings import RefusalOut
from recsvc.api.schemas import Answer, Body, Page
from recsvc.errors import InvalidCursor, InvalidId, ItemNotFound
from recsvc.service.catalog import items
from recsvc.service.catalog.items import Description
from recsvc.service.imports.fields import check_id

router = Router(prefix="/v1/items", tags=["items"])

MAX_DEPTH = 100  # levels of attributes, so that no merge is deeper than Python's stack
MERGE_PATCH = {
    "requestBody": {
        "content": {
            "application/merge-patch+json": {
                "schema": {"$ref": "#/components/schemas/ItemPatch"},
                "example": {"available": False, "price": None},
            }
        }
    }
}


def _check_storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it has a NUL or half a surrogate pair, which no database keeps")
    return text


def _check_attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    if _is_deeper_than(MAX_DEPTH, attributes):
        raise ValueError(f"it is nested too deeply: at most {MAX_DEPTH} levels are kept")
    _check_storable(json.dumps(attributes, allow_nan=False, ensure_ascii=False))
    if "\\u0000" in json.dumps(attributes):
        raise ValueError("it has a NUL, which no database keeps")
    return attributes


def _is_deeper_than(levels: int, value: object) -> bool:
    inside = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(inside, list):
        return False
    return levels == 0 or any(_is_deeper_than(levels - 1, member) for member in inside)


Text = Annotated[str, Field(max_length=1000), AfterValidator(_check_storable)]
Categories = Annotated[list[Text], Field(max_length=100)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Attributes = Annotated[dict[str, Any], AfterValidator(_check_attributes)]


class ItemIn(Body):
    """What is known of an item. What is left out goes back to its default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Text | None = Field(None, examples=["The Quiet Harbour"])
    categories: Categories = Field(default_factory=list, examples=[["Crime"]])
    price: Price | None = Field(None, examples=[12.5])
    available: bool = Field(True, description="Unavailable items are never recommended.")
    hidden: bool = Field(False, description="Hidden items are never recommended.")
    attributes: Attributes = Field(
        default_factory=dict, examples=[{"author": "A. Writer"}], description="Whatever you like."
    )

    def description(self) -> Description:
        """Give it as the service takes it."""
        return cast(Description, self.model_dump())


class ItemPatch(Body):
    """Fields of an item to change. An absent field stays, null restores its default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Text | None = Field(None, examples=["The Quiet Harbour"])
    categories: Categories | None = Field(None, examples=[["Crime"]])
    price: Price | None = Field(None, examples=[12.5])
    available: bool | None = Field(None, examples=[False])
    hidden: bool | None = Field(None, examples=[False])
    attributes: Attributes | None = Field(
        None,
        examples=[{"author": "A. Writer", "pages": None}],
        description="Merged member by member; null removes one.",
    )

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        return self.model_dump(exclude={"item_id"}, exclude_unset=True)


class ItemLine(ItemPatch):
    """One of many items."""

    item_id: Annotated[str, AfterValidator(partial(check_id, "item_id"))]


class ItemOut(Answer):
    """An item, put or only rated so far."""

    item_id: str = Field(examples=["book/7"])
    title: str | None = Field(examples=["The Quiet Harbour"])
    categories: list[str] = Field(examples=[["Crime"]])
    price: float | None = Field(examples=[12.5])
    available: bool
    hidden: bool
    attributes: dict[str, Any] = Field(examples=[{"author": "A. Writer"}])
    created_at: datetime
    updated_at: datetime


class ItemsReport(Answer):
    """What became of each line: accepted = added + changed + unchanged."""

    accepted: int = Field(examples=[2])
    added: int = Field(examples=[1], description="The item was new.")
    changed: int = Field(examples=[1], description="A field replaced another value.")
    unchanged: int = Field(examples=[0], description="The item had these very fields.")
    refused: list[RefusalOut]


@router.put(
    "/{item_id:id}",
    summary="Describe an item",
    responses=problem_responses(InvalidId)
    | {201: {"model": ItemOut, "description": "The item is new"}},
)
def put_item(
    item_id: ItemId, body: ItemIn, response: Response, session: SessionDep, now: Now
) -> ItemOut:
    """Replaces whatever was known of it."""
    item, is_new = items.put_item(session, item_id, body.description(), now=now)
    response.status_code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    return ItemOut.model_validate(item)


@router.patch(
    "/{item_id:id}",
    summary="Change some fields of an item",
    responses=problem_responses(InvalidId, ItemNotFound),
    openapi_extra=MERGE_PATCH,
)
def patch_item(item_id: ItemId, body: ItemPatch, session: SessionDep, now: Now) -> ItemOut:
    """A merge patch (RFC 7396): an absent field stays, null restores its default."""
    return ItemOut.model_validate(items.patch_item(session, item_id, body.changes(), now=now))


@router.get("/{item_id:id}", summary="Look at an item", responses=problem_responses(ItemNotFound))
def get_item(item_id: ItemId, session: ReadingDep) -> ItemOut:
    """An item that was only rated has no title."""
    return ItemOut.model_validate(items.get_item(session, item_id))


@router.get("", summary="List items", responses=problem_responses(InvalidCursor))
def list_items(session: ReadingDep, cursor: Cursor = None, limit: Limit = 50) -> Page[ItemOut]:
    """In the order they came; hidden ones too."""
    return page(
        "items",
        cursor,
        limit,
        read=lambda after, most: items.list_items(session, after=after, limit=most),
        show=ItemOut.model_validate,
        place=lambda item: item.key,
    )


ItemsSent = Annotated[BulkBody, Depends(bulk_body("items", items.AT_ONCE))]
EXAMPLE = {"item_id": "book/7", "title": "The Quiet Harbour", "categories": ["Crime"], "price": 9.5}


@router.post("", summary="Merge many items", openapi_extra=bulk_body_schema("items", EXAMPLE))
def add_items(body: ItemsSent, session: SessionDep, now: Now) -> ItemsReport:
    """At most 10,000, as JSON or NDJSON. Each line is a merge patch (RFC 7396), in order.

    An absent field stays, null restores its default, and a new item starts from the defaults.
    A refused line never stops the others. Each accepted line counts as if it came alone.
    """
    taken, refused = _read(body)
    patches = [(line.item_id, line.changes()) for line in taken]
    merged = items.merge_items(session, patches, now=now)
    return ItemsReport(
        accepted=merged.total,
        added=merged.added,
        changed=merged.changed,
        unchanged=merged.unchanged,
        refused=refused,
    )


def _read(body: BulkBody) -> tuple[list[ItemLine], list[RefusalOut]]:
    """Read each line; one that cannot be read is refused."""
    read: Callable[[Any], ItemLine] = ItemLine.model_validate
    entries: list[tuple[int, Any]] = list(enumerate(body.entries or [], start=1))
    if body.entries is None:
        read = ItemLine.model_validate_json
        lines = body.lines.split(b"\n")
        entries = [(n, line) for n, line in enumerate(lines, start=1) if line.strip()]
    taken: list[ItemLine] = []
    refused: list[RefusalOut] = []
    for line, entry in entries:
        try:
            taken.append(read(entry))
        except InvalidId as error:
            refused.append(RefusalOut(line=line, code="invalid-item-id", detail=error.detail))
        except ValidationError as error:
            refused.append(_refusal(line, error))
    return taken, refused


def _refusal(line: int, error: ValidationError) -> RefusalOut:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or "line"
    return RefusalOut(line=line, code="invalid-item", detail=f"{field}: {first['msg']}.")
