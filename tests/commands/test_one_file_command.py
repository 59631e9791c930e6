"""docs/extending/command.md: what it shows is written beside the package's own files, and typed as a person would."""

import re
import shutil
from pathlib import Path

import pytest
from commands import run
from PIL import Image

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "extending" / "command.md").read_text()
ONE_FILE, TWO_FILES = PAGE.split("\n## When `--help` should be quick")
COMMAND = "gan_lightning.interpolate"


def shown(text: str) -> dict[str, str]:
    """The files of a page: each is named on a line of its own, and follows indented by four."""
    blocks = re.findall(r"^`((?:gan_lightning|conf)/\S+)`\n\n((?:    .*\n|\n)+)", text, flags=re.MULTILINE)
    return {name: re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for name, block in blocks}


def linked(source: Path, target: Path) -> None:
    """``source`` once more: folders of its own, each file a link."""
    shutil.copytree(source, target, copy_function=lambda file, new: Path(new).symlink_to(file))


@pytest.fixture(scope="module", params=["one file", "two files"])
def checkout(request, tmp_path_factory):
    """A folder with gan_lightning/ and conf/, and in them the command of the page in one of its forms."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in ("gan_lightning", "conf"):
        linked(ROOT / part, folder / part)
    files = shown(ONE_FILE)
    assert sorted(files) == ["conf/interpolate.yaml", "gan_lightning/interpolate.py"]
    if request.param == "two files":
        files |= shown(TWO_FILES)
        assert len(files) == 3
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_the_command_of_the_page_draws_its_picture(checkout, finished_tiny, tmp_path):
    game = shutil.copytree(finished_tiny, tmp_path / "run")
    code, text = run(checkout, f"run={game}", "n=4", "seed=3", module=COMMAND)
    assert code == 0, text
    picture = game / "samples" / "line-n4-seed3.png"
    assert text.strip().endswith(f"wrote {picture}")
    with Image.open(picture) as image:
        assert image.size == (2 * 8 + 6, 2 * 8 + 6), "four images of 8 x 8, with 2 pixels around each"


def test_its_help_lists_the_keys_of_its_yaml(checkout):
    code, text = run(checkout, "--help", module=COMMAND)
    assert code == 0, text
    assert "A picture of what a generator draws on the way from one z to another." in text
    explained = "  run=latest  a run directory, a checkpoint, or latest: the newest run below outputs/"
    assert {explained, "  n=16", "  seed=0"} <= set(text.splitlines())


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("sed=1", "error: there is no key 'sed'. Did you mean seed? --help lists the keys."),
        ("n=many", "error: n must be a whole number, 1 or more, got 'many'. Write for example n=64"),
        ("outputs/x", "error: outputs/x is not of the form key=value. Write run=outputs/x; --help lists the keys."),
    ],
)
def test_a_mistake_gets_one_sentence(checkout, typed, sentence):
    assert run(checkout, typed, module=COMMAND) == (1, f"{sentence}\n")
