"""memory_format=channels_last: the same game, laid out otherwise, and taken up in the other layout."""

import copy

import pytest
import torch
from conftest import CONV, TOGETHER

from gan_lightning.config.build import build_data, build_gan
from gan_lightning.config.checks import check_values
from gan_lightning.core.layout import laid_out
from gan_lightning.core.pixels import to_signed_range
from gan_lightning.game.loop import Loop
from gan_lightning.runs.resumable import odd_optimizers


def lies(tensors) -> set[bool]:
    """Of those ``[N, C, H, W]`` where it makes a difference: do they lie channels last?"""
    return {t.is_contiguous(memory_format=torch.channels_last) for t in tensors if t.ndim == 4}


def begun(cfg, memory_format) -> Loop:
    torch.manual_seed(0)
    gan = build_gan(cfg, (3, 8, 8))
    gan.lay_out(memory_format)
    return Loop(gan)


def step(loop, cfg) -> None:
    data = build_data(cfg)
    data.setup()
    images, labels = next(iter(data.batches()))
    loop.step(laid_out(to_signed_range(images), loop.gan.memory_format), labels)


def test_both_players_and_the_average_of_g_lie_so(tiny):
    gan = begun(tiny(*CONV, "technique=[ema]"), "channels_last").gan
    assert all(lies(of.parameters()) == {True} for of in (gan.G, gan.D, gan.generators["ema"]))


@pytest.mark.parametrize(("before", "after"), [("contiguous", "channels_last"), ("channels_last", "contiguous")])
def test_moments_go_with_their_weights_into_the_other_layout(tiny, before, after):
    """Adam's fused step walks weights and moments side by side as they lie: two layouts would pair other numbers."""
    cfg = tiny(*CONV)
    straight, moved = begun(cfg, before), begun(cfg, after)
    step(straight, cfg)
    states = [copy.deepcopy(optimizer.state_dict()) for optimizer in straight.optimizers.values()]
    assert odd_optimizers(states, moved.gan) is None
    moved.gan.load_state_dict(straight.gan.state_dict())
    moved.gan.on_load_checkpoint({"counters": straight.gan.counters(), "optimizer_states": states})
    for optimizer, state in zip(moved.optimizers.values(), states, strict=True):
        optimizer.load_state_dict(state)
    assert lies(moved.gan.parameters()) == {after == "channels_last"}
    for loop in (straight, moved):
        step(loop, cfg)
    one, other = straight.gan.state_dict(), moved.gan.state_dict()
    assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)


def test_a_moment_that_is_not_dense_is_refused(tiny):
    loop = begun(tiny(*CONV), "channels_last")
    step(loop, tiny(*CONV))
    states = [copy.deepcopy(optimizer.state_dict()) for optimizer in loop.optimizers.values()]
    moments = states[0]["state"][0]
    moments["exp_avg"] = torch.zeros(()).expand(moments["exp_avg"].shape)
    assert odd_optimizers(states, loop.gan) == "the optimizer of D has exp_avg of another shape than its weight"


def test_every_technique_plays_in_it(tiny):
    cfg = tiny(*CONV, f"technique=[{','.join(TOGETHER)}]", "technique.r1.sigma=null")  # some mix the samples
    loops = [begun(cfg, memory_format) for memory_format in ("contiguous", "channels_last")]
    for loop in loops:
        step(loop, cfg)
    one, other = (loop.gan.latest for loop in loops)
    assert one["loss/d"].item() == pytest.approx(other["loss/d"].item(), abs=1e-4)
    assert one["loss/g"].item() == pytest.approx(other["loss/g"].item(), abs=1e-4)


def test_another_word_is_refused(tiny):
    cfg = tiny()
    cfg.memory_format = "nhwc"
    with pytest.raises(
        ValueError, match=r"memory_format must be contiguous, channels_last or auto, got 'nhwc'\. Write"
    ):
        check_values(cfg)
