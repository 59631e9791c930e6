"""What help and reference say of a key is the comment beside it."""

import re

import pytest

from gan_lightning.config.command_line import arranged
from gan_lightning.config.explained import Key, described, grouped, groups_of, head, keys_of, listed
from gan_lightning.config.where import CONF

YAML = """\
# @package _global_
# What it is for.
#
#   python -m gan_lightning.train -m it=1
defaults: [default, _self_]
plain: 1.0
text: "a # b"   # no comment before this: a # b
long: null      # first line,
                # second line
# of nobody
below:          # of all below
  _target_: a.b.C
  list: [1, 2]  # two numbers
  made: {_target_: a.b.D, n: 3}
  flow: {n: 4}
  block:        # each on its line
    - x: 1
      y: 2
    - z
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "it.yaml"
    path.write_text(YAML)
    return path


def test_each_key_has_its_default_and_the_comment_beside_it(file):
    assert keys_of(file) == [
        Key("plain", "1.0", ""),
        Key("text", '"a # b"', "no comment before this: a # b"),
        Key("long", "null", "first line, second line"),
        Key("below", "", "of all below"),
        Key("below.list", "[1, 2]", "two numbers"),
        Key("below.made", "", ""),
        Key("below.made.n", "3", ""),
        Key("below.flow", "{n: 4}", ""),
        Key("below.block", "[{x: 1, y: 2}, z]", "each on its line"),
    ]


def test_the_words_that_a_file_begins_with(file):
    assert head(file) == ["What it is for.", "", "  python -m gan_lightning.train -m it=1"]


def test_help_of_a_command_wraps_the_words_beside_the_keys():
    text = listed("export", width=60)
    assert "  tolerance=0.01      the share by which it may be larger" in text
    assert "store=auto          int8, float16 or float32: the kind of" in text
    assert all(len(line) <= 60 for line in text.splitlines())


def test_help_shows_a_key_of_the_command_once_and_below_those_of_its_groups(call):
    """``$CONFIG`` repeated the keys of the command itself."""
    for typed, groups in ((["~study"], ""), (["study=dirac"], "study:\n")):
        code, text = call("study", "--help", *typed)
        keys, _, below = text.partition("Keys with their defaults")[2].partition("Those of the groups:\n\n")
        assert (code, keys.count("seed=0"), keys.count("out=null"), bool(below)) == (0, 1, 1, bool(groups))
        assert below.startswith(groups)
        assert not re.search("^(seed|out|hydra):", below, re.MULTILINE)
    assert "\n  steps: 500\n" in below
    assert "\n  seed: ${seed}\n" in below, "as it is composed"
    assert "groups" not in call("sample", "--help")[1], "which has none"


def test_the_studies_have_a_line_each():
    lines = described("study", width=10**6).splitlines()
    assert len(lines) == len(list((CONF / "study").glob("*.yaml")))
    said = "The Dirac-GAN under each loss and regulariser, by simultaneous and alternating steps"
    assert lines[1] == f"  dirac                       {said}", "without its source"
    assert lines[2].endswith("Which games reach all modes of a mixture in the plane"), "the first sentence"


def test_help_needs_no_choice_where_the_command_does():
    assert arranged(["study.py", "--help"], "study") == ["study.py", "--help", "~study"]
    assert arranged(["study.py"], "study") == ["study.py", "--help", "~study"], "typed alone"
    assert arranged(["study.py", "seed=1"], "study") == ["study.py", "seed=1"], "which is refused"
    assert arranged(["train.py"], "train") == ["train.py"], "which trains"
    assert arranged(["study.py", "study=dirac", "--help"], "study") == ["study.py", "--help", "study=dirac"]


def test_a_command_lists_its_own_groups_and_no_others():
    assert groups_of(CONF / "export.yaml") == {"metrics": "fast"}
    assert grouped("study").startswith("  study: density_game, dirac, mode_coverage,")
    assert [line.split(":")[0].strip() for line in grouped("train", width=10**6).splitlines()][:3] == [
        "data",
        "prior",
        "loss",
    ]
    assert "task" not in grouped("train")


@pytest.mark.parametrize("command", [file.stem for file in sorted(CONF.glob("*.yaml"))])
def test_every_key_of_a_command_is_explained(command):
    """Where there are groups, their keys have files of their own."""
    file = CONF / f"{command}.yaml"
    assert [key.name for key in keys_of(file) if not key.says and key.default not in ("", "{}")] == []
