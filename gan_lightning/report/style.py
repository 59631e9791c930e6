"""How all figures look: colours that colour-blind readers tell apart, sizes, marks.

Colours: Okabe & Ito 2008, "Color Universal Design"; their yellow is left out, which is hardly seen on white.
"""

from typing import Any

PALETTE = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "vermilion": "#D55E00",
    "black": "#000000",
    "green": "#009E73",
}
QUIET = "#666666"  # for floors, targets and other lines that are no data
PALE = "#BBBBBB"  # for what stands behind the data, such as a closed form below a curve
DASHES = ("-", "--", ":", "-.")

PAGE = 9.0  # inches: the width of a figure, which a page of documentation shows at about 90 pixels an inch
HEADING = 10  # points, of a panel's title
FEW = 30  # a curve of fewer points has them marked
DPI = 130  # of a PNG: somewhat more pixels than a page shows

# settings of matplotlib that an axis takes when it is made
AXES: Any = {
    "font.size": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
}


def look(i: int) -> dict[str, str]:
    """Colour and dashes of the ``i``-th of several lines: the colours in their order, then again with other dashes."""
    colours = list(PALETTE.values())
    return {"color": colours[i % len(colours)], "linestyle": DASHES[i // len(colours) % len(DASHES)]}
