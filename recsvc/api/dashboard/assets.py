"""Files for browsers: read once from an installed package, sent with an ETag and strict headers.

The pages load no other files, so they work without access to the internet.
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
    "Cache-Control": "no-cache",  # browsers keep the file and revalidate it by its ETag
}


@dataclass(frozen=True)
class Asset:
    """The bytes of a file, their media type and their ETag."""

    content: bytes
    media_type: str
    tag: str


@cache
def folder_of(package: str, folder: str) -> Path:
    """Return a folder of an installed package without importing the package."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed", name=package)
    return Path(spec.origin).parent / folder


@cache
def read(file: Path) -> Asset:
    """Read a file with its media type and ETag."""
    return asset_of(file.name, file.read_bytes())


def asset_of(name: str, content: bytes) -> Asset:
    """Return an asset with the media type of its name."""
    media_type, _ = mimetypes.guess_type(name)
    return Asset(
        content,
        media_type or "application/octet-stream",
        f'"{blake2b(content, digest_size=12).hexdigest()}"',
    )


@cache
def file_names(folder: Path) -> frozenset[str]:
    """Return the files in and below a folder, as paths relative to it."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return frozenset(file.relative_to(folder).as_posix() for file in files)


def respond(
    request: Request, folder: Path, name: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Respond with a file of the folder, or 304 for a matching ETag. Raises RouteNotFound."""
    if name not in file_names(folder):
        raise RouteNotFound(request.url.path)
    return respond_asset(request, read(folder / name), headers)


def respond_asset(
    request: Request, asset: Asset, headers: Mapping[str, str] | None = None
) -> Response:
    """Respond with an asset, or 304 for a matching ETag."""
    known = {**SECURITY_HEADERS, "ETag": asset.tag, **(headers or {})}
    if asset.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=known)
    return Response(asset.content, media_type=asset.media_type, headers=known)
