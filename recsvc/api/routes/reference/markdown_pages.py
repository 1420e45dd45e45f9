"""The documentation that travels with the package, as Markdown and as pages for browsers."""

from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from markdown_it import MarkdownIt

import recsvc
from recsvc.api.dashboard import assets, security_headers

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
    """Give docs/ of a checkout, or the part of it that a wheel carries."""
    package = Path(recsvc.__file__).parent
    installed, checkout = package / "_docs", package.parent / "docs"
    return installed if installed.exists() else checkout


def page_responses(example: str) -> dict[int | str, dict[str, Any]]:
    """Give what OpenAPI says of `answer`."""
    text = {"schema": {"type": "string"}}
    return {
        200: {
            "description": "What it means and what to do: Markdown, or HTML for browsers.",
            "content": {
                "text/markdown": {**text, "example": example},
                "text/html": {**text, "example": MARKDOWN.render(example)},
            },
        }
    }


def respond(request: Request, text: str) -> Response:
    """Answer with Markdown; with a page where a browser asks, which says so in Accept."""
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
