"""Checks of a configuration before anything is built. Each raises a ValueError with one sentence."""

import os
import re
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gan_lightning.config.rules import RULES


def leaves(node: Any, path: str = "") -> list[tuple[str, Any]]:
    """(dotted key, value) of every scalar below ``node``; the items of a list are numbered."""
    if isinstance(node, dict):
        children: Any = node.items()
    elif isinstance(node, list):
        children = enumerate(node)
    else:
        return [(path, node)]
    return [leaf for key, child in children for leaf in leaves(child, f"{path}.{key}" if path else str(key))]


def lists(node: Any, path: str = "") -> list[tuple[str, list[Any]]]:
    """(dotted key, list) of every list below ``node``."""
    children: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    below = [found for key, child in children for found in lists(child, f"{path}.{key}" if path else str(key))]
    return [(path, node), *below] if isinstance(node, list) else below


def check_values(cfg: DictConfig) -> None:
    """Check every value of ``cfg`` by RULES, and those that depend on one another.

    Raises:
        ValueError: names the key, the rule, the value got and an example that is right.
    """
    plain = OmegaConf.to_container(cfg, resolve=True)
    derived = {key for key, value in leaves(OmegaConf.to_container(cfg)) if "${" in str(value)}
    # interpolated values last, so that the error names the key that was typed
    for key, value in sorted([*lists(plain), *leaves(plain)], key=lambda item: item[0] in derived):
        for pattern, ((holds, rule), example) in RULES.items():
            if fnmatchcase(key, pattern) and not holds(value):
                whole = isinstance(value, float) and value.is_integer() and holds(int(value))
                spread = re.fullmatch(r"(\d+)(?:\.\.|-|:)(\d+)", str(value)) if key == "seed" else None
                several = spread and f"; a run for each from {spread[1]} to {spread[2]} is -m 'seed=range({spread[1]},"
                raise ValueError(
                    f"{key} must be {rule}, got {value!r}. Write "
                    + (f"{key}={int(value)}" if whole else f"for example {example}")
                    + (f"{several}{int(spread[2]) + 1})'" if spread else "")
                )
    if cfg.get("update") == "simultaneous" and cfg.d_steps != 1:
        raise ValueError(
            f"update=simultaneous moves both players on each batch, so d_steps must be 1, got {cfg.d_steps}. "
            "Leave d_steps out, or write update=alternating"
        )
    if "slice" in cfg:
        check_bench(cfg)
    if "devices" in cfg and cfg.batch_size % cfg.devices:
        raise ValueError(
            f"batch_size must be a multiple of devices, since it counts the images of all processes together; "
            f"got batch_size={cfg.batch_size} and devices={cfg.devices}. "
            f"Write batch_size={cfg.batch_size // cfg.devices * cfg.devices or cfg.devices}"
        )


def check_bench(cfg: DictConfig) -> None:
    """Raises ValueError where the steps of ``bench`` do not fit one another."""
    if cfg.often % cfg.slice:
        raise ValueError(
            "often must be a multiple of slice, the steps after which the two loops change places; got "
            f"often={cfg.often} and slice={cfg.slice}. Write often={max(cfg.often // cfg.slice, 1) * cfg.slice}"
        )
    for key in ("steps", "recipe_steps"):
        if cfg[key] < 2 * cfg.often or cfg[key] % cfg.slice:
            raise ValueError(
                f"{key} must be a multiple of slice, and twice often or more: what comes before the first evaluation "
                f"warms up. Got {key}={cfg[key]}, slice={cfg.slice} and often={cfg.often}. "
                f"Write {key}={max(2 * cfg.often, cfg[key] // cfg.slice * cfg.slice)}"
            )


def there_already(key: str, value: str) -> str:
    """The sentence for ``+key=value`` where the configuration has the key."""
    return f"+{key} adds what is there already. Write it without the '+': {key}={value}"


def check_added_keys(overrides: Sequence[str], cfg: DictConfig, groups: Collection[str] = ()) -> None:
    """Refuse a key added with ``+`` that nothing would read: one that lies in no object built from ``_target_``.

    Raises:
        ValueError: names the override; also where its key is one of the ``groups``.
    """
    for override in overrides:
        if not override.startswith("+"):
            continue
        key, _, value = override.lstrip("+").partition("=")
        if key in groups:
            raise ValueError(there_already(key, value).replace(f"+{key}", override, 1))
        names = key.split(".")
        above = [OmegaConf.select(cfg, ".".join(names[:i])) for i in range(1, len(names))]
        if (
            "/" in key
            or "@" in key
            or key.startswith("metrics.")
            or any(isinstance(node, DictConfig) and "_target_" in node for node in above)
        ):
            continue
        raise ValueError(
            f"{override} adds a key that nothing reads. Keys are set without '+'; --help lists them. "
            "Only options of an object (a node with _target_) can be added, such as +optimizer.d.weight_decay=1e-4"
        )


# what `objective=` may name, beside any number of metrics.jsonl such as loss/d
BEST = ("best_fd_over_coverage", "best_fd_judge", "best_coverage_judge")
MEASURED = ("fd_judge", "coverage_judge", "fd_over_coverage", "classifier_score", "modes", "high_quality")
COUNTED = (*BEST, "g_steps", "images", "seconds", "epoch")


def check_objective(cfg: DictConfig, has_judge: bool) -> None:
    """Check that a run of ``cfg`` will end with the number that ``objective=`` names.

    Raises:
        ValueError: there is no such number, or it needs curves, evaluations or a judge that the run will not have.
    """
    name = cfg.objective
    if name is None:
        return
    if name not in COUNTED and not re.fullmatch(r"(loss|d|g|grad|speed|metric)/\w+", str(name)):
        raise ValueError(
            f"objective must be one of {', '.join(COUNTED)} or a number of metrics.jsonl such as metric/fd_judge or "
            f"loss/d, got {name!r}. Write objective=best_fd_over_coverage"
        )
    measured = re.fullmatch(rf"metric/({'|'.join(MEASURED)})(_\w+)?", str(name))
    own = any(not str(node.get("_target_", "")).startswith("gan_lightning.") for node in cfg.callbacks.values())
    if str(name).startswith("metric/") and not measured and not own:
        raise ValueError(
            f"objective={name} is measured by nothing during a run, which measures "
            f"{', '.join(f'metric/{measure}' for measure in MEASURED)}. Write objective=best_fd_over_coverage"
        )
    if name in BEST or str(name).startswith("metric/"):
        if not cfg.evaluate_every:
            raise ValueError(
                f"objective={name} needs an evaluation during the run, got evaluate_every=0. Write evaluate_every=1000"
            )
        if not has_judge:
            raise ValueError(
                f"objective={name} needs a judge for the samples, and conf/judge/ has none for this dataset and size. "
                "Use another dataset or data.size, or objective=loss/d"
            )
    elif "/" in str(name) and not cfg.log_every:
        raise ValueError(f"objective={name} needs the curves, got log_every=0. Write log_every=50")


def check_memory(what: str, needed: int, remedy: str) -> None:
    """Check that ``needed`` bytes fit into the memory of this machine.

    Raises:
        ValueError: ``what`` would take more.
    """
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # a system that does not say
        return
    if needed > memory:
        raise ValueError(
            f"{what} must fit into the memory of this machine, {memory / 1e9:,.0f} GB, and would take "
            f"{needed / 1e9:,.0f} GB. {remedy}"
        )


def new_folder(folder: str | Path, key: str = "out") -> Path:
    """``folder`` as a path, made if it is not there. To be called before the work whose results it gets.

    Raises:
        ValueError: it cannot be made or written; the text names the ``key`` that chose it.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(key, path, error.strerror or str(error)) from error
    if not os.access(path, os.W_OK):
        raise not_writable(key, path, "Permission denied")
    return path


def new_file(file: str | Path, key: str = "out") -> Path:
    """``file`` as a path. To be called before the work whose results it gets.

    Raises:
        ValueError: it is a folder, or its folder is missing or cannot be written.
    """
    path = Path(file)
    if path.is_dir():
        raise not_writable(key, path, "it is a folder", "file")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise not_writable(key, path, f"{path.parent} is no folder that can be written", "file")
    return path


def not_writable(key: str, path: Path, why: str, kind: str = "folder") -> ValueError:
    return ValueError(f"{key}={path} cannot be written: {why}. Name another {kind} with {key}=<{kind}>.")


def check_device(cfg: DictConfig) -> None:
    """Check that the chosen device exists and can compute in the chosen precision.

    Raises:
        ValueError: trainer=gpu without a GPU, more devices than GPUs, fp16 on a CPU.
    """
    import torch

    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if not has_gpu:
        # Otherwise Adam looks for NVIDIA's library on disk at every step: 0.4 ms of 18 on two cores.
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    accelerator = cfg.trainer.accelerator
    if accelerator == "gpu" and not has_gpu:
        raise ValueError(
            "trainer=gpu needs a GPU that PyTorch can use (CUDA, ROCm or Apple's MPS), found none. "
            "Use trainer=cpu or trainer=auto, or install a PyTorch build for your GPU."
        )
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else int(has_gpu)
    nodes = cfg.trainer.get("num_nodes", 1)
    if (accelerator == "gpu" or (accelerator == "auto" and has_gpu)) and cfg.devices > gpus * nodes:
        of = f" on each of {nodes} machines" if nodes > 1 else ""
        raise ValueError(
            f"devices must not exceed the {gpus} GPU(s) that PyTorch can use{of}, got {cfg.devices}. "
            f"Write devices={gpus * nodes}, or trainer=cpu"
        )
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not has_gpu)
    if cfg.precision.name == "fp16" and on_cpu:
        raise ValueError(
            "precision=fp16 needs a GPU: its loss scaling does not exist on a CPU, got a CPU. "
            "Use precision=bf16 or precision=fp32."
        )
