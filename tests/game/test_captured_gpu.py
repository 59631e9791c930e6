"""step=captured where its graphs are real. Marked gpu: it wants an NVIDIA GPU and skips without one."""

import pytest
import torch
from conftest import TINY
from stopping import checkpoint, played, straight_and_stopped

from gan_lightning.config.compose import compose

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU, and PyTorch finds none"),
]


def config(*overrides):  # with Adam the bias before a BatchNorm, whose gradient is rounding noise, would differ
    return compose(
        "train", [*TINY, "optimizer=sgd", "optimizer.lr=0.05", "steps=60", "log_every=20", "trainer=gpu", *overrides]
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    "overrides",
    [
        ["technique=[r1,ema]", "schedule=linear"],
        ["technique=[instance_noise,diff_augment]"],
        ["technique=[gradient_penalty]", "loss=wgan", "d_steps=3"],
        ["condition=projection", "technique=[spectral_norm]"],
    ],
    ids=["r1", "views", "wgan-gp", "projection"],
)
def test_graphs_play_the_game_of_step_eager(overrides, precision, tmp_path):
    runs = [
        played(tmp_path, config(*overrides, f"precision={precision}", f"step={step}"), step)
        for step in ("eager", "captured")
    ]
    eager, captured = (checkpoint(run) for run in runs)
    assert eager["counters"] == captured["counters"]
    assert eager["global_step"] == captured["global_step"]
    start = checkpoint(played(tmp_path, config(*overrides, f"precision={precision}", "steps=1"), "start"))["state_dict"]
    for name, value in eager["state_dict"].items():
        if value.is_floating_point() and value.numel():
            moved = (value - start[name]).abs().max()
            assert (captured["state_dict"][name] - value).abs().max() <= 0.05 * moved + 1e-6, name


def test_a_run_that_goes_on_records_anew(tmp_path):
    straight, stopped = straight_and_stopped(tmp_path, config("step=captured", "technique=[ema]"), 37)
    one, other = checkpoint(straight), checkpoint(stopped)
    assert all(torch.allclose(one["state_dict"][k], v, atol=1e-4) for k, v in other["state_dict"].items())
