"""The pages in this system's Chromium, from disk and without a network: slider, walk between z, blind test."""

import json
import shutil

import pytest
from browser import Browser, chromium
from conftest import TINY

from gan_lightning.config.compose import compose
from gan_lightning.report.run_page import write_run_page
from gan_lightning.training.setup import train

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="this system has no Chromium to open the page in"),
]
EVIL = "a<script>window.owned=1</script>b"[:-9] + "'\"&"  # a folder's name has no slash


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / EVIL
    run.mkdir()
    words = [*TINY, "technique=[ema]", "sample_every=2", "log_every=2", "steps=6"]
    train(compose("train", words), run, words)
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps({**record, "command": "<script>window.owned=1</script>"}))
    cfg = compose("report", ["run=x"])
    cfg.run = str(run)
    write_run_page(cfg)
    there = run.parent / "page.html"
    shutil.copy(run / "report.html", there)
    return there.as_uri()


@pytest.fixture(scope="module")
def browser(address):
    with Browser(chromium()) as found:
        found.open(address)
        yield found


def test_no_error_no_request_and_names_are_text(browser, address):
    assert browser.errors == []
    assert [url for url in browser.asked if not url.startswith(("data:", "about:"))] == [address]
    assert browser.value("document.title") == EVIL
    assert browser.value("document.querySelector('h1').textContent") == EVIL
    assert browser.value("window.owned") is None
    assert browser.value("document.querySelectorAll('script').length") == 3, "two of data and one of ours"


def test_the_slider_shows_the_picture_of_its_step(browser):
    steps = browser.value("JSON.parse(document.getElementById('frames').textContent).map(f => f.step)")
    assert steps == [0, 2, 4, 6]
    browser.value("document.getElementById('time').focus()")
    assert browser.value("document.getElementById('step').textContent") == "6 G steps"
    for key, code, at in (("Home", 36, 0), ("ArrowRight", 39, 1), ("End", 35, 3)):
        browser.press(key, code)
        assert browser.value("document.getElementById('step').textContent") == f"{steps[at]} G steps"
        shown = "document.getElementById('frame').src"
        assert browser.value(f"{shown} === JSON.parse(document.getElementById('frames').textContent)[{at}].src")


CELL = """(() => {{
  const map = document.getElementById('map'), large = document.getElementById('large');
  const {{width, height}} = large, cut = document.createElement('canvas');
  [cut.width, cut.height] = [width, height];
  cut.getContext('2d').drawImage(map, {column} * width, {row} * height, width, height, 0, 0, width, height);
  const pixels = (c) => Array.from(c.getContext('2d').getImageData(0, 0, width, height).data).join();
  return pixels(cut) === pixels(large);
}})()"""


@pytest.mark.parametrize(
    ("across", "down", "column", "row"), [(0.01, 0.99, 0, 11), (0.99, 0.3, 11, 3), (0.5, 0.01, 6, 0)]
)
def test_the_pointer_moves_through_the_walk(browser, across, down, column, row):
    browser.point_at("#map", across, down)
    share = [round(100 * at / 11) for at in (column, row)]
    browser.wait_for(
        f"document.getElementById('place').textContent === '{share[0]} % of the way to the right, {share[1]} % down'"
    )
    assert browser.value(CELL.format(column=column, row=row)), "the picture under the pointer is shown large"
    assert not browser.value(CELL.format(column=11 - column, row=11 - row))


def test_the_arrow_keys_move_through_it_too(browser):
    browser.point_at("#map", 0.01, 0.01)
    browser.value("document.getElementById('map').focus()")
    browser.press("ArrowRight", 39)
    browser.press("ArrowDown", 40)
    assert browser.value("document.getElementById('place').textContent") == "9 % of the way to the right, 9 % down"
    assert browser.value(CELL.format(column=1, row=1))


def test_the_blind_test_counts_what_is_right(browser):
    real = browser.value("Array.from(document.querySelectorAll('#blind button')).map(b => b.dataset.real === '1')")
    assert sum(real) == 20
    assert len(real) == 40
    for k, is_real in enumerate(real, 1):
        if is_real and k != 1 + real.index(True):  # all but one
            browser.point_at(f"#blind button:nth-child({k})", 0.5, 0.5, click=True)
    browser.point_at("#ask", 0.5, 0.5, click=True)
    answer = browser.value("document.getElementById('answer').textContent")
    assert answer == "39 of 40 right: 98 % (95 % interval 87 to 100 %); guessing gives 50 %."
    assert browser.errors == []
