"""A configuration that is played says which choices it was made of."""

from omegaconf import OmegaConf

from gan_lightning.config.build import drop_unchosen
from gan_lightning.config.compose import compose
from gan_lightning.config.words import choice_words, typed_as


def played(*overrides):
    """The resolved configuration, as config.yaml has it."""
    cfg = compose("train", ["data=mnist5k", "trainer=cpu", *overrides])
    drop_unchosen(cfg)
    OmegaConf.resolve(cfg)
    return OmegaConf.to_container(cfg)


def test_the_default_in_words():
    assert choice_words(played()) == {
        "data": "mnist5k", "prior": "normal", "loss": "nsgan", "smoothing": "none", "technique": "r1+ema",
        "condition": "none", "optimizer": "adam", "schedule": "constant", "network": "conv", "precision": "fp32",
    }  # fmt: skip


def test_a_changed_knob_leaves_the_word_and_what_is_nobodys_choice_has_its_own():
    changed = choice_words(played("network.G.width=7", "schedule=late_linear", "schedule.hold=0.5"))
    assert (changed["network"], changed["schedule"]) == ("conv", "late_linear")
    assert choice_words(played("smoothing.real_target=0.8"))["smoothing"] == "targets 0.8 and 0"
    own = played()
    own["loss"] = {"_target_": "my.package.losses.Mine"}
    own["technique"] = {}
    own["prior"] = "written by hand"
    assert {k: choice_words(own)[k] for k in ("loss", "technique", "prior")} == {
        "loss": "Mine", "technique": "none", "prior": "written by hand",
    }  # fmt: skip


def test_what_would_be_typed_for_a_key():
    config = played("technique=[r1,ema]")
    asked = ("loss", "optimizer.betas", "technique.r1.interval", "technique.ema_d.decay", "max_time", "arm")
    assert [typed_as(config, key) for key in asked] == ["nsgan", "[0.0,0.99]", "1", "none", "none", "none"]
