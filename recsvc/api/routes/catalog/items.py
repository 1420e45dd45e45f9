"""The catalogue: describe items, so that lists have titles and leave out hidden items."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, cast

from fastapi import Depends, Response, status
from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from recsvc.api.access.requirements import Requirement
from recsvc.api.bulk_body import bulk_body, bulk_body_schema
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import Cursor, ItemId, Limit, Now, ReadingDep, SessionDep
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.pagination import page
from recsvc.api.routes.feedback.ratings import RefusalOut
from recsvc.api.schemas import Answer, Body, Page
from recsvc.errors import InvalidCursor, InvalidId, ItemNotFound
from recsvc.service.access.scopes import Scope
from recsvc.service.catalog import items
from recsvc.service.catalog.items import Description
from recsvc.service.imports.bulk import Bulk
from recsvc.service.imports.fields import check_id

router = Router(prefix="/v1/items", tags=["items"], requirement=Requirement(Scope.WRITE))

MAX_ATTRIBUTE_BYTES = 65_536
MAX_DEPTH = 100  # levels of attributes; a merge must not exceed Python's recursion limit
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
        raise ValueError("it has a NUL or a lone surrogate, which a database cannot store")
    return text


def _check_attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    if _is_deeper_than(MAX_DEPTH, attributes):
        raise ValueError(f"it is nested too deeply; at most {MAX_DEPTH} levels are allowed")
    text = _check_storable(json.dumps(attributes, allow_nan=False, ensure_ascii=False))
    if len(text.encode()) > MAX_ATTRIBUTE_BYTES:
        raise ValueError(f"it has {len(text.encode()):,} bytes; at most 64 kB are allowed")
    if "\\u0000" in json.dumps(attributes):
        raise ValueError("it has a NUL, which a database cannot store")
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
    """The fields of an item. A field that is left out gets its default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Text | None = Field(None, examples=["The Quiet Harbour"])
    categories: Categories = Field(default_factory=list, examples=[["Crime"]])
    price: Price | None = Field(None, examples=[12.5])
    available: bool = Field(True, description="Unavailable items are never recommended.")
    hidden: bool = Field(False, description="Hidden items are never recommended.")
    attributes: Attributes = Field(
        default_factory=dict, examples=[{"author": "A. Writer"}], description="Any JSON object."
    )

    def description(self) -> Description:
        """Return the fields."""
        return cast(Description, self.model_dump())


class ItemPatch(Body):
    """Fields of an item to change. An absent field stays; null restores its default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Text | None = Field(None, examples=["The Quiet Harbour"])
    categories: Categories | None = Field(None, examples=[["Crime"]])
    price: Price | None = Field(None, examples=[12.5])
    available: bool | None = Field(None, examples=[False])
    hidden: bool | None = Field(None, examples=[False])
    attributes: Attributes | None = Field(
        None,
        examples=[{"author": "A. Writer", "pages": None}],
        description="Merged member by member; null removes a member.",
    )

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        return self.model_dump(exclude={"item_id"}, exclude_unset=True)


class ItemLine(ItemPatch):
    """The changed fields of one of many items."""

    item_id: Annotated[str, AfterValidator(partial(check_id, "item_id"))]


class ItemOut(Answer):
    """An item. It exists once it is put, rated or in an interaction."""

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
    """The number of lines by outcome: accepted = added + changed + unchanged."""

    accepted: int = Field(examples=[2])
    added: int = Field(examples=[1], description="The item was new.")
    changed: int = Field(examples=[1], description="A field replaced another value.")
    unchanged: int = Field(examples=[0], description="The item had the same fields.")
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
    """Replace all fields of an item, or create it."""
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
    """Apply a merge patch (RFC 7396): an absent field stays; null restores its default."""
    return ItemOut.model_validate(items.patch_item(session, item_id, body.changes(), now=now))


@router.get("/{item_id:id}", summary="Read an item", responses=problem_responses(ItemNotFound))
def get_item(item_id: ItemId, session: ReadingDep) -> ItemOut:
    """Return an item. An item that was only rated has no title."""
    return ItemOut.model_validate(items.get_item(session, item_id))


@router.get("", summary="List items", responses=problem_responses(InvalidCursor))
def list_items(session: ReadingDep, cursor: Cursor = None, limit: Limit = 50) -> Page[ItemOut]:
    """List items in the order of their creation, including hidden ones."""
    return page(
        "items",
        cursor,
        limit,
        read=lambda after, most: items.list_items(session, after=after, limit=most),
        show=ItemOut.model_validate,
        place=lambda item: item.key,
    )


ItemsBody = Annotated[Bulk, Depends(bulk_body("items", items.MAX_ITEMS))]
EXAMPLE = {"item_id": "book/7", "title": "The Quiet Harbour", "categories": ["Crime"], "price": 9.5}


@router.post("", summary="Merge many items", openapi_extra=bulk_body_schema("items", EXAMPLE))
def add_items(body: ItemsBody, session: SessionDep, now: Now) -> ItemsReport:
    """Apply at most 10,000 merge patches (RFC 7396) in order, as JSON or NDJSON.

    An absent field stays; null restores its default. A new item starts from the defaults. A
    refused line does not affect the others. Each accepted line is counted by itself.
    """
    accepted, refused = _parse(body)
    patches = [(line.item_id, line.changes()) for line in accepted]
    merged = items.merge_items(session, patches, now=now)
    return ItemsReport(
        accepted=merged.total,
        added=merged.added,
        changed=merged.changed,
        unchanged=merged.unchanged,
        refused=refused,
    )


def _parse(body: Bulk) -> tuple[list[ItemLine], list[RefusalOut]]:
    """Parse each line; return the valid ones, and the refusals of the others."""
    parse: Callable[[Any], ItemLine] = ItemLine.model_validate
    entries: list[tuple[int, Any]] = list(enumerate(body.entries or [], start=1))
    if body.entries is None:
        parse = ItemLine.model_validate_json
        lines = body.lines.split(b"\n")
        entries = [(n, line) for n, line in enumerate(lines, start=1) if line.strip()]
    accepted: list[ItemLine] = []
    refused: list[RefusalOut] = []
    for line, entry in entries:
        try:
            accepted.append(parse(entry))
        except InvalidId as error:
            refused.append(RefusalOut(line=line, code="invalid-item-id", detail=error.detail))
        except ValidationError as error:
            refused.append(_refusal(line, error))
    return accepted, refused


def _refusal(line: int, error: ValidationError) -> RefusalOut:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or "line"
    return RefusalOut(line=line, code="invalid-item", detail=f"{field}: {first['msg']}.")
