"""Flow charts of Mermaid, of the kind that house.py writes, as drawings: rows of boxes, and arrows between them."""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

WIDTH, ROW, BOX, HIGH = 760, 84, 94, 30  # pixels: of the drawing, between rows, of a box
HEAD = '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
HEAD += '<path d="M0 0 L8 4 L0 8 z"/></marker>'


def drawing(chart: str) -> str:
    """SVG of ``chart``, whose subgraphs are the rows."""
    rows = [re.findall(r"\w+", row) for row in re.findall(r"subgraph [^\n]*\n(.*?)\n\s*end", chart, re.DOTALL)]
    place = {
        name: (WIDTH * (i + 0.5) / len(row), ROW * (depth + 0.4))
        for depth, row in enumerate(rows)
        for i, name in enumerate(row)
    }
    parts = [
        f'<svg class="graph" viewBox="0 0 {WIDTH} {ROW * len(rows)}" role="img" xmlns="http://www.w3.org/2000/svg">'
    ]
    parts.append(f"<defs>{HEAD}</defs>")
    for one, other in re.findall(r"(\w+) --> (\w+)", chart):
        (x, y), (u, v) = place[one], place[other]
        down = f"M{x:.0f} {y + HIGH / 2:.0f} L{u:.0f} {v - HIGH / 2 - 2:.0f}"
        parts.append(f'<path class="arrow" d="{down}" marker-end="url(#tip)"/>')
    for name, (x, y) in place.items():
        parts.append(f'<rect x="{x - BOX / 2:.0f}" y="{y - HIGH / 2:.0f}" width="{BOX}" height="{HIGH}" rx="4"/>')
        parts.append(f'<text x="{x:.0f}" y="{y + 4:.0f}">{name}</text>')
    return "".join([*parts, "</svg>"])


class DrawCharts(SphinxTransform):
    default_priority = 199

    def apply(self) -> None:
        for block in list(self.document.findall(nodes.literal_block)):
            if block.get("language") == "mermaid":
                block.replace_self(nodes.raw("", drawing(block.astext()), format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(DrawCharts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
