"""A recording on the CPU that keeps the rules of a CUDA graph."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
READS = {  # what a capture cannot do: the host waits for the device, sends it a number, or draws from a generator
    aten._local_scalar_dense.default: "reads a value",
    aten.lift_fresh.default: "makes a tensor of Python's numbers",
    aten.nonzero.default: "asks how many there are",
}


def tensors(tree):
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


class Tape(TorchDispatchMode):
    """Keeps each operation with the very tensors and numbers it was called with, and repeats it on them."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = []
        self.replays = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if operation in READS:
            raise RuntimeError(f"a recorded step {READS[operation]}: {operation}")
        if any(isinstance(leaf, torch.Generator) for leaf in tree_leaves((args, kwargs))):
            raise RuntimeError(f"a recorded step draws: {operation}")
        results = operation(*args, **kwargs)
        self.operations.append((operation, args, kwargs, results))
        return results

    def rehearse(self, play) -> None:
        play()

    def record(self, play) -> None:
        with self:
            play()

    def replay(self) -> None:
        self.replays += 1
        with torch.no_grad():
            for operation, args, kwargs, results in self.operations:
                for place, value in zip(tensors(results), tensors(operation(*args, **kwargs)), strict=True):
                    if place.data_ptr() != value.data_ptr():  # not a view, nor changed in place
                        place.detach().copy_(value)
