"""Where a game begins: what start_from, averages, histories and batch features make of its first step."""

import itertools

import pytest
import torch
from conftest import EachStep
from lightning.pytorch import Callback
from torch import nn

from gan_lightning.config.build import build_gan
from gan_lightning.game.loop import Loop
from gan_lightning.training.setup import train

SHAPE = (1, 8, 8)
MAXOUT = ["network=maxout", "network.G.hidden=12", "network.D.units=6", "prior.dim=5"]


class AtStart(Callback):
    """Looks before the first step."""

    def __init__(self, look):
        self.look = look

    def on_train_start(self, trainer, module):
        self.seen = self.look(module)


def test_a_history_begins_where_g_begins(tiny, tmp_path):
    """G's output bias comes from the data. A history that begins before that has a term of hundreds at once."""
    cfg = tiny(*MAXOUT, "technique=[historical_averaging]", "technique.historical_averaging.weight=1.0", "steps=2")
    term = EachStep(lambda gan: [gan.terms[p]["historical_averaging"].item() for p in "DG"])
    bias = AtStart(lambda gan: gan.G.output.bias.abs().max().item())
    train(cfg, tmp_path, extra_callbacks=[term, bias])
    assert term.seen[0] == [0.0, 0.0]
    assert min(term.seen[1]) > 0
    assert bias.seen > 1, "G does not begin at grey"


def test_an_average_begins_where_g_begins(tiny, tmp_path):
    cfg = tiny(*MAXOUT, "technique=[ema]", "steps=1")
    apart = AtStart(lambda gan: [torch.equal(a, b) for a, b in zip(gan.G.parameters(),
                                 gan.generators["ema"].parameters(), strict=True)])  # fmt: skip
    train(cfg, tmp_path, extra_callbacks=[apart])
    assert all(apart.seen)


def test_g_begins_at_the_mean_of_the_data(tiny, tmp_path):
    from gan_lightning.config.build import build_data

    cfg = tiny(*MAXOUT, "network.G.irange=1e-9", "steps=1")
    data = build_data(cfg)
    data.setup()
    first = AtStart(lambda gan: gan.G(torch.randn(3, 5)).detach())
    train(cfg, tmp_path, extra_callbacks=[first])
    torch.testing.assert_close(first.seen, data.mean().expand(3, *SHAPE), rtol=0, atol=1e-5)


# A D that rescales its weights and sees its batch ---------------------------------------------------------

RESCALING, BATCH = ["spectral_norm", "weight_norm"], ["minibatch_discrimination", "minibatch_stddev"]


def game(tiny, *techniques: str):
    cfg = tiny(f"technique=[{','.join(BATCH + RESCALING)}]")  # composed once
    cfg.technique = {name: cfg.technique[name] for name in techniques}
    torch.manual_seed(0)
    return build_gan(cfg, SHAPE)


@pytest.mark.parametrize(("rescaling", "batch"), list(itertools.product(RESCALING, BATCH)))
def test_what_is_rescaled_does_not_depend_on_the_order(tiny, rescaling, batch):
    """D's own layers are; the weights of the batch's features, which begin near 0, are not."""
    x = torch.randn(16, *SHAPE)
    states = []
    for techniques in ((rescaling, batch), (batch, rescaling)):
        gan = game(tiny, *techniques)
        head = gan.D.head
        assert abs(head.weight(head.batch_features(gan.D.features(x)))).max() < 0.5
        assert not nn.utils.parametrize.is_parametrized(head.weight)
        assert nn.utils.parametrize.is_parametrized(head.head)
        loop = Loop(gan)
        for _ in range(3):
            loop.step(x, torch.zeros(16).long())
        states.append(gan.state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
