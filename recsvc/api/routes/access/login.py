"""Logins of the dashboard: a cookie in exchange for an API key."""

from datetime import UTC, datetime
from functools import partial

from fastapi import Request, Response, status
from pydantic import Field

from recsvc.api.access.authorization import COOKIE, Authorization
from recsvc.api.access.requirements import OPEN
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import Now, RequestPoolsDep
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.schemas import Answer, Body
from recsvc.errors import InvalidCsrfToken, KeyExpired, KeyRevoked, KeyUnknown
from recsvc.service.access import logins
from recsvc.service.access.key_ring import Grant

router = Router(prefix="/v1/login", tags=["keys"], requirement=OPEN)


class LoginRequest(Body):
    """The key to log in with."""

    key: str = Field(min_length=1, max_length=256, examples=["rsk_1f0c9a7e33_…"])


class LoginOut(Answer):
    """Whether the service needs a key, and the login of this browser.

    Without a login all fields but the first are null.
    """

    needs_key: bool = Field(examples=[True], description="Whether requests need an API key.")
    prefix: str | None = Field(None, examples=["rsk_1f0c9a7e33"])
    scopes: list[str] | None = Field(None, examples=[["admin"]])
    csrf_token: str | None = Field(
        None, examples=["9f86d0…"], description="Send it as X-CSRF-Token with each change."
    )


@router.post(
    "",
    summary="Log in",
    responses=problem_responses(KeyUnknown, KeyRevoked, KeyExpired),
)
async def log_in(
    body: LoginRequest, request: Request, response: Response, pools: RequestPoolsDep, now: Now
) -> LoginOut:
    """Exchange an API key for a cookie that is valid for twelve hours.

    Programs need no login: they send the key itself.
    """
    authorization = _authorization(request)
    grant = await authorization.find_key(body.key)
    cookie, expires_at = await pools.write(partial(logins.log_in, grant=grant, now=now))
    await authorization.reread_keys()
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int((expires_at - datetime.now(UTC)).total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return _login_out(grant, cookie)


@router.get("", summary="Read the login of this browser")
async def get_login(request: Request) -> LoginOut:
    """Return the login of the cookie, and its CSRF token."""
    authorization = _authorization(request)
    cookie = request.cookies.get(COOKIE)
    grant = await authorization.current_login(cookie) if cookie else None
    if grant is None or cookie is None:
        return LoginOut(needs_key=authorization.needs_keys)
    return _login_out(grant, cookie)


@router.delete(
    "",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Log out",
    responses=problem_responses(InvalidCsrfToken),
)
async def log_out(request: Request, response: Response, pools: RequestPoolsDep) -> None:
    """End the login of this browser and delete its cookie."""
    authorization = _authorization(request)
    if cookie := request.cookies.get(COOKIE):
        authorization.check_csrf_token(request, cookie)
        await pools.write(partial(logins.log_out, cookie=cookie))
        await authorization.reread_keys()
    response.delete_cookie(COOKIE)


def _login_out(grant: Grant, cookie: str) -> LoginOut:
    return LoginOut(
        needs_key=True,
        prefix=grant.prefix,
        scopes=sorted(grant.scopes),
        csrf_token=logins.csrf_token(cookie),
    )


def _authorization(request: Request) -> Authorization:
    authorization: Authorization = request.app.state.authorization
    return authorization
