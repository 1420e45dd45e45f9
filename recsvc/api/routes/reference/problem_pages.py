"""Pages about the problem types: the sections of docs/reference/problems.md."""

from functools import cache

from fastapi import Request, Response

from recsvc.api.access.requirements import OPEN
from recsvc.api.concurrency.router import Router
from recsvc.api.routes.reference import markdown_pages
from recsvc.errors import RouteNotFound

router = Router(tags=["service"], requirement=OPEN)


@cache
def sections() -> dict[str, str]:
    """Return the sections of docs/reference/problems.md by code, each with its heading."""
    text = (markdown_pages.folder() / "problems.md").read_text(encoding="utf-8")
    return {part.split("\n", 1)[0].strip(): f"## {part}" for part in text.split("\n## ")[1:]}


@router.get(
    "/problems/{code}",
    operation_id="get_problem_page",
    summary="Read about a kind of problem",
    response_class=Response,
    responses=markdown_pages.page_responses("## user-not-found\n\n**No such user**\n"),
)
async def get_problem_page(request: Request, code: str) -> Response:
    """Return the page that `type` of a problem links to."""
    if code not in sections():
        raise RouteNotFound(f"/problems/{code}")
    return markdown_pages.respond(request, sections()[code])
