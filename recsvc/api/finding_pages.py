"""A page for each finding of a diagnosis, with a curve that shows it: docs/diagnosis."""

from functools import cache

from fastapi import Request, Response

from recsvc.api import documents
from recsvc.api.dashboard import assets
from recsvc.api.routing import Router
from recsvc.errors import RouteNotFound

router = Router(prefix="/diagnosis", tags=["training jobs"])


@cache
def pages() -> dict[str, str]:
    """Give the pages by the finding's code."""
    folder = documents.folder() / "diagnosis"
    return {page.stem: page.read_text(encoding="utf-8") for page in folder.glob("*.md")}


@router.get("/pictures/{name}", include_in_schema=False)
async def get_finding_picture(request: Request, name: str) -> Response:
    """Answer with the picture of a page."""
    return assets.answer(request, documents.folder() / "diagnosis" / "pictures", name)


@router.get(
    "/{code}",
    operation_id="get_finding_page",
    summary="Read about a finding",
    response_class=Response,
    responses=documents.described("# twin_units\n\nTwo hidden units have the same weights.\n"),
)
async def get_finding_page(request: Request, code: str) -> Response:
    """What `docs` of a finding opens: what it means, what to try, and a run before and after."""
    if code not in pages():
        raise RouteNotFound(request.url.path)
    return documents.answer(request, pages()[code])
