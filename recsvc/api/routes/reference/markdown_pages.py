"""The documentation in the package, as Markdown and as HTML pages."""

from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from markdown_it import MarkdownIt

import recsvc
from recsvc.api.dashboard import assets, security_headers
from recsvc.api.openapi.responses import problem_responses
from recsvc.errors import RouteNotFound

MARKDOWN = MarkdownIt("commonmark", {"html": False})
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · recsvc</title>
<link rel="icon" href="../dashboard/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="../dashboard/static/css/base.css">
<link rel="stylesheet" href="../dashboard/static/css/guide.css">
</head>
<body>
<main class="guide">
{body}<p><a href="../">The dashboard</a> · <a href="../docs">API</a></p>
</main>
</body>
</html>
"""


def folder() -> Path:
    """Return docs/reference of a checkout, or the part of it in an installed package."""
    package = Path(recsvc.__file__).parent
    installed, checkout = package / "_docs", package.parent / "docs" / "reference"
    return installed if installed.exists() else checkout


def page_responses(example: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of `respond`."""
    text = {"schema": {"type": "string"}}
    return {
        200: {
            "description": "The meaning and the remedies: Markdown, or HTML for browsers.",
            "content": {
                "text/markdown": {**text, "example": example},
                "text/html": {**text, "example": MARKDOWN.render(example)},
            },
        },
        **problem_responses(RouteNotFound),
    }


def respond(request: Request, text: str) -> Response:
    """Respond with Markdown, or with an HTML page if the Accept header has text/html."""
    if "text/html" not in request.headers.get("accept", ""):
        return Response(text, media_type="text/markdown; charset=utf-8")
    return Response(
        _page(text),
        media_type="text/html; charset=utf-8",
        headers={**assets.SECURITY_HEADERS, **security_headers.DASHBOARD, "Vary": "Accept"},
    )


@cache
def _page(text: str) -> str:
    title = text.split("\n", 1)[0].lstrip("# ")
    return PAGE.format(title=escape(title), body=MARKDOWN.render(text))
