"""Nothing needs float64 on the training device: Apple's MPS does not have it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from conftest import TOGETHER
from lightning.pytorch import Trainer
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

from gan_lightning.config.compose import compose
from gan_lightning.data.arrays import GANData
from gan_lightning.training.setup import train


def tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


class NoFloat64OnTheDevice(TorchDispatchMode):
    """Pretends that tensors lie on a device without float64, but for what ``.cpu()`` brought to the host.

    What is computed from the host's tensors alone stays on the host, and what is made of nothing (zeros) lies where
    it is used. A tensor that is float64 when it first appears can only lie on the host.
    """

    def __enter__(self) -> "NoFloat64OnTheDevice":
        self.cpu = Tensor.cpu
        Tensor.cpu = lambda x, *args, **kwargs: on_host(self.cpu(x, *args, **kwargs).clone())
        return super().__enter__()

    def __exit__(self, *args: Any) -> None:
        Tensor.cpu = self.cpu
        super().__exit__(*args)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = tensors([args, kwargs])
        places = {"host" if x.dtype == torch.float64 else getattr(x, "place", "device") for x in given}
        place = "anywhere" if places <= {"anywhere"} else "host" if places <= {"host", "anywhere"} else "device"
        for x in tensors(result):
            assert not given or place == "host" or x.dtype != torch.float64, f"{func} makes float64 on the device"
            x.place = place  # type: ignore[attr-defined]
        return result


def on_host(x: Tensor) -> Tensor:
    x.place = "host"  # type: ignore[attr-defined]
    return x


def host_function(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def alone(*args: Any) -> Tensor:
        with _disable_current_modes():
            return on_host(original(*args))

    return alone


OFTEN = ["trainer=cpu", "steps=4", "log_every=1", "sample_every=2", "evaluate_every=2", "checkpoint_every=2"]
SMALL = ["network=mlp", "network.G.hidden=[8,12]", "network.D.hidden=[12,6]", "callbacks.evaluation.n=50"]


@pytest.mark.parametrize(
    "game",
    [
        ["data=digits", *SMALL, f"technique=[{','.join(TOGETHER)}]"],
        ["data=digits", *SMALL, "loss=wgan", "technique=[gradient_penalty]", "d_steps=2"],
        [
            "data=digits",
            "technique=[]",
            "network=maxout",
            "network.D.units=8",
            "network.G.hidden=8",
            "update=simultaneous",
        ],
        ["experiment=ring8", "data.n=512", "data.n_test=100"],
    ],
    ids=["techniques", "critic", "maxout", "points"],
)
def test_steps_curves_pictures_and_evaluations_do_without_float64(tmp_path, monkeypatch, game):
    fit = Trainer.fit

    def guarded(self: Trainer, *args: Any, **kwargs: Any) -> None:
        with NoFloat64OnTheDevice():
            fit(self, *args, **kwargs)

    monkeypatch.setattr(Trainer, "fit", guarded)
    for name in ("reference", "validation"):  # the data module works on the host
        monkeypatch.setattr(GANData, name, host_function(getattr(GANData, name)))
    status = train(compose("train", [*game, *OFTEN]), tmp_path)
    assert status["g_steps"] == 4
    assert "metric/fd_judge" in status, "it was evaluated"
    assert (tmp_path / "samples" / "0000004.png").is_file()


def test_the_guard_tells_the_device_from_the_host():
    x = torch.ones(3)
    with NoFloat64OnTheDevice():
        assert (x.cpu() + 1).double().sum().item() == 6
        assert torch.zeros((), dtype=torch.float64).sqrt().item() == 0
        for forbidden in (lambda: (x + 1).double(), lambda: (x.cpu() * x).double(), lambda: x.sum(dtype=torch.float64)):
            with pytest.raises(AssertionError, match="makes float64 on the device"):
                forbidden()
    assert x.cpu() is x
