"""Bar charts as SVG, legible on light and on dark paper."""

from html import escape

NAME_WIDTH, BAR_WIDTH, FIGURE_WIDTH = 190, 420, 70
TOP, ROW, BAR = 44, 28, 18

# Browsers follow the reader's choice of colours; elsewhere the first set is used, on its own paper.
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .ours text { font-weight: 600 }
  rect { fill: #8c959f }
  .ours rect { fill: #0969da }
  .paper { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    rect { fill: #6e7681 }
    .ours rect { fill: #4493f8 }
    .paper { fill: #0d1117 }
  }
"""


def bars(title: str, values: list[tuple[str, float, bool]]) -> str:
    """Draw a bar for each (name, value, is ours), in the order given, from 0 to the greatest."""
    width = NAME_WIDTH + BAR_WIDTH + FIGURE_WIDTH
    height = TOP + ROW * len(values) + 8
    greatest = max(value for _, value, _ in values)
    told = ", ".join(f"{name} {value:.4f}" for name, value, _ in values)
    rows = "\n".join(
        _bar(TOP + ROW * place, name, value, BAR_WIDTH * value / greatest, is_ours)
        for place, (name, value, is_ours) in enumerate(values)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(told)}</desc>\n<style>{STYLE}</style>\n"
        f'<rect class="paper" width="{width}" height="{height}" rx="6"/>\n'
        f'<text class="title" x="8" y="24">{escape(title)}</text>\n{rows}\n</svg>\n'
    )


def _bar(top: int, name: str, value: float, length: float, is_ours: bool) -> str:
    base = top + BAR - 4
    return (
        f'<g class="{"ours" if is_ours else "peer"}">'
        f'<text x="{NAME_WIDTH - 10}" y="{base}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{NAME_WIDTH}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2"/>'
        f'<text x="{NAME_WIDTH + length + 8:.1f}" y="{base}">{value:.4f}</text></g>'
    )
