"""Every command that stands on a page composes: its words are known to Hydra, its keys and values to the rules."""

import re
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from on_pages import ROOT, TYPED, commands

from gan_lightning.config.checks import check_added_keys, check_values
from gan_lightning.config.command_line import arranged, options_of
from gan_lightning.config.compose import compose
from gan_lightning.config.quoting import typed_for_hydra
from gan_lightning.config.where import CONF


def written_on(page: Path, folder: Path) -> list[str]:
    """The YAML files of conf/ that a page has the reader write, put into ``folder``; the override that finds them."""
    named = r"`(?:conf|mine)/([\w/]+\.yaml)`[^\n]*\n(?:\S[^\n]*\n)*\n((?:    [^\n]*\n|\n)+)"
    for name, block in re.findall(named, page.read_text()):
        if not (CONF / name).exists():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            own = re.split(r"\n\n(?=    (?:python|\$) )", block)[0]
            file.write_text(re.sub(r"^    ", "", own, flags=re.MULTILINE))
    for names in re.findall(r"'technique=\[([\w,]+)\]'", page.read_text()) if "extending" in page.parts else []:
        for name in (n for n in names.split(",") if not (CONF / "technique" / f"{n}.yaml").exists()):
            (folder / "technique").mkdir(exist_ok=True)
            (folder / "technique" / f"{name}.yaml").write_text(f"{name}: {{}}\n")
    return [f"hydra.searchpath=[file://{folder}]"] if any(folder.iterdir()) else []


def singles(overrides: list[str]) -> list[str]:
    """The words of a multirun's first job."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    first = [f"{o.key_or_group}={next(o.sweep_string_iterator())}" if o.is_sweep_override() else None for o in parsed]
    return [one or word for word, one in zip(overrides, first, strict=True)]


@pytest.mark.parametrize(("page", "verb", "words"), TYPED, ids=lambda part: part[:80])
def test_a_command_of_a_page_composes(page, verb, words, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")  # srun, of a cluster
    search = written_on(ROOT / page, tmp_path)
    if not (CONF / f"{verb}.yaml").exists() and (tmp_path / f"{verb}.yaml").exists():
        pytest.skip("tests/commands/test_one_file_command.py writes this command and plays it")
    arguments = typed_for_hydra(arranged([verb, *shlex.split(words)], verb))[1:]
    options, _ = options_of(arguments, verb)
    overrides = singles(options.overrides) if options.multirun else options.overrides
    cfg = compose(verb, [*search, *overrides])
    check_added_keys(overrides, cfg, [path.name for path in CONF.iterdir() if path.is_dir()])
    check_values(cfg)


def test_the_pages_have_commands():
    assert len(TYPED) > 120
    assert {verb for _, verb, _ in TYPED} > {
        "train",
        "sample",
        "evaluate",
        "compare",
        "study",
        "latent",
        "report",
        "export",
    }


def test_a_misspelt_command_would_be_seen():
    typed = "    $ python -m gan_lightning.train loss=nsgan stesp=3   # short\n"
    refused = "    $ python -m gan_lightning.train los=x\n    error: no\n"
    assert commands(typed + refused) == [("train", "loss=nsgan stesp=3")]
