"""Pages about the findings of a diagnosis, each with an example curve: docs/reference/findings."""

from functools import cache

from fastapi import Request, Response

from recsvc.api.access.requirements import OPEN
from recsvc.api.concurrency.router import Router
from recsvc.api.dashboard import assets
from recsvc.api.routes.reference import markdown_pages
from recsvc.errors import RouteNotFound

router = Router(prefix="/diagnosis", tags=["training jobs"], requirement=OPEN)


@cache
def pages() -> dict[str, str]:
    """Return the pages by the code of the finding."""
    folder = markdown_pages.folder() / "findings"
    return {page.stem: page.read_text(encoding="utf-8") for page in folder.glob("*.md")}


@router.get("/pictures/{name}", include_in_schema=False)
async def get_finding_picture(request: Request, name: str) -> Response:
    """Respond with the picture of a page."""
    return assets.respond(request, markdown_pages.folder() / "findings" / "pictures", name)


@router.get(
    "/{code}",
    operation_id="get_finding_page",
    summary="Read about a finding",
    response_class=Response,
    responses=markdown_pages.page_responses(
        "# twin_units\n\nTwo hidden units have the same weights.\n"
    ),
)
async def get_finding_page(request: Request, code: str) -> Response:
    """Return the page that `docs` of a finding links to: its meaning and remedies."""
    if code not in pages():
        raise RouteNotFound(request.url.path)
    return markdown_pages.respond(request, pages()[code])
