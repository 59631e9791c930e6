"""Every command that stands on a page runs: in a short form, in a folder of its own, with the runs that it names."""

import os
import re
import shutil
from pathlib import Path

import pytest
from commands import run
from on_pages import PAGES, ROOT, TYPED
from shortened import NEEDS_MACHINES, NEEDS_MNIST, NOT_RUN, SHELL, Prepared, short, states, typed

from gan_lightning.data.mnist import MNIST

EXTENDING = "docs/extending/"
ELSEWHERE = {"docs/tutorial.md": "tests/docs/test_tutorial.py types them in their order"}
HERE = sorted(
    {(verb, words) for page, verb, words in TYPED if not page.startswith((EXTENDING, *ELSEWHERE))
     if (verb, words) not in NOT_RUN and not NEEDS_MACHINES.search(words)}
)  # fmt: skip
EXTENDED = [(page, v, w) for page, v, w in TYPED if page.startswith(EXTENDING) and (v, w) not in NOT_RUN]

# What a verb leaves behind: each of these has to match the end of the path of a file that is new or has changed.
LEAVES = {
    "train": ["config.yaml", "record.json", "checkpoints/last.ckpt"],
    "sample": ["*.png", "*.npz"],
    "evaluate": ["metrics.json", "evaluation-last*.png"],
    "compare": ["table.md", "table.csv", "curves.png", "samples.png", "report.html"],
    "report": ["report.html"],
    "judge": ["judge-digits.pt"],
    "study": ["numbers.json", "figure.png"],
    "latent": ["numbers.json", "*.png"],
}
PRINTS = {
    "bench": r"\d",
    "runs": r"done +\d",
    "theory": r"Goodfellow",
    "train --help": "All keys, those of the groups too",
    "train --cfg": r"optimizer:\n",
}
# words of commands that need an extra of the project -> a module of it
EXTRAS = {
    "search=": "hydra_plugins.hydra_optuna_sweeper",
    "launcher=joblib": "hydra_plugins.hydra_joblib_launcher",
    "format=onnx": "onnx",
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return Prepared(tmp_path_factory.mktemp("prepared"))


def times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "words"), HERE, ids=lambda part: part[:100])
def test_a_command_of_a_page_runs(verb, words, prepared, tmp_path):
    if NEEDS_MNIST.search(words) and not MNIST(os.environ.get("GAN_DATA", "nowhere")).is_complete():
        pytest.skip("needs MNIST in GAN_DATA: python -m gan_lightning.train data=mnist fetches it")
    for extra, module in EXTRAS.items():
        if extra in words:
            pytest.importorskip(module, reason=f"{extra} needs an extra")
    prepared.put(tmp_path, verb, words)
    before = times(tmp_path)
    code, text = typed(verb, short(verb, words), tmp_path)
    assert code == 0, text
    shown = next((PRINTS[name] for name in PRINTS if f"{verb} {words}".startswith(name)), None)
    if shown:
        assert re.search(shown, text), text
        return
    after = times(tmp_path)
    new = [path.relative_to(tmp_path) for path, time in after.items() if before.get(path) != time]
    figure = "study.play=false" not in words  # which measures what was played before: here nothing
    for pattern in LEAVES.get(verb, []) if figure else ["numbers.json"]:
        assert any(path.match(pattern) for path in new), (pattern, new, text)
    if verb == "export":
        assert any(str(path).startswith(target(words)) for path in new), (new, text)
    if verb == "train":
        assert set(states(tmp_path)) == {"done"}, text


def target(words: str) -> str:
    return next(word for word in words.split() if word.startswith("to=")).removeprefix("to=")


def files_of(page: str) -> dict[str, str]:
    """The files that a page of docs/extending has the reader write, name -> text."""
    text = (ROOT / page).read_text()
    named = r"^`((?:gan_lightning|conf)/[\w/]+\.(?:py|yaml))`[^\n]*\n(?:\S[^\n]*\n)*\n((?: {4}[^\n]*\n|\n)+)"
    found = {
        name: re.sub(r"^ {4}", "", re.split(r"\n\n(?=    (?:python|\$) )", block)[0], flags=re.MULTILINE)
        for name, block in re.findall(named, text, re.MULTILINE)
    }
    return found | techniques_of(text)


def techniques_of(text: str) -> dict[str, str]:
    """The same of the examples of techniques, whose files the page does not name: each block that begins with a class,
    behind the imports that the page asks for."""
    blocks = [
        re.sub(r"^ {4}", "", block, flags=re.MULTILINE)
        for block in re.findall(r"(?:^ {4}.*\n|^\n)+", text, re.MULTILINE)
    ]
    imports = next((block for block in blocks if block.strip().startswith("from typing import Any")), "")
    found = {}
    for block in blocks:
        for name in re.findall(r"^class (\w+)\(Technique\b", block, re.MULTILINE):
            word = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
            found[f"gan_lightning/techniques/{word}.py"] = imports + block
            yaml = f"{word}:\n  _target_: gan_lightning.techniques.{word}.{name}\n"
            found[f"conf/technique/{word}.yaml"] = yaml
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("page", "verb", "words"), EXTENDED, ids=lambda part: part[:80])
def test_a_part_of_ones_own_runs_as_its_page_types_it(page, verb, words, prepared, tmp_path):
    """In a copy of the package with the files that the page shows."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copytree(ROOT / "gan_lightning", tmp_path / "gan_lightning", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in files_of(page).items():
        (tmp_path / name).write_text(text)
    prepared.put(tmp_path, verb, words)
    code, text = run(tmp_path, *short(verb, words), module=f"gan_lightning.{verb}")
    assert code == 0, text


def test_every_command_is_run_or_named_with_the_reason():
    """What is on no list would be typed by nobody."""
    run_here = {*HERE, *((verb, words) for _, verb, words in EXTENDED)}
    for page, verb, words in TYPED:
        if (verb, words) not in run_here and (verb, words) not in NOT_RUN and page not in ELSEWHERE:
            assert NEEDS_MACHINES.search(words), (page, verb, words)
    assert all(page.startswith(("README.md", "docs/")) for page in ELSEWHERE)
    there = {(verb, words) for _, verb, words in TYPED}
    assert NOT_RUN.keys() <= there, "a reason for a command that is on no page"
    assert len(run_here) > 140


def test_every_target_of_make_on_a_page_is_there():
    """They are not run here: each is a command of its own or takes minutes (SHELL says what is left to others)."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        name for page in PAGES for name in re.findall(r"(?:^ {4}|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert {"train", "test", "docs"} <= named <= targets


def test_every_other_program_on_a_page_is_known():
    """Lines of shell, as far as they begin with the name of a program that this machine or a cluster has."""
    programs = r"make|pip3?|srun|sbatch|torchrun|tensorboard|git|docker|conda|apt|uv|curl|wget|pre-commit|jupy\w+"
    lines = rf"^ {{4}}(?:\$ )?({programs})(?= )(?! +=)"
    named = {name for page in PAGES for name in re.findall(lines, page.read_text(), re.MULTILINE)}
    assert named == SHELL.keys()


def test_the_short_form_of_a_command_keeps_its_words():
    words = short("train", "experiment=mlp data=mnist steps=5000 seed=0,1,2 optimizer.d.lr=4e-4")
    assert words[:5] == ["experiment=mlp", "data=digits", "steps=2", "seed=0", "optimizer.d.lr=4e-4"]
    assert "steps=2" not in words[5:]
    assert short("train", "resume=latest steps=12002") == ["resume=latest", "steps=6"]
