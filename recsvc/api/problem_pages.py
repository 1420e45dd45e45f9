"""A page for each problem type: what `type` opens is a section of docs/problems.md."""

from functools import cache
from pathlib import Path

from fastapi import APIRouter, Response

import recsvc
from recsvc.errors import RouteNotFound

router = APIRouter(tags=["service"])


@cache
def sections() -> dict[str, str]:
    """Give docs/problems.md by code, each section with its heading."""
    package = Path(recsvc.__file__).parent
    installed, checkout = package / "_docs/problems.md", package.parent / "docs/problems.md"
    text = (installed if installed.exists() else checkout).read_text(encoding="utf-8")
    return {part.split("\n", 1)[0].strip(): f"## {part}" for part in text.split("\n## ")[1:]}


@router.get(
    "/problems/{code}",
    operation_id="get_problem_page",
    summary="Read about a kind of problem",
    response_class=Response,
    responses={
        200: {
            "description": "What it means and what to do, in Markdown.",
            "content": {
                "text/markdown": {
                    "schema": {"type": "string"},
                    "example": "## user-not-found\n\n**No such user**\n",
                }
            },
        }
    },
)
async def get_problem_page(code: str) -> Response:
    """What `type` in a problem document opens."""
    if code not in sections():
        raise RouteNotFound(f"/problems/{code}")
    return Response(sections()[code], media_type="text/markdown; charset=utf-8")
