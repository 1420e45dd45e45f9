"""Plots as files: SVG from the service, or PNG rendered from it."""

import importlib.util
from pathlib import Path

from rich.markup import escape

from recsvc.cli.views import console_output
from recsvc.client import ClientError

FORMATS = (".svg", ".png")
PNG_SCALE = 2  # PNG pixels per SVG pixel, for screens with a high resolution
FONT_PROBE = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20">{}</svg>'


def check_png_support(path: Path) -> None:
    """Raise ClientError if the path is a PNG and its renderer is not installed."""
    if path.suffix.lower() == ".png" and importlib.util.find_spec("resvg_py") is None:
        raise ClientError(
            "PNG needs resvg-py, which is not installed. Run pip install 'recsvc[plot]', "
            "or choose a file name that ends in .svg."
        )


def write_image(svg: str, path: Path) -> None:
    """Write an SVG image to a file, converted to PNG if the file name ends in .png."""
    if path.suffix.lower() == ".svg":
        path.write_text(svg, encoding="utf-8")
        return
    import resvg_py  # optional dependency, extra `plot`

    if not _has_font():
        console_output.print_message(
            f"[yellow]{escape(str(path))} has no text:[/] no font was found. Install a font, for "
            "example the package fonts-dejavu-core."
        )
    path.write_bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=PNG_SCALE))


def _has_font() -> bool:
    """Return whether a font is available; the renderer silently omits text without one."""
    import resvg_py

    from recsvc.plots.svg_theme import FONTS

    style = f"font-family:{FONTS}".replace('"', "'")
    word = f'<text y="15" style="{style}">a</text>'
    return resvg_py.svg_to_bytes(svg_string=FONT_PROBE.format(word)) != resvg_py.svg_to_bytes(
        svg_string=FONT_PROBE.format("")
    )
