"""The site: a link that leads nowhere is an error, nothing is fetched, and the search answers from disk."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="the extra docs is not installed")
ROOT = Path(__file__).parent.parent.parent
BUILD = [sys.executable, "-m", "sphinx", "-E", "-W", "--keep-going", "-q", "-b", "html"]
CONF = f"import sys; sys.path.insert(0, {str(ROOT / 'docs')!r})\nextensions = ['myst_parser', 'building.links']\n"
REMOTE = re.compile(r"<(?:script|img|link rel=\"(?:stylesheet|icon|preload))[^>]*(?:src|href)=\"(?:https?:)?//[^>]*>")


def build(pages: Path, site: Path) -> subprocess.CompletedProcess:
    return subprocess.run([*BUILD, str(pages), str(site)], capture_output=True, text=True, cwd=ROOT)


def small_site(folder: Path, page: str) -> subprocess.CompletedProcess:
    (folder / "docs").mkdir()
    (folder / "docs" / "conf.py").write_text(CONF)
    (folder / "docs" / "index.md").write_text(f"# A page\n\n{page}\n")
    return build(folder / "docs", folder / "site")


def test_a_file_that_a_page_names_gets_a_page_of_its_own(tmp_path):
    done = small_site(tmp_path, "See `gan_lightning/losses/wgan.py` and `losses/hinge.py`; not `core/x`.")
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "site" / "index.html").read_text()
    links = set(re.findall(r'href="(source/[^"]*)"', page))
    assert links == {f"source/gan_lightning/losses/{name}.py.html" for name in ("wgan", "hinge")}
    text = (tmp_path / "site" / "source" / "gan_lightning" / "losses" / "wgan.py.html").read_text()
    assert "WGAN" in text
    assert '<a href="../../../index.html">' in text


def test_what_is_not_there_is_an_error(tmp_path):
    done = small_site(
        tmp_path, "[a page](nowhere.md), [a file](../nothing.py), `tests/test_nothing.py`, [a part](#gone)."
    )
    assert done.returncode == 1
    assert "there is no file tests/test_nothing.py" in done.stderr
    for target in ("nowhere.md", "../nothing.py", "gone"):
        assert re.search(rf"'#?{re.escape(target)}'.*\[myst.xref_missing\]", done.stderr), done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The whole site, in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs", folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_fetches_nothing(site):
    pages = {str(page.relative_to(site)): page.read_text() for page in site.rglob("*.html")}
    assert {"index.html", "tutorial.html", "reference/groups/loss.html", "api/losses.html"} <= pages.keys()
    assert [name for name, text in pages.items() if REMOTE.search(text)] == []
    assert "gan_lightning.losses.wgan.WGAN" in pages["api/losses.html"]
    assert 'href="../../api/losses.html#gan_lightning.losses.wgan.WGAN"' in pages["reference/groups/loss.html"]
    sheets = "".join(sheet.read_text() for sheet in (site / "_static").rglob("*.css"))
    assert not re.search(r"(url\(['\"]?|@import ['\"])(https?:)?//", sheets)


@pytest.mark.slow
def test_the_search_answers_from_disk(site, tmp_path):
    if not (chromium := shutil.which("chromium") or shutil.which("chromium-browser")):
        pytest.skip("no chromium here")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    options += ["--virtual-time-budget=20000", "--dump-dom"]
    page = f"file://{site}/search.html?q=saturates"
    shown = subprocess.run([chromium, *options, page], capture_output=True, text=True).stdout
    assert re.search(r"found \d+ pages? matching", shown)
    assert "studies/saturation.html" in shown
