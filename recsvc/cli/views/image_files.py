"""A plot as a file: SVG as the service draws it, PNG made of that."""

import importlib.util
from pathlib import Path

from rich.markup import escape

from recsvc.cli.views import console_output
from recsvc.client import ClientError

FORMS = (".svg", ".png")
SHARPNESS = 2  # pixels of a PNG in a pixel of the SVG, for screens of many dots
WORD = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20">{}</svg>'


def check(path: Path) -> None:
    """Say what is missing for a file of that form, before anything is done."""
    if path.suffix.lower() == ".png" and importlib.util.find_spec("resvg_py") is None:
        raise ClientError(
            "PNG needs resvg-py, which is not installed. Install it: pip install 'recsvc[plot]'; "
            "or write to a file that ends in .svg."
        )


def write(svg: str, path: Path) -> None:
    """Write a picture in the form that the file's name asks for."""
    if path.suffix.lower() == ".svg":
        path.write_text(svg, encoding="utf-8")
        return
    import resvg_py  # of the extra `plot`: may be missing

    if not _can_write():
        console_output.note(
            f"[yellow]{escape(str(path))} has no words:[/] no font was found. Install one, for "
            "example the package fonts-dejavu-core."
        )
    path.write_bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=SHARPNESS))


def _can_write() -> bool:
    """Tell whether words come out: where no font is known they are left out in silence."""
    import resvg_py

    from recsvc.plots.svg_theme import FONTS

    style = f"font-family:{FONTS}".replace('"', "'")
    word = f'<text y="15" style="{style}">a</text>'
    return resvg_py.svg_to_bytes(svg_string=WORD.format(word)) != resvg_py.svg_to_bytes(
        svg_string=WORD.format("")
    )
