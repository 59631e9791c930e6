"""technique=supervised beside every other technique and every loss: it plays and matters, or is refused in words."""

import functools
import itertools

import pytest
import torch
from conditional import batches, game
from conftest import TECHNIQUES
from played import differs, play

from gan_lightning.config.where import CONF

LOSSES = sorted(p.stem for p in (CONF / "loss").glob("*.yaml"))
REFUSED = {
    "minibatch_discrimination": "it adds one number to D's logit",
    "minibatch_stddev": "it adds one number to D's logit",
    "packing": "its packs hold samples of several classes",
}
FELT = ["technique.gradient_clipping.d=0.01", "technique.gradient_clipping.g=0.01"]  # by three steps
ALL = list(itertools.product(["", *TECHNIQUES], LOSSES))


@functools.cache
def played(techniques: tuple[str, ...], loss: str):
    """(losses of three steps, final state) of a game."""
    words = ["data.labelled=20"] if "supervised" in techniques else []
    words += FELT if "gradient_clipping" in techniques else []
    return play(game(f"loss={loss}", f"technique=[{','.join(techniques)}]", *words), batches())


def check(technique: str, loss: str) -> None:
    both = ("supervised", technique) if technique else ("supervised",)
    if technique in REFUSED:
        told = f"technique={technique} cannot be played with data.labelled: {REFUSED[technique]}"
        with pytest.raises(ValueError, match=told):
            played(both, loss)
        return
    mine = played(both, loss)
    assert torch.tensor(mine[0]).isfinite().all()
    assert all(v.isfinite().all() for v in mine[1].values())
    if technique:
        assert differs(mine, played(("supervised",), loss)), f"{technique} does nothing"
    without = play(
        game(
            f"loss={loss}",
            f"technique=[{','.join(both)}]",
            "technique.supervised.weight=0",
            "data.labelled=20",
            *(FELT if technique == "gradient_clipping" else []),
        ),
        batches(),
    )
    assert differs(mine, without), "the labels teach nothing"


@pytest.mark.parametrize(("technique", "loss"), ALL[::7])
def test_some_techniques_and_losses(technique, loss):
    check(technique, loss)


@pytest.mark.parametrize("technique", REFUSED)
def test_what_cannot_be_played_with_classes_is_refused(technique):
    check(technique, "nsgan")


@pytest.mark.slow
@pytest.mark.parametrize(("technique", "loss"), ALL)
def test_every_technique_and_loss(technique, loss):
    check(technique, loss)
