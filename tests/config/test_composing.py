"""What tests/composing.py keeps is what Hydra would compose."""

import pickle

import composing
import pytest
from conftest import TINY
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from gan_lightning.config.compose import compose


@pytest.fixture
def as_hydra_does():
    composing.forget()
    yield lambda name, words: compose(name, words)
    composing.keep()


WORDS = [
    ("train", []),
    ("train", [*TINY, "seed=3"]),
    ("train", ["batch_size=8", *TINY, "callbacks.samples.n=3"]),
    ("train", [*TINY, "steps=9", "loss=hinge", "technique=[ema,r1]", "technique.r1.weight=2"]),
    ("train", ["~logger.tensorboard", "experiment=ring8", "optimizer.d.lr=0.1", "+network.G.depth=3"]),
    ("train", ["technique.ema.decay=0.5", "technique=[ema]", "seed='a,b'", "+note={a: [1, 2]}"]),
    ("evaluate", ["run=x y", "metrics=fast"]),
]


def test_it_is_the_same_the_first_time_and_again(as_hydra_does):
    wanted = [as_hydra_does(*words) for words in WORDS]
    composing.keep()
    for _ in range(2):
        for words, one in zip(WORDS, wanted, strict=True):
            other = compose(*words)
            assert OmegaConf.to_yaml(other) == OmegaConf.to_yaml(one)
            assert OmegaConf.is_struct(other)
            other.seed = -5  # a change of what was given changes nothing that is kept
    assert len(composing.MERGED) == 6, "two of them choose the same files"


def test_mistakes_are_told_in_the_same_words_each_time(as_hydra_does):
    wrong = [["los=hinge"], ["loss=hing"], ["loss"], ["seed=[1"], ["~logger.wandb"], ["+loss=hinge"]]

    def told(words):
        with pytest.raises(HydraException) as error:
            compose("train", words)
        return str(error.value)

    wanted = [told(words) for words in wrong]
    composing.keep()
    assert [told(words) for words in wrong] == [told(words) for words in wrong] == wanted


def test_a_file_of_ones_own_that_has_changed_is_read_again_and_a_draw_is_drawn_again(tmp_path):
    (tmp_path / "loss").mkdir()
    for scale in (1, 23):
        (tmp_path / "loss" / "mine.yaml").write_text(f"scale: {scale}")
        assert compose("train", [f"hydra.searchpath=['file://{tmp_path}']", "loss=mine"]).loss.scale == scale
    draws = {str(OverridesParser.create().parse_override("a=shuffle([1,2,3,4,5,6,7,8])").value()) for _ in range(9)}
    assert len(draws) > 1


def test_no_time_of_day_is_kept():
    compose("train", TINY)
    assert composing.MERGED
    assert all(not pickle.loads(kept)._metadata.resolver_cache for kept in composing.MERGED.values())
