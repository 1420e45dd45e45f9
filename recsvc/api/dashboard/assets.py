"""Files for browsers: read once from an installed package, answered with a tag and strict headers.

Nothing is loaded from anywhere else, so a machine without a way out shows the same pages.
"""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

from fastapi import Request, Response

from recsvc.errors import RouteNotFound

OWN = Path(__file__).parent / "static"
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # keep it, but ask whether it has changed: the tag answers
}


@dataclass(frozen=True)
class Asset:
    """A file's bytes, what they are, and a tag that changes with them."""

    content: bytes
    media_type: str
    tag: str


@cache
def folder_of(package: str, folder: str) -> Path:
    """Give a folder of an installed package. The package is not imported."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed", name=package)
    return Path(spec.origin).parent / folder


@cache
def read(file: Path) -> Asset:
    """Read a file for browsers."""
    content = file.read_bytes()
    media_type, _ = mimetypes.guess_type(file.name)
    return Asset(
        content,
        media_type or "application/octet-stream",
        f'"{blake2b(content, digest_size=12).hexdigest()}"',
    )


@cache
def file_names(folder: Path) -> frozenset[str]:
    """Give the files of a folder and those below it, as paths from it."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return frozenset(file.relative_to(folder).as_posix() for file in files)


def respond(
    request: Request, folder: Path, name: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a file of the folder, or 304 where the browser has it. Raises RouteNotFound."""
    if name not in file_names(folder):
        raise RouteNotFound(request.url.path)
    asset = read(folder / name)
    known = {**SECURITY_HEADERS, "ETag": asset.tag, **(headers or {})}
    if asset.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=known)
    return Response(asset.content, media_type=asset.media_type, headers=known)
