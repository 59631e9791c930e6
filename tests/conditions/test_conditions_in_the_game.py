"""A condition in the game: which labels reach which player, beside every loss and technique, and twice the same."""

import functools
import itertools

import pytest
import torch
from conditional import CONDITIONS, SMALL, batches, cfg_of, game
from conftest import TECHNIQUES
from omegaconf import OmegaConf
from played import differs, play
from torch.utils._python_dispatch import TorchDispatchMode

from gan_lightning.config.build import build_data, build_gan
from gan_lightning.config.compose import compose
from gan_lightning.config.where import CONF
from gan_lightning.core.sampler import draw
from gan_lightning.core.seats import Technique
from gan_lightning.game.loop import Loop
from gan_lightning.techniques.spectral_norm import largest_singular_value

LOSSES = sorted(p.stem for p in (CONF / "loss").glob("*.yaml"))
NETWORKS = {"conv": ["network.G.width=4", "network.D.width=4", "network.G.hidden=8", "network.D.hidden=8"],
            "dcgan": ["network.G.width=4", "network.D.width=4"], "maxout": ["network.G.hidden=12"],
            "points": ["network.G.hidden=[8]", "network.D.hidden=[8]"]}  # fmt: skip
REFUSED = {
    "packing": "its packs hold samples of several classes, and D would need all their labels at once. Leave one of",
    "virtual_batch_norm": "its reference batch is of noise alone, and G then needs labels too. Leave one of the two",
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_labels_of_the_fakes_alone_matter_and_the_order_of_the_pairs_does_not(condition):
    """D's loss knows which class each sample is said to be of; rows of a batch are in no order."""
    gan, ((real, y), (fake, _)) = game(f"condition={condition}").double(), batches(2)
    real, fake = real.double(), fake.double()
    gan.begin_step(torch.device("cpu"))
    y, classes = gan.told(real, y), y
    loss = lambda real, fake, y: gan.total("D", gan.d_losses(gan.play("D", real, fake, y))).item()  # noqa: E731
    mixed = torch.arange(16).roll(1)
    assert (classes[mixed] != classes).sum() > 8
    before = loss(real, fake, y)
    assert abs(loss(real, fake[mixed], y) - before) > 1e-6
    assert loss(real[mixed], fake[mixed], y[mixed]) == pytest.approx(before, abs=1e-12)


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_fakes_and_all_points_of_terms_have_the_labels_of_the_real_batch(update):
    seen = []

    class Asks(Technique):
        def d_term(self, play, rng):
            play.discriminate((play.real + play.fake) / 2)
            assert torch.equal(play.labels, play.fake_labels)
            return play.fake_logits.new_zeros(())

        g_term = d_term

    gan = game("condition=projection", f"update={update}")
    gan.d_terms, gan.g_terms = [("asks", Asks())], [("asks", Asks())]
    for player in (gan.D.embedding, gan.G.code):
        player.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].clone()))
    real, y = batches(1)[0]
    Loop(gan).step(real, y)
    # G makes fakes twice, or once for both; D looks at real, fake and between, then at fake and between
    assert len(seen) == (7 if update == "alternating" else 6)
    assert all(torch.equal(labels, y) for labels in seen)


def test_g_learns_the_class_from_d():
    """The embeddings of both players get gradients, in their own halves alone."""
    gan, (real, y) = game("condition=projection"), batches(1)[0]
    own = gan.take_parameters()
    assert any(p is gan.G.code.weight for p in own["G"])
    assert any(p is gan.D.embedding.weight for p in own["D"])
    gan.begin_step(torch.device("cpu"))
    with gan.turn_of("G"):
        gan.total("G", gan.generator_terms(real, y)).backward()
    rows = gan.G.code.weight.grad.abs().sum(1) > 0
    assert rows.nonzero().flatten().tolist() == y.unique().tolist(), "of the classes of the batch"
    assert gan.D.embedding.weight.grad is None


@functools.cache
def played(*overrides: str):
    """(losses of three steps, final state) of a game."""
    return play(game(*overrides), batches())


def check(condition: str, technique: str = "", loss: str = "nsgan") -> None:
    words = [f"loss={loss}", *([f"technique=[{technique}]"] if technique else [])]
    if technique in REFUSED:
        told = f"technique={technique} cannot be played with condition={condition}: {REFUSED[technique]}"
        with pytest.raises(ValueError, match=told):
            game(f"condition={condition}", *words)
        return
    mine = played(f"condition={condition}", *words)
    assert torch.tensor(mine[0]).isfinite().all()
    assert all(v.isfinite().all() for v in mine[1].values())
    assert differs(mine, played(*words)), "the condition does nothing"
    if technique and technique != "gradient_clipping":  # whose bound three steps do not reach
        assert differs(mine, played(f"condition={condition}", f"loss={loss}")), f"{technique} does nothing"


ALL = list(itertools.product(CONDITIONS, ["", *TECHNIQUES], LOSSES))


@pytest.mark.parametrize(("condition", "technique", "loss"), ALL[::17])
def test_some_conditions_with_techniques_and_losses(condition, technique, loss):
    check(condition, technique, loss)


@pytest.mark.parametrize(("condition", "technique"), list(itertools.product(CONDITIONS, REFUSED)))
def test_what_cannot_carry_labels_is_refused(condition, technique):
    check(condition, technique)


@pytest.mark.slow
@pytest.mark.parametrize(("condition", "technique", "loss"), ALL)
def test_every_condition_with_every_technique_and_loss(condition, technique, loss):
    check(condition, technique, loss)


@pytest.mark.parametrize(("condition", "network"), list(itertools.product(CONDITIONS, NETWORKS)))
def test_every_condition_on_every_network(condition, network):
    losses, state = played(f"condition={condition}", f"network={network}", *NETWORKS[network])
    assert torch.tensor(losses).isfinite().all()
    assert {"G.class_counts", "D.head.weight"} <= state.keys() or network == "maxout"


@pytest.mark.parametrize("condition", CONDITIONS)
def test_points_of_classes(condition):
    words = [f"condition={condition}", *SMALL.get(f"condition={condition}", [])]
    cfg = compose("train", [*words, "data=ring8", "data.n=64", "network=points", "batch_size=8"])
    data = build_data(cfg)
    data.setup()
    gan = build_gan(cfg, (2,), class_counts=data.class_counts)
    assert gan.G.class_counts.sum() == 64
    Loop(gan).step(torch.randn(8, 2), torch.arange(8))
    assert draw(gan.G, gan.prior, 9, 0, torch.device("cpu")).shape == (9, 2)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_same_seed_is_the_same_game_bit_for_bit(condition):
    words = (f"condition={condition}", "technique=[ema,r1,instance_noise,spectral_norm]")
    first = played(*words)
    played.cache_clear()
    assert not differs(first, played(*words))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_step_with_labels_reads_nothing_back_from_the_device(condition):
    class Refuse(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            assert "_local_scalar_dense" not in str(function), "a value was read in the step"
            return function(*args, **(kwargs or {}))

    loop = Loop(game(f"condition={condition}", "optimizer=sgd"))
    for batch in batches(2):
        with Refuse():
            loop.step(*batch)


def test_without_a_condition_nothing_is_added():
    cfg = cfg_of("condition=none")
    assert cfg.condition == {}
    gan = game("condition=none")
    older = cfg_of()
    OmegaConf.set_struct(older, False)
    del older["condition"]
    torch.manual_seed(older.seed)
    assert gan.state_dict().keys() == build_gan(older, (1, 8, 8)).state_dict().keys()
    assert gan.condition is None
    assert not differs(played("condition=none"), played())


HEAD = {"class_head.weight", "class_head.bias"}
MATCH = {"match.weight", "instances.mean", "instances.components", "instances.explained"}


@pytest.mark.parametrize(
    ("condition", "added"),
    [
        ("projection", {"embedding.weight"}),
        ("concat", set()),
        ("auxiliary", HEAD),
        ("discriminative", HEAD),
        ("instance", HEAD | MATCH),
    ],
)
def test_ds_own_weights_keep_their_names(condition, added):
    assert game(f"condition={condition}").D.state_dict().keys() - added == game().D.state_dict().keys()


def test_an_average_of_g_takes_labels_and_z_is_the_same_with_and_without():
    gan = game("condition=concat", "technique=[ema]")
    for batch in batches():
        Loop(gan).step(*batch)
    for G in gan.generators.values():
        y = G.labels(20, 5)
        assert torch.equal(draw(G, gan.prior, 20, 5, torch.device("cpu")),
                           draw(G, gan.prior, 20, 5, torch.device("cpu"), y=y))  # fmt: skip
    live, average = (draw(G, gan.prior, 6, 5, torch.device("cpu")) for G in gan.generators.values())
    assert not torch.equal(live, average)


def test_a_spectral_norm_holds_the_embedding_of_the_classes_too():
    D = game("condition=projection", "technique=[spectral_norm]", "technique.spectral_norm.iterations=50").D
    D(torch.zeros(2, 1, 8, 8), torch.tensor([0, 1]))
    assert largest_singular_value(D.embedding) == pytest.approx(1, rel=1e-3)
