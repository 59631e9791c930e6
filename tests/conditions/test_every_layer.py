"""``condition=concat condition.every_layer=true``: each layer behind the first sees the one-hot class too."""

import copy

import pytest
import torch
from conditional import batches, game
from torch import nn

import gan_lightning
from gan_lightning.conditions.concat import ClassVector, Concat, Told
from gan_lightning.config.compose import compose
from gan_lightning.core.play import Discriminator
from gan_lightning.game.loop import Loop
from gan_lightning.training.setup import train

COUNTS = torch.tensor([5, 3, 2])
Y = torch.tensor([0, 1, 2, 1])
EVERY = ("condition=concat", "condition.every_layer=true")


class Chain(Discriminator):
    """Two linear layers of ones without biases, and the sum as a head."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Linear(inputs, 2, bias=False), nn.Linear(2, 2, bias=False))
        self.head = nn.Linear(2, 1, bias=False)
        for p in self.parameters():
            nn.init.ones_(p)


def test_a_vector_of_the_class_is_added_behind_the_second_layer_of_d():
    D = Concat(COUNTS, (2,), every_layer=True).transform_d(Chain(5))
    assert len(D.vectors) == 1, "the first layer sees the class beside x, the head is no layer of the features"
    D.vectors[0].columns.weight.data.copy_(torch.tensor([[0.0, 0.0], [10.0, 20.0], [-1.0, 0.5]]))
    x = torch.tensor([[1.0, 2.0], [0.0, 0.0], [1.0, 1.0], [3.0, 0.0]])
    # each unit of the first layer has x1 + x2 + 1, so each of the second twice that, and then the class's vector
    assert D.observe(x, Y)[0].tolist() == [[8, 8], [12, 22], [5, 6.5], [18, 28]]
    assert D(x, Y).tolist() == [16, 34, 11.5, 46]


def test_g_adds_its_vectors_and_its_copy_has_its_own():
    net = nn.Sequential(nn.Linear(4, 2, bias=False), nn.Linear(2, 1, bias=False))
    for p in net.parameters():
        nn.init.ones_(p)
    G = Concat(COUNTS, (2,), every_layer=True).transform_g(net)
    G.vectors[0].columns.weight.data.copy_(torch.tensor([[1.0], [2.0], [3.0]]))
    average = copy.deepcopy(G)
    G.vectors[0].columns.weight.data.zero_()
    z = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    assert G(z, Y)[:, 0].tolist() == [2, 4, 6, 8]
    assert average(z, Y)[:, 0].tolist() == [3, 6, 9, 10]
    assert G.G(torch.ones(1, 4)).item() == 8, "the network alone, without labels, is as it was"


def test_a_linear_layer_with_its_vectors_is_one_with_the_one_hot_class_beside_its_input():
    whole, layer, told = nn.Linear(7, 5), nn.Linear(4, 5), Told()
    vectors = ClassVector(layer, 3, told)
    with torch.no_grad():
        layer.weight.copy_(whole.weight[:, :4])
        layer.bias.copy_(whole.bias)
        vectors.columns.weight.copy_(whole.weight[:, 4:].T)
    x, told.y = torch.randn(4, 4), Y
    assert torch.allclose(layer(x), whole(torch.cat([x, torch.eye(3)[Y]], 1)), atol=1e-6)


@pytest.mark.parametrize("stride", [1, 2])
def test_planes_beside_the_channels_of_a_convolution_are_a_vector_away_from_the_border(stride):
    whole = nn.Conv2d(5, 6, 3, stride, padding=1)
    layer, told = nn.Conv2d(2, 6, 3, stride, padding=1), Told()
    vectors = ClassVector(layer, 3, told)
    with torch.no_grad():
        layer.weight.copy_(whole.weight[:, :2])
        layer.bias.copy_(whole.bias)
        vectors.columns.weight.copy_(whole.weight[:, 2:].sum((2, 3)).T)
    x, told.y = torch.randn(4, 2, 9, 9), Y
    planes = torch.eye(3)[Y][:, :, None, None].expand(4, 3, 9, 9)
    found, wanted = layer(x), whole(torch.cat([x, planes], 1))
    assert torch.allclose(found[..., 1:-1, 1:-1], wanted[..., 1:-1, 1:-1], atol=1e-5)
    assert (found - wanted)[..., 0, 0].abs().max() > 1e-3, "at the border the padding has no class"


def test_the_vectors_begin_like_the_layer_s_own_weights():
    """PyTorch draws a linear layer's weights from [-b, b] with b = 1 / sqrt(inputs); the class is K more inputs."""
    torch.manual_seed(0)
    columns = ClassVector(nn.Linear(90, 400), 10, Told()).columns.weight
    assert columns.shape == (10, 400)
    assert columns.abs().max().item() == pytest.approx(0.1, rel=1e-2)
    assert columns.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.05)
    filters = ClassVector(nn.Conv2d(10, 400, 3), 10, Told()).columns.weight
    assert filters.abs().max().item() == pytest.approx(0.1, rel=1e-2)


@pytest.mark.parametrize(
    ("network", "players"),
    [("mlp", "DG"), ("conv", "DG"), ("maxout", "DG"), ("dcgan", "G")],  # of 8 x 8 pixels DCGAN's D has one convolution
)
def test_all_vectors_of_both_players_are_trained(network, players):
    gan = game(f"network={network}", *EVERY)
    before = {k: v.clone() for k, v in gan.state_dict().items() if ".columns." in k}
    assert {k.partition(".")[0] for k in before} == set(players)
    loop = Loop(gan)
    for real, labels in batches():
        loop.step(real, labels)
    after = gan.state_dict()
    assert all(not torch.equal(v, after[k]) for k, v in before.items())
    assert gan.G.vectors.told.y is None, "no label stays behind a batch"
    assert gan.D.vectors.told.y is None


def test_without_it_the_game_has_no_vectors():
    assert not [k for k in game("condition=concat").state_dict() if "columns" in k]


def test_a_run_is_loaded_with_its_average_and_its_vectors_matter(tmp_path):
    words = ["data=digits", "network=mlp", "trainer=cpu", "steps=3", "batch_size=32", "evaluate_every=0", *EVERY]
    train(compose("train", [*words, "technique=[ema]", "log_every=0", "sample_every=0"]), tmp_path / "run")
    G = gan_lightning.load(tmp_path / "run", "ema")
    seven = G.sample(5, label=7, seed=0)
    assert torch.equal(seven, gan_lightning.load(tmp_path / "run", "ema").sample(5, label=7, seed=0))
    with torch.no_grad():
        for vectors in G.G.vectors:
            vectors.columns.weight[7].zero_()
    assert not torch.equal(seven, G.sample(5, label=7, seed=0))
