"""Arguments of what is built: those that were typed in another way than a constructor takes them, and refusals."""

import inspect
import re
from contextlib import suppress
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig


def as_decimals(optimizer: DictConfig) -> dict[str, list[float]]:
    """The ``betas`` of an optimizer as decimals: PyTorch's refuse ``[0,0.9]`` for its whole number."""
    return {"betas": [float(beta) for beta in optimizer.betas]} if "betas" in optimizer else {}


def wrong_arguments(key: str, node: Any, error: TypeError) -> str:
    """The sentence for ``error``, by which the constructor of ``node`` refused its arguments."""
    target = str(node.get("_target_", node)) if isinstance(node, DictConfig | dict) else str(node)
    name = f"{key.split('.')[0]}={target.split('.')[-2]}" if target.startswith("gan_lightning.") else target
    knobs = [str(k) for k in node if not str(k).startswith("_")] if isinstance(node, DictConfig | dict) else []
    if match := re.search(r"unexpected keyword argument '(\w+)'", str(error)):
        with suppress(Exception):
            known = inspect.signature(get_object(target)).parameters
            knobs = [name for name in known if name not in ("self", "args", "kwargs", "z_dim", "shape", "params")]
        return (
            f"{key}.{match[1]} is no setting of {name} (unexpected keyword argument {match[1]!r}), which takes "
            f"{', '.join(knobs) or 'none'}. Leave it out; where an experiment sets it, keep the experiment's own "
            f"{key.split('.')[0]}."
        )
    own = ", ".join(f"{key}.{k}" for k in knobs) or "none"
    return (
        f"{key} cannot be built by {name}: {error}. Its settings are {own}: give each a value of the kind that --help "
        "shows."
    )
