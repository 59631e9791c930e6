"""Run directories: the record a run leaves, finding it again, and a generator out of it."""

import json
import os
import pickle
import platform
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from gan_lightning.cli import CONF, explain
from gan_lightning.interfaces import Prior
from gan_lightning.rng import Stream

OUTPUTS = Path("outputs")
WANTED = {"state_dict", "config", "shape", "counters"}  # of a checkpoint


# Writing ---------------------------------------------------------------------------------------------------


def write_json(path: Path, value: Any) -> None:
    """Write beside ``path`` and rename, so that a reader never sees half a file."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(value, indent=2) + "\n")
    temporary.replace(path)


def environment() -> dict[str, Any]:
    """What the run ran on: commit, versions, machine."""
    try:
        git = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        git = None
    names = ("gan-lightning", "torch", "torchvision", "lightning", "hydra-core", "numpy")
    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = version(name)
        except ImportError:
            versions[name] = None
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "git": git,
        "python": platform.python_version(),
        "versions": versions,
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
    }


@contextmanager
def record(run: Path, cfg: DictConfig, note: str | None, overrides: list[str]) -> Iterator[dict[str, Any]]:
    """Claim ``run`` for one run and keep its status: running, then done or failed with the reason.

    What the caller puts into the yielded dict goes into status.json.

    Raises:
        ValueError: the directory holds a run already, or cannot be written.
    """
    try:
        with (run / "config.yaml").open("x") as file:
            file.write(OmegaConf.to_yaml(cfg))
    except FileExistsError as error:
        raise ValueError(
            f"{run} holds a run already, and a run never overwrites another. Name another hydra.run.dir."
        ) from error
    except OSError as error:
        raise ValueError(
            f"the run directory {run} cannot be written: {error.strerror}. Name another with hydra.run.dir=<folder>."
        ) from error
    now = datetime.now().astimezone
    status: dict[str, Any] = {
        "status": "running",
        "started": now().isoformat(),
        "host": platform.node(),
        "pid": os.getpid(),
    }
    write_json(run / "status.json", status)
    command = shlex.join(["python", "-m", "gan_lightning.train", *overrides])
    write_json(run / "record.json", {"command": command, "overrides": overrides, "note": note, **environment()})
    try:
        yield status
    except BaseException as error:
        reason = explain(error) if isinstance(error, Exception) else type(error).__name__
        write_json(run / "status.json", {**status, "status": "failed", "ended": now().isoformat(), "error": reason})
        raise
    write_json(run / "status.json", {**status, "status": "done", "ended": now().isoformat()})


# Finding ---------------------------------------------------------------------------------------------------


def is_run(path: Path) -> bool:
    return (path / "config.yaml").is_file() and (path / "status.json").is_file()


def find(run: str | Path) -> tuple[Path, Path]:
    """(run directory, checkpoint) for a run directory, a checkpoint or ``latest`` (the newest below outputs/).

    Raises:
        ValueError: there is no such run, or it has no checkpoint yet.
    """
    path = latest() if str(run) == "latest" else Path(run)
    if path.is_file():
        return path.parent.parent if path.parent.name == "checkpoints" else path.parent, path
    if not path.exists():
        raise ValueError(f"run={run} does not exist. Give a run directory, a checkpoint or latest.")
    if not is_run(path):
        raise ValueError(
            f"run={run} is not a run directory: it has no config.yaml and status.json. "
            "Give the directory that train named in its last line, a checkpoint in it, or latest."
        )
    checkpoint = path / "checkpoints" / "last.ckpt"
    if not checkpoint.is_file():
        raise ValueError(f"run={run} has no checkpoint yet ({checkpoint} is missing). Let it train longer.")
    return path, checkpoint


def latest() -> Path:
    """The run below outputs/ that was started last and has a checkpoint."""
    runs = [p.parent for p in OUTPUTS.rglob("config.yaml") if (p.parent / "checkpoints/last.ckpt").is_file()]
    if not runs:
        raise ValueError(
            f"run=latest found no finished run below {OUTPUTS.resolve()}. "
            "Train one (python -m gan_lightning.train), or name its directory."
        )
    return max(runs, key=lambda run: (run / "config.yaml").stat().st_mtime_ns)


def status_of(run: Path) -> dict[str, Any]:
    """status.json, with ``unfinished`` for a run that says running but whose process has gone."""
    try:
        status = json.loads((run / "status.json").read_text())
    except (OSError, ValueError):
        return {"status": "unfinished"}
    if status["status"] == "running" and status.get("host") == platform.node() and not alive(status.get("pid", 0)):
        status["status"] = "unfinished"
    return status


def alive(pid: int) -> bool:
    """Does a process of this number exist on this machine?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0


def newest(pattern: str, what: str) -> Path:
    """The newest directory below outputs/ that holds a file ``pattern``."""
    found = [p.parent for p in OUTPUTS.rglob(pattern)]
    if not found:
        raise ValueError(f"{what}=latest found none below {OUTPUTS.resolve()}. Name its directory.")
    return max(found, key=lambda d: (d / pattern).stat().st_mtime_ns)


# Reading ---------------------------------------------------------------------------------------------------


def known_targets() -> set[str]:
    """Every ``_target_`` of the installed conf/: the only ones that a configuration from a file may name."""
    pattern = re.compile(r"_target_:\s*([\w.]+)")
    return {t for p in CONF.rglob("*.yaml") for t in pattern.findall(p.read_text())}


def check_targets(node: Any, known: set[str], origin: Path) -> None:
    """Refuse, before anything is imported, a configuration that would call what conf/ does not name.

    Raises:
        ValueError: names the target.
    """
    if isinstance(node, dict):
        target = node.get("_target_")
        if target is not None and str(target) not in known:
            raise ValueError(
                f"{origin} names _target_: {target}, which is not among those of the installed conf/. "
                "A configuration from a file may only build what this project ships."
            )
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        check_targets(child, known, origin)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The tensors and plain values of a checkpoint; nothing in it is executed.

    Raises:
        ValueError: the file is truncated, damaged or no checkpoint of this project.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"the checkpoint {path} cannot be read: it is truncated, damaged or not a checkpoint ({first}). "
            "Use another checkpoint of the run, or train again."
        ) from error
    if not isinstance(checkpoint, dict) or not WANTED <= checkpoint.keys():
        raise ValueError(f"{path} is not a checkpoint of gan_lightning: one of {', '.join(sorted(WANTED))} is missing.")
    return checkpoint


class LoadedGenerator(nn.Module):
    """G of a finished run, in eval mode and frozen: ``G(z)`` -> images ``[N, C, H, W]`` in [-1, 1]."""

    def __init__(self, G: nn.Module, prior: Prior, config: DictConfig, run: Path, g_steps: int) -> None:
        super().__init__()
        self.G, self.prior = G.eval().requires_grad_(False), prior
        self.config, self.run, self.g_steps = config, run, g_steps

    def forward(self, z: Tensor) -> Tensor:
        return self.G(z)

    def z(self, n: int, seed: int = 0) -> Tensor:
        """``[n, dim]`` noise from the run's prior, a function of ``n`` and ``seed``."""
        return self.prior(n, Stream(seed, name="sample"))

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0, batch_size: int = 500) -> Tensor:
        """``[n, C, H, W]`` images in [-1, 1]."""
        device = next(self.G.parameters()).device
        return torch.cat([self.G(z.to(device)) for z in self.z(n, seed).split(batch_size)])


def load(run: str | Path = "latest") -> LoadedGenerator:
    """The generator of a run, built from the run's own configuration.

    Args:
        run: a run directory, a checkpoint, or ``latest``.

    Raises:
        ValueError: no such run, a damaged checkpoint, or one that does not fit the run's network.
    """
    from gan_lightning.build import build_gan

    directory, path = find(run)
    checkpoint = read_checkpoint(path)
    own = directory / "config.yaml"
    cfg = OmegaConf.load(own) if own.is_file() else OmegaConf.create(checkpoint["config"])
    assert isinstance(cfg, DictConfig)
    check_targets(OmegaConf.to_container(cfg), known_targets(), own if own.is_file() else path)
    with torch.random.fork_rng(devices=[]):
        gan = build_gan(cfg, tuple(checkpoint["shape"]))
    try:
        gan.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        first = "; ".join(line.strip() for line in str(error).splitlines()[1:4])
        raise ValueError(
            f"the checkpoint {path} does not fit the network of its run ({own}): {first}. "
            "It belongs to another run: take it back there, or give the checkpoint of this one."
        ) from error
    return LoadedGenerator(gan.G, gan.prior, cfg, directory, checkpoint["counters"]["g_steps_done"])
