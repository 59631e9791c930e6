"""Figures: colours that all readers tell apart, one legend outside the data, a vector file that is always the same."""

import itertools

import numpy as np
import pytest
from matplotlib import color_sequences
from matplotlib.colors import to_rgb
from PIL import Image

from gan_lightning.report.drawing import figure, legend_above, legend_below, level, logarithmic, save_figure
from gan_lightning.report.page_curves import LOOKS, PANELS
from gan_lightning.report.style import DASHES, PALETTE, look

# Machado, Oliveira & Fernandes 2009, table 1: how linear RGB looks without the first, or the second, kind of cone
SIGHT = {
    "all cones": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
}  # fmt: skip


def lab(colour, sight):
    """CIE L*a*b* of a colour as it is seen (white D65)."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = (SIGHT[sight] @ linear).clip(0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.maximum(to_xyz @ seen / [0.9505, 1.0, 1.089], (6 / 29) ** 3))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest_two(colours, sight):
    """Distance between the two of the colours that are hardest to tell apart."""
    seen = [lab(colour, sight) for colour in colours]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))


@pytest.mark.parametrize("sight", SIGHT)
def test_every_two_colours_of_the_palette_are_told_apart(sight):
    """A difference of 2.3 is just seen. Matplotlib's first six, with red beside green, are the negative control."""
    assert nearest_two(PALETTE.values(), sight) > 15
    assert (nearest_two(color_sequences["tab10"][:6], sight) < 8) == (sight != "all cones")


def test_as_many_lines_as_a_figure_may_have_look_different():
    looks = [tuple(look(i).values()) for i in range(len(PALETTE) * len(DASHES))]
    assert len(set(looks)) == len(looks) == 28
    assert look(28) == look(0)


@pytest.fixture
def drawn():
    fig, axes = figure(1, 2)
    for axis in axes:
        axis.plot([1, 2, 3], [1, 20, 5], label="one")
    axes[1].plot([1, 2, 3], [2, 3, 4], label="two")
    return fig, axes


def test_one_legend_for_all_panels_outside_the_data(drawn):
    fig, axes = drawn
    legend_below(fig, words="what a line is")
    fig.draw_without_rendering()
    (legend,) = fig.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]
    assert legend.get_title().get_text() == "what a line is"
    below = legend.get_window_extent().y1
    assert all(below <= axis.get_tightbbox().y0 for axis in axes)
    assert all(axis.get_legend() is None for axis in axes)


def test_of_a_tall_figure_the_legend_stands_above(drawn):
    fig, axes = drawn
    legend_above(fig, 4)
    fig.draw_without_rendering()
    (legend,) = fig.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]
    assert all(legend.get_window_extent().y0 >= axis.get_tightbbox().y1 for axis in axes)


def test_no_two_lines_that_a_legend_of_a_runs_page_names_look_alike():
    assert {whose for panel in PANELS for whose in panel.tags.values()} <= LOOKS.keys()
    assert len({tuple(sorted(drawn.items())) for drawn in LOOKS.values()}) == len(LOOKS) == 8
    assert {drawn["color"] for drawn in LOOKS.values()} <= set(PALETTE.values())


def test_a_floor_is_a_line_with_words_that_the_axis_reaches(drawn):
    _, (axis, _) = drawn
    level(axis, 0.02, "real training images: 0.02")
    logarithmic(axis)
    assert axis.get_ylim()[0] < 0.02
    line = axis.lines[-1]
    assert set(line.get_ydata()) == {0.02}
    assert line.get_linestyle() == "--"
    assert [text.get_text() for text in axis.texts] == ["real training images: 0.02"]
    level(axis, 1, "under it", below=True)
    assert [text.get_va() for text in axis.texts] == ["bottom", "top"]


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (0.001, 150, ["0.001", "0.01", "0.1", "1", "10", "100"]),
        (1, 20, ["1", "2", "5", "10", "20"]),
        (0.0025, 0.013, ["0.003", "0.005", "0.007", "0.01"]),
        (2.4, 7.2, ["3", "4", "5", "6", "7"]),
        (0.95, 2.5, ["1", "2"]),
    ],
)
def test_a_logarithmic_axis_has_plain_numbers_at_two_ticks_at_least(low, high, shown, over):
    fig, (axis,) = figure(1, 1)
    (axis.set_xlim if over else axis.set_ylim)(low, high)
    logarithmic(axis, over)
    fig.draw_without_rendering()
    side = axis.xaxis if over else axis.yaxis
    labels = {t.get_position()[0 if over else 1]: t.get_text() for t in side.get_ticklabels() if t.get_text()}
    assert [text for value, text in labels.items() if low <= value <= high] == shown


def test_a_figure_is_a_picture_and_a_vector_file_that_are_the_same_each_time(tmp_path):
    for name in ("a", "b"):
        fig, (axis,) = figure(1, 1)
        axis.plot([1, 2], [2, 1], label="$x_1$ <script>")
        legend_below(fig)
        save_figure(fig, tmp_path / f"{name}.png")
    vector, picture = (tmp_path / "a.svg").read_bytes(), (tmp_path / "a.png").read_bytes()
    assert vector == (tmp_path / "b.svg").read_bytes()
    assert picture == (tmp_path / "b.png").read_bytes()
    assert b"<dc:date>" not in vector
    assert b"<script" not in vector
    assert b"<text" not in vector, "letters are curves, so that every viewer shows the same"
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (598, 468), "4.6 x 3.6 inches at 130 pixels"


def test_a_sheet_of_pictures_has_no_vector_file(tmp_path):
    fig, (axis,) = figure(1, 1)
    axis.imshow([[0, 1]])
    save_figure(fig, tmp_path / "sheet.png", vector=False)
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
