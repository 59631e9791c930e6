"""The commands of the pages in short forms: smaller numbers, tiny data, and the runs that they are typed for."""

import io
import json
import re
import shlex
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from commands import run
from conftest import TINY
from stopping import Stop

from gan_lightning.config.compose import compose
from gan_lightning.training.setup import train

# (verb or "", what stands on a page, what is typed instead): numbers shrink, and data that may have to be fetched are
# replaced by some that come with the packages.
REPLACED = (
    ("train", r"(?<!\S)data=(mnist5k|mnist|fashion_mnist)(?!\S)", "data=digits"),
    ("train", r"(?<!\S)steps=\d+", "steps=2"),
    ("train", r"(?<!\S)(log|sample|evaluate)_every=[1-9]\d*", r"\1_every=1"),
    ("train", r"(?<!\S)seed=0(,\d)+", "seed=0"),
    ("train", r"n_jobs=\d+", "n_jobs=1"),
    ("train", r"n_trials=\d+", "n_trials=2"),
    ("sample", r"(?<!\S)n=\d+", "n=9"),
    ("evaluate", r"metric\.n=[\d_]+", "metric.n=100"),
    ("latent", r"encoder_steps=\d+", "encoder_steps=2"),
    ("latent", r"images=test:[\d-]+", "images=test:0-1"),
    ("judge", r"epochs=\d+", "epochs=1"),
    ("bench", r"rounds=\d+", "rounds=1"),
    ("study", r"study\.steps=(\d+|null)", "study.steps=2"),
    ("study", r"data@study\.data=mnist", "data@study.data=mnist5k"),
    ("study", r"study\.data=\w+", "study.data=digits"),
    ("study", r"study\.minutes=\[[^]]*\]", "study.minutes=[0.02]"),
    ("study", r"study\.seeds=\[[^]]*\]", "study.seeds=[0]"),
    ("study", r"study\.threads=\d+", "study.threads=1"),
    ("study", r"study\.noise_at=\d+", "study.noise_at=1"),
    ("study", r"study\.sigmas=\[[^]]*\]", "study.sigmas=[0.3]"),
)

# What is typed beside, by verb, unless the command has that key already.
ADDED = {
    "train": "trainer=cpu steps=2 sample_every=0 evaluate_every=0 report=false batch_size=16",
    "sample": "n=9",
    "evaluate": "n=100",
    "export": "n=100",
    "compare": "n=2",
    "report": "n=2 frames=2",
    "judge": "data=digits epochs=1 features=4 width=4",
    "bench": "steps=10 recipe_steps=10 slice=5 often=5 rounds=1",
}
OF_CHOICES = {  # the same where the words have this choice
    "search=learning_rates": "evaluate_every=1",
    "metrics=tstr": "metrics.tstr.metric.n=100 metrics.tstr.metric.updates=2 'metrics.tstr.metric.seeds=[0]'",
    "metrics=nearest_neighbour": "metrics.nearest_neighbour.metric.n=100",
    "metrics=linear_probe": "metrics.linear_probe.metric.n=100",
    "task=directions": "n=50 count=2",
    "task=edit": "n=50 count=2 encoder_steps=2 restarts=1 steps=2",
    "task=inpaint": "images=test:0-1 encoder_steps=2 restarts=1 steps=2",
    "task=upscale": "images=test:0-1 encoder_steps=2 restarts=1 steps=2",
    "task=invert": "images=test:0-1 own=2 encoder_steps=2 restarts=1 steps=2",
    "task=interpolate": "pairs=2 n=3 frames=2",
    "task=reject": "n=100 'seeds=[0]'",
    "study=density_game": "study.steps=2 study.frames=2 study.batch_size=32",
    "study=dirac": "study.steps=20",
    "study=mode_coverage": "study.steps=2 study.frames=0",
    "study=mode_coverage_full": "study.steps=2 study.frames=0 'study.seeds=[0]' 'study.plain_seeds=[0]'",
    "study=optimal_discriminator": "study.steps=2 study.batch_size=64",
    "study=perfect_discriminator": "'study.at=[1,2]' study.iterations=2 study.every=1 study.noise_at=1 "
    "'study.sigmas=[0.3]' study.width=4 study.d_width=4 study.batch_size=16 data@study.data=mnist5k",
    "study=saturation": "study.steps=2 study.d_steps=1 data@study.data=digits",
    "study=speedrun": "'study.games=[mlp]' 'study.seeds=[0]' 'study.minutes=[0.02]' study.data=digits study.threads=1",
}
OF_CHOICES["study=perfect_discriminator_full"] = OF_CHOICES["study=perfect_discriminator"]
TWENTY_EIGHT = re.compile(r"experiment=dcgan|init=zoo")  # games whose images have 28 pixels a side
OWN_DATA = re.compile(r"(?<!\S)data=|experiment=(ring8|grid25|goodfellow2014_mnist|semi_mnist_cpu)")
NEEDS_MNIST = re.compile(
    r"experiment=(goodfellow2014_mnist|semi_mnist_cpu)|task=(inpaint|upscale|invert|edit|reject) .*zoo:"
)
# Commands that are played in processes of their own: Optuna warns when it is imported, and a list that is logged goes
# to where the first command of a process logged.
ALONE = ("search=", "runs", "theory")

# (verb, words as test_typed_commands.py finds them) -> why no test types them
NOT_RUN = {
    ("export", ""): "no command: the name of the verb in a sentence",
    ("interpolate", ""): "written and typed by tests/commands/test_one_file_command.py",
    ("interpolate", "run=latest n=8"): "as the line above",
    ("interpolate", "run=name [n=16] [seed=0]"): "as the line above",
}
SHELL = {  # other programs on the pages -> why they are not run
    "make": "installs, or takes minutes; each target that is named is in the Makefile",
    "pip": "needs an index of packages; tests/test_wheel.py installs the project",
    "srun": "needs SLURM; tests/training/test_nodes.py sets its variables",
    "torchrun": "two nodes, played by tests/training/test_nodes.py",
    "tensorboard": "a server that does not end",
}
# Words of commands that need a GPU, several processes (tests/training/test_processes.py, test_nodes.py) or SLURM
NEEDS_MACHINES = re.compile(r"trainer=(gpu|ddp)|devices=[2-9]|launcher=slurm")


def typed(verb: str, words: list[str], folder: Path) -> tuple[int, str]:
    """(exit code, output) of ``python -m gan_lightning.verb words`` in ``folder``, in this process where it may."""
    name = f"gan_lightning.{verb}"
    if verb in ALONE or any(word.startswith(ALONE[0]) for word in words):
        return run(folder, *words, module=name)
    package = find_spec(name)
    assert package is not None
    main = import_module(f"{name}.__main__" if package.submodule_search_locations else name).main
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.chdir(folder)
        patch.setattr(sys, "argv", [f"{verb}.py", *words])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    return code, said.getvalue()


def short(verb: str, words: str) -> list[str]:
    """What is typed in place of ``words``."""
    if "--help" in words or "--cfg" in words:
        return shlex.split(words)
    for own, long, shorter in REPLACED:
        words = re.sub(long, shorter, words) if own == verb else words
    if verb == "train" and re.search(r"(resume|continue)=(?!auto)", words):  # the others are those of the run
        return shlex.split(words.replace(" steps=2", " steps=6"))
    added = [text for choice, text in OF_CHOICES.items() if choice in words.split()]
    if verb == "train" and not OWN_DATA.search(words):
        added.append("data=mnist5k" if TWENTY_EIGHT.search(words) else "data=digits")
    if TWENTY_EIGHT.search(words):
        words = words.replace("data=digits", "data=mnist5k")
    found = shlex.split(words)
    for word in shlex.split(" ".join([*added, ADDED.get(verb, "")])):
        key = word.split("=")[0]
        if not any(own.lstrip("+~").split("=")[0] == key for own in found):
            found.append(word)
    return found


class Prepared:
    """Tiny runs and a sweep, each made when it is first needed; ``put`` copies them to where a command looks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def played(self, name: str, *words: str, stop: int | None = None) -> Path:
        folder = self.folder / name
        folder.mkdir()
        typed_words = [*words, "report=false", "trainer=cpu", "evaluate_every=0", "sample_every=0"]
        train(compose("train", typed_words), folder, typed_words, extra_callbacks=[Stop(stop)] if stop else [])
        return folder

    @cached_property
    def plain(self) -> Path:
        return self.played("plain", "data=digits", "steps=2", "batch_size=16")

    @cached_property
    def stopped(self) -> Path:
        return self.played("stopped", "data=digits", "steps=4", "batch_size=16", stop=2)

    @cached_property
    def labelled(self) -> Path:
        return self.played("labelled", "data=digits", "steps=2", "batch_size=16", "condition=projection")

    @cached_property
    def points(self) -> Path:
        return self.played("points", "experiment=ring8", "steps=2")

    @cached_property
    def sweep(self) -> Path:
        tiny = [word for word in TINY if not word.startswith("data")] + ["data=digits", "log_every=1"]
        words = ["-m", *tiny, "loss=nsgan,mmgan", "seed=0", "hydra.sweep.dir=sweep"]
        for verb, own in (("train", words), ("evaluate", ["run='sweep/*'", "metrics=fast", "n=100"])):
            code, text = typed(verb, own, self.folder)
            assert code == 0, text
        return self.folder / "sweep"

    def for_words(self, verb: str, words: str) -> Path:
        """The run that a command of these words works with."""
        if "resume=" in words:
            return self.stopped
        if "metrics=points" in words:
            return self.points
        asks = r"label=|metrics=(conditional|tstr|nearest_neighbour)"
        return self.labelled if re.search(asks, words) else self.plain

    def put(self, folder: Path, verb: str, words: str) -> None:
        """Copy into ``folder`` the runs that the command names, under these names."""
        named = dict(word.split("=", 1) for word in shlex.split(words) if "=" in word)
        one, many = named.get("run", named.get("resume")), named.get("runs", named.get("continue"))
        needs = verb in ("sample", "evaluate", "report", "export", "latent") and many is None
        one = "latest" if needs and one is None else one
        if one and not one.startswith("zoo:") and one != "auto":
            self.put_run(folder, one.strip('"').split("/checkpoints/")[0], self.for_words(verb, words))
        if verb == "runs" and many is None:
            self.put_run(folder, "latest", self.plain)
        if many:
            self.put_sweep(folder, many.strip('"'))
            if "continue" in named:
                shutil.rmtree(next((folder / "outputs").glob("multirun/*/*/loss-mmgan*")))

    def put_run(self, folder: Path, name: str, run: Path) -> None:
        if "*" in name:
            return self.put_sweep(folder, name)
        shutil.copytree(run, folder / ("outputs/2026-01-01/10-00-00-game" if name == "latest" else name))
        return None

    def put_sweep(self, folder: Path, name: str) -> None:
        """The whole folder of the sweep, or where a glob asks for runs, these."""
        if name == "latest":
            name = "outputs/multirun/2026-01-01/10-00-00"
        if "*" not in name:
            shutil.copytree(self.sweep, folder / name)
            return
        for one in sorted(path.parent for path in self.sweep.glob("*/config.yaml")):
            parts = [
                part.replace("*", one.name if k == name.count("/") else "1") for k, part in enumerate(name.split("/"))
            ]
            shutil.copytree(one, folder.joinpath(*parts))


def states(folder: Path) -> list[str]:
    """How each run below ``folder`` has ended."""
    return [json.loads(file.read_text())["status"] for file in sorted(folder.rglob("status.json"))]
