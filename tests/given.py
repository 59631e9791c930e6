"""Stand-ins for random numbers and for torch.distributed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import torch


class Given:
    """A ``core.rng.Stream`` whose every draw is ``values``, in the shape that is asked for."""

    def __init__(self, values, device: str = "cpu") -> None:
        self.values = torch.as_tensor(values, device=device)

    def uniform(self, *shape):
        return self.values.reshape(shape)

    normal = uniform


# The global batch -------------------------------------------------------------------------------------------


class Processes:
    """Stands in for torch.distributed: each of ``world`` threads is a process."""

    def __init__(self, world: int, available: bool = True, initialized: bool = True) -> None:
        self.world, self.available, self.initialized = world, available, initialized
        self.given: dict[int, torch.Tensor] = {}
        self.all_gave, self.all_took = threading.Barrier(world, timeout=5), threading.Barrier(world, timeout=5)

    def is_available(self) -> bool:
        return self.available

    def is_initialized(self) -> bool:
        assert self.available
        return self.initialized

    def get_world_size(self) -> int:
        assert self.initialized
        return self.world

    def all_reduce(self, x: torch.Tensor) -> None:
        assert not x.requires_grad
        self.given[threading.get_ident()] = x.clone()
        self.all_gave.wait()
        total = sum(self.given.values())
        self.all_took.wait()
        x.copy_(total)

    def each(self, function, values: list[torch.Tensor]) -> list[torch.Tensor]:
        """``function`` of one of ``values`` in each process."""
        self.given.clear()
        with ThreadPoolExecutor(self.world) as pool:
            return list(pool.map(function, values))
