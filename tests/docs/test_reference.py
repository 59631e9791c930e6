"""The reference is whole: each command, group, choice and key of conf/ appears in what is written from it."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from gan_lightning.config.explained import keys_of
from gan_lightning.config.where import CONF

pytest.importorskip("sphinx", reason="the extra docs is not installed")
ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "docs"))

from building import api, code, formulas, notebook, reference  # noqa: E402

GROUPS = ROOT / "docs" / "reference" / "groups"


def test_each_group_has_a_page():
    pages = {re.search(r"```{choices} (\S+)", page.read_text())[1] for page in GROUPS.glob("*.md")}
    missing = set(reference.GROUPS) - pages
    assert missing == set(), (
        "write docs/reference/groups/<name>.md as its siblings are, and name it in reference/index.md"
    )
    assert pages <= set(reference.GROUPS)


@pytest.mark.parametrize("group", reference.GROUPS)
def test_each_choice_appears_with_all_its_keys(group):
    text = reference.group_sections(group)
    for choice in reference.choices(group):
        file = CONF / group / f"{choice}.yaml"
        section = text.split(f"## `{reference.typed(group, choice)}`\n")[1].split("\n## ")[0]
        assert f"`conf/{group}/{choice}.yaml`" in section
        if group in reference.RECIPES:
            last = file.read_text().strip().splitlines()[-1]
            assert last in section or (last.startswith("#") and "It sets nothing." in section)
            continue
        prefix = "" if "@package _global_" in file.read_text() else f"{group.replace('/', '.')}."
        typed = [key for key in keys_of(file) if key.default and not (not prefix and key.name.startswith(f"{group}."))]
        assert [k.name for k in typed if f"| `{prefix}{k.name}` | {reference.cell(k.default)} |" not in section] == []


def test_each_command_appears_with_all_its_keys():
    text = reference.command_sections()
    for command in reference.COMMANDS:
        section = text.split(f"## `{command}`\n")[1].split("\n## ")[0]
        for key in keys_of(CONF / f"{command}.yaml"):
            assert f"| `{key.name}` |" in section, (command, key)


def test_what_no_comment_explains_is_taken_from_the_docstring():
    text = reference.choice_section("callbacks", "default")
    assert "| `callbacks.samples.frame_ms` | `150` | how long the animation shows each grid. |" in text
    assert "| `callbacks.watch.limits.slope` | `0.01` | of G's loss in D's logits" in text


def test_a_comment_is_no_markup():
    assert reference.prose("weight of |z|^2, <n> of [N]") == r"weight of \|z\|^2, \<n\> of \[N\]"
    assert reference.prose("see docs/latent.md; write out=x.") == "see `docs/latent.md`; write `out=x`."


def test_each_folder_of_the_package_has_a_page_with_all_its_modules():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {name.split(".")[1] for name in packages if "." in name} - {"conf"}
    assert folders == {page.stem for page in (ROOT / "docs" / "api").glob("*.md")} - {"index"}
    for folder in folders:
        text = api.sections(f"gan_lightning.{folder}")
        files = [f for f in (ROOT / "gan_lightning" / folder).glob("*.py") if f.stem not in ("__init__", "__main__")]
        assert [f.name for f in files if f".. automodule:: gan_lightning.{folder}.{f.stem}\n" not in text] == []


@pytest.mark.parametrize(
    ("line", "escaped"),
    [
        ("|grad D(x)|^2 and theta*", r"\|grad D(x)\|^2 and theta\*"),
        ("``a|b*`` stays, x_ does not", r"``a|b*`` stays, x\_ does not"),
        ("    * a bullet, g_steps", "    * a bullet, g_steps"),
    ],
)
def test_signs_in_a_docstring_are_no_markup(line, escaped):
    assert api.escaped(line) == escaped


@pytest.mark.parametrize(
    ("block", "language"),
    [
        ("$ python -m gan_lightning.train", "text"),
        (">>> entropy([0.9, 0.1])", "pycon"),
        ("class Logits(Loss):", "python"),
        ("# D's probabilities.\n_target_: a.B", "yaml"),
    ],
)
def test_the_language_of_a_block(block, language):
    assert code.language(block) == language


def test_the_cells_of_a_notebook_as_a_page():
    text = "# head\n# %% [markdown]\n# # Title\n# words\n\n# %%\nx = 1\n"
    assert notebook.shown(text) == "## Title\nwords\n\n```python\nx = 1\n```"


def test_a_formula_is_mathml_with_a_space_behind_log():
    assert "<mi>log</mi>\n  <mo>&ApplyFunction;</mo><mspace width='0.17em'/>" in formulas.mathml(r"\log 4", None, False)
    assert "mspace" not in formulas.mathml(r"\log(4)", None, False)
    assert formulas.mathml(r"\nothing", None, False) == "", "and a warning, which ends make docs"
