"""A laboratory for generative adversarial networks on PyTorch Lightning and Hydra."""

import os
from typing import TYPE_CHECKING, Any

# Before torch loads OpenMP: waiting threads go to sleep soon instead of spinning for milliseconds. With another busy
# process on the machine, spinning slows small networks many times over.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")

if TYPE_CHECKING:
    from gan_lightning.runs.load import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    # PyTorch and Lightning take seconds to import: not before `load` is asked for.
    if name == "load":
        from gan_lightning.runs.load import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
