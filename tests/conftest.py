"""Shared by all tests: few threads, no network, tiny games."""

import copy
import functools
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Environment of this process and of those that tests start: one thread each, and the code of this checkout.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent)

import composing
import pytest
import torch
from lightning.pytorch import Callback
from omegaconf import DictConfig

from gan_lightning import sample as sample_verb
from gan_lightning import study as study_verb
from gan_lightning import train as train_verb
from gan_lightning.callbacks.libraries import silence_libraries
from gan_lightning.config.build import build_data, build_gan, make
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF
from gan_lightning.data.auto import DECISION
from gan_lightning.game.module import GAN
from gan_lightning.training.setup import train

torch.set_num_threads(1)
composing.keep()

TINY = [
    "network=mlp",
    "technique=[]",
    "data=synthetic",
    "data.n=96",
    "data.size=8",
    "network.G.hidden=[8,12]",
    "network.D.hidden=[12,6]",
    "prior.dim=5",
    "batch_size=16",
    "steps=6",
    "log_every=0",
    "sample_every=0",
    "evaluate_every=0",
    "checkpoint_every=0",
    "report=false",
    "trainer=cpu",
]

CONV = ["network=conv", "network.G.hidden=8", "network.D.hidden=8", "network.G.width=4", "network.D.width=4",
        "data.channels=3", "batch_size=8", "steps=4", "~logger.tensorboard"]  # fmt: skip

LABELLED = ("supervised",)  # techniques of games with labelled data, which have tests of their own
TECHNIQUES = sorted(p.stem for p in (CONF / "technique").glob("*.yaml") if p.stem not in LABELLED)
TOGETHER = [t for t in TECHNIQUES if t not in ("dragan", "gradient_penalty", "weight_norm")]  # in one game


# Files that take longest come first: otherwise one of two workers may begin a long one when the other has finished.
FIRST = (
    "test_processes",
    "test_resume",
    "test_resume_damage",
    "test_studies",
    "test_kill_points",
    "test_evaluation",
    "test_search",
    "test_cli",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: i for i, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(FIRST)))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DECISION, "")  # so that a test's decision ends with it
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)


def only_network(overrides: tuple[str, ...]) -> list[str]:
    """TINY, without the sizes of the mlp when another network is asked for."""
    other = any(o.startswith("network=") and o != "network=mlp" for o in overrides)
    return [o for o in TINY if not (other and o.startswith("network."))]


@functools.cache
def composed(overrides: tuple[str, ...]) -> DictConfig:
    """The configuration of ``train``, the same object for the same overrides: copy it before you change it."""
    return compose("train", list(overrides))


@pytest.fixture
def tiny() -> Callable[..., DictConfig]:
    """The configuration of a tiny game: ``tiny("d_steps=2", ...)``."""
    return lambda *overrides: copy.deepcopy(composed((*only_network(overrides), *overrides)))


@pytest.fixture
def play(tiny: Callable[..., Any], tmp_path: Path) -> Callable[..., GAN]:
    """Play a tiny game to its end, without the verb: ``play("d_steps=2", callbacks=[...])`` -> the GAN."""

    def run(
        *overrides: str,
        callbacks: tuple[Callback, ...] = (),
        gan: GAN | None = None,
        double: bool = False,
        **trainer: Any,
    ) -> GAN:
        silence_libraries()
        cfg = tiny(*overrides)
        torch.manual_seed(cfg.seed)
        data = build_data(cfg)
        data.setup()
        gan = gan or build_gan(cfg, data.source.shape, class_counts=data.class_counts, labelled=data.known)
        options = {
            "default_root_dir": str(tmp_path),
            "max_steps": (cfg.d_steps + 1) * cfg.steps,
            "logger": False,
            "callbacks": list(callbacks),
        }
        if double:
            options["precision"] = "64-true"
        make(cfg.trainer, **options, **trainer).fit(gan, datamodule=data)
        return gan

    return run


@pytest.fixture(scope="session")
def finished_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny game with an average of G; copy it before you change it."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    folder.mkdir()
    typed = [*TINY, "technique=[ema]"]
    train(compose("train", typed), folder, typed)
    return folder


@pytest.fixture
def stranger(finished_tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run directory as it might come from a stranger, beside files and a variable that an attack could reach.

    The working directory is the folder with both.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET", "secret-of-this-machine")
    Path("hubconf.py").write_text("open('executed', 'w')\ndef entry(*a, **k):\n    return 5\n")
    Path("evil.yaml").write_text("# @package _global_\nseed: 666\n")
    Path("secret.txt").write_text("secret-of-this-machine")
    return shutil.copytree(finished_tiny, tmp_path / "run")


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str]]:
    """Run a command in this process, in an empty folder: ``call("train", "steps=0")`` -> (exit code, output)."""
    monkeypatch.chdir(tmp_path)
    mains = {"train": train_verb.main, "sample": sample_verb.main, "study": study_verb.main}

    def run(verb: str, *args: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", [f"{verb}.py", *args])
        try:
            mains[verb]()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def runs(folder: Path) -> list[Path]:
    """The run directories below ``folder``."""
    return sorted(p.parent for p in folder.rglob("config.yaml"))


class EachStep(Callback):
    """Calls ``look(gan)`` after every batch and keeps what it returns."""

    def __init__(self, look: Callable[[GAN], Any]) -> None:
        self.look, self.seen = look, []

    def on_train_batch_end(self, trainer: Any, module: GAN, *args: Any) -> None:
        self.seen.append(self.look(module))
