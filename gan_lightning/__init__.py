"""A laboratory for generative adversarial networks on PyTorch Lightning and Hydra."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_lightning.runs import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    # PyTorch and Lightning take seconds to import: only who asks for them pays.
    if name == "load":
        from gan_lightning.runs import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
