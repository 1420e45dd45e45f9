"""API keys: created, listed, revoked and rotated by an administrator."""

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import Path, Request, Response, status
from pydantic import Field

from recsvc.api.access.authorization import Authorization
from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import (
    MAX_BIGINT,
    Cursor,
    Limit,
    Now,
    ReadingDep,
    RequestPoolsDep,
)
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.pagination import page
from recsvc.api.schemas import Answer, Body, Page
from recsvc.db.tables import ApiKey
from recsvc.errors import InvalidCursor, InvalidExpiry, KeyNotFound
from recsvc.service.access import keys
from recsvc.service.access.keys import NewKey
from recsvc.service.access.scopes import Scope

router = Router(
    prefix="/v1/keys",
    tags=["keys"],
    requirement=Requirement(Scope.ADMIN, is_audited=True),
)

KeyId = Annotated[int, Path(ge=1, le=MAX_BIGINT, description="Number of the key.", examples=[1])]


class KeyRequest(Body):
    """A key to create."""

    name: str = Field(
        min_length=1, max_length=100, examples=["shop back end"], description="Who will use it."
    )
    scopes: list[Scope] = Field(
        min_length=1,
        examples=[["recommend", "write"]],
        description="What the key permits; `admin` includes the others.",
    )
    expires_at: datetime | None = Field(
        None, examples=["2027-06-01T00:00:00Z"], description="Null for a key that does not expire."
    )


class RotationRequest(Body):
    """How long the rotated key stays valid."""

    grace_seconds: int = Field(
        0,
        ge=0,
        le=30 * 86400,
        examples=[3600],
        description="Seconds for which the old key stays valid; 0 revokes it at once.",
    )


class KeyOut(Answer):
    """An API key without its secret part."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["shop back end"])
    prefix: str = Field(examples=["rsk_1f0c9a7e33"], description="The visible part of the key.")
    scopes: list[Scope] = Field(examples=[["recommend", "write"]])
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute; null if it was never used.")


class NewKeyOut(KeyOut):
    """A new API key with its secret part, which is shown once."""

    key: str = Field(
        examples=["rsk_1f0c9a7e33_…"], description="The whole key. It is not stored; keep it."
    )

    @classmethod
    def from_new(cls, new: NewKey) -> "NewKeyOut":
        """Return a new key with its secret part."""
        shown = KeyOut.model_validate(new.key)
        return cls(**shown.model_dump(), key=new.secret)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Create an API key",
    responses=problem_responses(InvalidExpiry),
)
async def create_key(
    body: KeyRequest, request: Request, response: Response, pools: RequestPoolsDep, now: Now
) -> NewKeyOut:
    """Create a key. The response is the only one that has it in full.

    After the first key every request needs one, on a loopback address too.
    """
    create = partial(
        keys.create_key,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
        now=now,
    )
    new = await pools.write(create)
    await _authorization(request).reread_keys()
    response.headers["Location"] = f"/v1/keys/{new.key.id}"
    return NewKeyOut.from_new(new)


@router.get("", summary="List API keys", responses=problem_responses(InvalidCursor))
def list_keys(session: ReadingDep, cursor: Cursor = None, limit: Limit = 50) -> Page[KeyOut]:
    """List all keys, oldest first; revoked and expired ones too."""
    return page(
        "keys",
        cursor,
        limit,
        read=lambda after, most: keys.list_keys(session, after=after, limit=most),
        show=KeyOut.model_validate,
        place=lambda key: key.id,
    )


@router.delete("/{key_id}", summary="Revoke an API key", responses=problem_responses(KeyNotFound))
async def revoke_key(key_id: KeyId, request: Request, pools: RequestPoolsDep, now: Now) -> KeyOut:
    """Revoke a key and end its logins.

    This process refuses the key from now on, other processes within a second.
    """
    revoked: ApiKey = await pools.write(partial(keys.revoke_key, key_id=key_id, now=now))
    await _authorization(request).reread_keys()
    return KeyOut.model_validate(revoked)


@router.post(
    "/{key_id}/rotate",
    status_code=status.HTTP_201_CREATED,
    summary="Rotate an API key",
    responses=problem_responses(KeyNotFound, InvalidExpiry),
)
async def rotate_key(
    key_id: KeyId, body: RotationRequest, request: Request, pools: RequestPoolsDep, now: Now
) -> NewKeyOut:
    """Create a key with the name, scopes and expiry of another one, which is revoked."""
    rotate = partial(
        keys.rotate_key, key_id=key_id, grace=timedelta(seconds=body.grace_seconds), now=now
    )
    new = await pools.write(rotate)
    await _authorization(request).reread_keys()
    return NewKeyOut.from_new(new)


def _authorization(request: Request) -> Authorization:
    authorization: Authorization = request.app.state.authorization
    return authorization
