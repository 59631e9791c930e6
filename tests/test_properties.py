"""Properties that hold exactly, for whatever numbers hypothesis thinks of; the same examples at every run."""

import re

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gan_lightning.config.checks import leaves
from gan_lightning.config.compose import slug
from gan_lightning.core.rng import Stream, mix
from gan_lightning.core.schedules import Cosine, Exponential, Linear
from gan_lightning.data.arrays import Shuffle
from gan_lightning.losses.hinge import Hinge
from gan_lightning.losses.lsgan import LSGAN
from gan_lightning.losses.mmgan import MMGAN
from gan_lightning.losses.nsgan import NSGAN
from gan_lightning.losses.rpgan import RpGAN
from gan_lightning.losses.wgan import WGAN
from gan_lightning.metrics.frechet import frechet_distance
from gan_lightning.metrics.kernel import kernel_distance
from gan_lightning.metrics.neighbours import coverage, precision_recall_density_coverage

exact = settings(derandomize=True, deadline=None, max_examples=20, database=None)

LOSSES = {"mmgan": MMGAN, "nsgan": NSGAN, "lsgan": LSGAN, "wgan": WGAN, "hinge": Hinge, "rpgan": RpGAN}
every_loss = pytest.mark.parametrize("name", LOSSES)
numbers = st.floats(-20, 20, width=32)


def logits(n: int):
    return st.lists(numbers, min_size=n, max_size=n).map(lambda values: torch.tensor(values, dtype=torch.float64))


def close(a, b) -> None:
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


# Losses -----------------------------------------------------------------------------------------------------


@every_loss
@exact
@given(logits(4), logits(4), logits(4), logits(4), st.floats(0, 1))
def test_d_descends_a_convex_function_of_its_logits(name, real, fake, other_real, other_fake, t):
    loss = LOSSES[name]().discriminator
    between = loss(t * real + (1 - t) * other_real, t * fake + (1 - t) * other_fake)
    assert between <= t * loss(real, fake) + (1 - t) * loss(other_real, other_fake) + 1e-9


@every_loss
@exact
@given(logits(4), logits(4))
def test_real_and_fake_are_two_sides_of_one_game(name, real, fake):
    """D that calls each real what it called the fakes, turned round, loses as much; lsgan turns round at 1/2."""
    loss = LOSSES[name]().discriminator
    turned = (1 - fake, 1 - real) if name == "lsgan" else (-fake, -real)
    close(loss(real, fake), loss(*turned))


@every_loss
@exact
@given(logits(5), logits(5), st.permutations(range(5)), st.permutations(range(5)))
def test_the_order_within_a_batch_does_not_matter(name, real, fake, first, second):
    """Where each sample counts by itself real and fake may be shuffled apart; rpgan's pairs only together."""
    loss = LOSSES[name]()
    first = list(first)
    second = first if name == "rpgan" else list(second)
    close(loss.discriminator(real, fake), loss.discriminator(real[first], fake[second]))
    close(loss.generator(real, fake), loss.generator(real[first], fake[second]))


@every_loss
@exact
@given(logits(4), logits(4), st.integers(0, 3), st.floats(0.5, 5))
def test_who_gains_by_a_higher_logit(name, real, fake, i, step):
    """A higher D(G(z)) never costs G; a higher D(x) and a lower D(G(z)) never cost D (lsgan: between its targets)."""
    loss = LOSSES[name]()
    if name == "lsgan":
        real, fake, step = real / 80 + 0.5, fake / 80 + 0.5, step / 20  # between its targets 0 and 1
    up = torch.zeros(4, dtype=torch.float64)
    up[i] = step
    assert loss.generator(real, fake + up) <= loss.generator(real, fake) + 1e-12
    assert loss.discriminator(real + up, fake) <= loss.discriminator(real, fake) + 1e-12
    assert loss.discriminator(real, fake - up) <= loss.discriminator(real, fake) + 1e-12
    if name in ("wgan", "rpgan"):  # they know differences only
        close(loss.discriminator(real + step, fake + step), loss.discriminator(real, fake))


@pytest.mark.parametrize("name", ["mmgan", "nsgan"])
@exact
@given(logits(4), logits(4), st.floats(0, 1), st.floats(0, 1))
def test_smoothed_targets_mix_the_two_hard_ones(name, real, fake, alpha, beta):
    """Cross-entropy is linear in its target: Salimans et al. 2016, section 3.4."""
    cost = lambda a, b: LOSSES[name](real_target=a, fake_target=b).discriminator(real, fake)  # noqa: E731
    corners = (1 - alpha) * (1 - beta) * cost(0.0, 0.0) + alpha * beta * cost(1.0, 1.0)
    corners = corners + alpha * (1 - beta) * cost(1.0, 0.0) + (1 - alpha) * beta * cost(0.0, 1.0)
    close(cost(alpha, beta), corners)
    close(LOSSES[name](real_target=alpha).generator(None, fake), LOSSES[name]().generator(None, fake))


# Random numbers, order of the data --------------------------------------------------------------------------

seeds = st.integers(0, 2**32 - 1)


@exact
@given(seeds, st.integers(0, 2**40), st.text(max_size=12), st.integers(1, 4), st.integers(1, 5))
def test_any_number_of_processes_shares_out_one_draw(seed, step, name, world, n):
    whole = Stream(seed, step, name).normal(n * world, 2)
    parts = [Stream(seed, step, name, rank=rank, world=world).normal(n, 2) for rank in range(world)]
    assert torch.equal(whole, torch.cat(parts))


@exact
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4), st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_other_keys_give_another_seed(a, b):
    assert (mix(*a) == mix(*b)) == (a == b)


@exact
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), seeds, st.integers(0, 3), st.integers(0, 7))
def test_a_pass_shows_each_sample_at_most_once_and_can_be_taken_up_anywhere(world, local, batches, seed, extra, start):
    size = world * local
    n = batches * size + min(extra, size - 1)
    iterators = [iter(Shuffle(n, size, seed, rank=rank, world=world)) for rank in range(world)]
    rows = [torch.cat([next(it) for it in iterators]) for _ in range(2 * batches)]
    for one_pass in (rows[:batches], rows[batches:]):
        seen = torch.cat(one_pass).tolist()
        assert len(set(seen)) == batches * size
        assert all(0 <= row < n for row in seen)
    start %= 2 * batches
    assert torch.equal(next(iter(Shuffle(n, size, seed, start=start))), rows[start])


# Schedules --------------------------------------------------------------------------------------------------


@exact
@given(st.floats(1e-6, 10), st.floats(0, 10), st.integers(1, 1000), st.floats(0, 0.9), st.integers(0, 2000))
def test_schedules_go_one_way_from_start_to_end(start, end, steps, hold, at):
    for schedule in (Linear(start, end, steps), Cosine(start, end, steps, hold)):
        assert schedule(0) == pytest.approx(start)
        assert schedule(steps) == pytest.approx(end, abs=1e-9)
        assert schedule(steps + at) == schedule(steps)
        one, two = schedule(at), schedule(at + 1)
        assert (two - one) * (end - start) >= -1e-9
        assert min(start, end) - 1e-9 <= one <= max(start, end) + 1e-9
    exponential = Exponential(start, 1.01, floor=start / 2)
    assert exponential(at) == pytest.approx(max(start * 1.01**-at, start / 2))


# Metrics ----------------------------------------------------------------------------------------------------


def features(seed: int, n: int = 12, d: int = 3):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@exact
@given(seeds, seeds, st.lists(st.floats(-5, 5), min_size=3, max_size=3), st.permutations(range(12)))
def test_distances_between_sets(a, b, shift, order):
    assume(a != b)
    x, y, by = features(a), 2 * features(b), torch.tensor(shift, dtype=torch.float64)
    assert frechet_distance(x, x[list(order)]) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9)
    assert frechet_distance(x, x + by) == pytest.approx(by.square().sum().item(), abs=1e-8)  # same covariance
    assert frechet_distance(x + by, y + by) == pytest.approx(frechet_distance(x, y), rel=1e-8)
    assert frechet_distance(3 * x, 3 * y) == pytest.approx(9 * frechet_distance(x, y), rel=1e-9)
    assert kernel_distance(x, y) == pytest.approx(kernel_distance(y, x[list(order)]), rel=1e-9)


@exact
@given(seeds, seeds, st.integers(1, 5))
def test_precision_and_recall_change_places(a, b, k):
    assume(a != b)
    x, y = features(a), features(b) + 1
    one, two = (precision_recall_density_coverage(*pair, k=k) for pair in ((x, y), (y, x)))
    assert one["precision"] == two["recall"]
    assert one["recall"] == two["precision"]
    assert coverage(x, y, k=k) == one["coverage"]
    assert precision_recall_density_coverage(x, x, k=k)["coverage"] == 1


# Names and configurations -----------------------------------------------------------------------------------


@exact
@given(st.lists(st.text(max_size=60), max_size=5))
def test_a_directory_name_can_be_typed(overrides):
    name = slug(overrides)
    assert re.fullmatch(r"[A-Za-z0-9_.+-]{1,129}", name)
    assert not name.startswith(".")


trees = st.recursive(
    st.none() | st.integers() | st.booleans(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), below),
    max_leaves=8,
)


@exact
@given(st.dictionaries(st.text("xyz", min_size=1, max_size=3), trees, max_size=4))
def test_leaves_are_all_there_and_lead_back(tree):
    found = leaves(tree)
    assert len({path for path, _ in found}) == len(found)
    for path, value in found:
        node = tree
        for part in path.split("."):
            node = node[int(part)] if isinstance(node, list) else node[part]
        assert node is value
