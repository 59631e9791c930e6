"""The labelled subset: as many of each class, a function of its seed; the other labels are hidden."""

import re

import pytest
import torch

from gan_lightning.data.arrays import Arrays, GANData
from gan_lightning.data.labelled import HIDDEN, balanced
from gan_lightning.data.synthetic import Synthetic
from gan_lightning.game.labelled import Labelled

LABELS = torch.randint(10, (1000,), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("n", [10, 50, 200])
def test_it_has_as_many_of_each_class_none_twice(n):
    rows = balanced(LABELS, n, 0, "mine")
    assert torch.equal(LABELS[rows].bincount(), torch.full((10,), n // 10))
    assert len(rows.unique()) == n


def test_it_is_a_function_of_its_seed():
    assert torch.equal(balanced(LABELS, 100, 3, "mine"), balanced(LABELS, 100, 3, "mine"))
    shared = set(balanced(LABELS, 100, 3, "mine").tolist()) & set(balanced(LABELS, 100, 4, "mine").tolist())
    assert len(shared) < 30, "10 are expected of independent draws"


def test_a_larger_one_of_the_same_seed_has_the_smaller_one():
    few, more = (set(balanced(LABELS, n, 0, "mine").tolist()) for n in (20, 100))
    assert few < more


@pytest.mark.parametrize(
    ("labels", "n", "told"),
    [
        (LABELS, 1010, "data.labelled must not exceed the 1000 training samples of data=mine, got 1010. Write"),
        (LABELS, 5, "data.labelled must be a multiple of the 10 classes of data=mine (two classes or more), as many "
         "samples being drawn of each, got 5. Write data.labelled=10"),
        (LABELS, 25, "data.labelled must be a multiple of the 10 classes of data=mine (two classes or more), as many "
         "samples being drawn of each, got 25. Write data.labelled=20"),
        (torch.tensor([0] * 9 + [1]), 4, "data.labelled must leave each class of data=mine enough samples, 2 of each "
         "being drawn, got 4: class 1 has 1. Write data.labelled=2"),
        (torch.zeros(20).long(), 4, "must be a multiple of the 1 classes of data=mine (two classes or more)"),
        (torch.zeros(20), 4, "data.labelled needs data whose classes are numbered from 0, got labels from 0.0 to 0.0"),
        (torch.full((20,), -1), 4, "data.labelled needs data whose classes are numbered from 0, got labels from -1 to"),
    ],
)  # fmt: skip
def test_a_number_that_the_data_cannot_give_is_refused(labels, n, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        balanced(labels, n, 0, "mine")


def test_batches_have_no_labels_and_the_counts_are_those_of_the_labelled():
    data = GANData(Synthetic(n=96, size=8), batch_size=16, labelled=20, labelled_seed=1)
    data.setup()
    whole = Synthetic(n=96, size=8).train()
    assert (data.arrays.labels == HIDDEN).all()
    assert torch.equal(data.arrays.images, whole.images)
    assert torch.equal(data.class_counts(), torch.full((10,), 2))
    rows = balanced(whole.labels, 20, 1, "synthetic")
    assert torch.equal(data.known.labels, whole.labels[rows])
    assert torch.equal(data.known.images, whole.images[rows])
    data.setup()
    assert torch.equal(data.known.labels, whole.labels[rows]), "Lightning calls it again"


def known(n: int) -> Arrays:
    """Samples that are their own numbers."""
    return Arrays(torch.arange(n).view(-1, 1).float(), torch.arange(n))


def batch(of: Labelled, n: int, step: int, rank: int = 0, world: int = 1) -> list[int]:
    x, y = of.batch(torch.zeros(n, 1, dtype=torch.float64), step, rank, world)
    assert x.dtype == torch.float64
    assert torch.equal(x[:, 0].long(), y), "each label goes with its sample"
    return y.tolist()


@pytest.mark.parametrize(("size", "n"), [(12, 12), (12, 5), (5, 12), (4, 12)])
def test_each_walk_sees_every_sample_once(size, n):
    of = Labelled(*vars(known(size)).values(), seed=0)
    seen = [row for step in range(2 * size) for row in batch(of, n, step)]
    walks = [seen[i : i + size] for i in range(0, len(seen), size)]
    assert all(sorted(walk) == list(range(size)) for walk in walks)
    assert len({tuple(walk) for walk in walks}) > len(walks) // 3, "in an order of its own"


def test_a_batch_is_a_function_of_seed_and_step_and_processes_share_it():
    one, same, other = (Labelled(*vars(known(20)).values(), seed=seed) for seed in (0, 0, 1))
    assert batch(one, 8, 7) == batch(same, 8, 7)
    assert batch(one, 8, 7) != batch(other, 8, 7)
    assert batch(one, 8, 7) == batch(one, 4, 7, 0, 2) + batch(one, 4, 7, 1, 2)


def test_it_is_not_saved():
    of = Labelled(*vars(known(20)).values(), seed=0)
    assert of.state_dict() == {}
    assert of.half().images.dtype == torch.float16
