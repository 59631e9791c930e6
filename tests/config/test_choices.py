"""A configuration in the words of conf/: each choice is named as a person types it."""

import pytest
from omegaconf import OmegaConf

from gan_lightning.config.choices import choice_of, game_in_words, number, optimizer_of, smoothing_of
from gan_lightning.config.compose import compose
from gan_lightning.config.shipped import choices


def plain(*overrides: str):
    return OmegaConf.to_container(compose("train", list(overrides)), resolve=True)


@pytest.mark.parametrize("group", ["network", "loss", "optimizer", "schedule", "condition", "prior", "smoothing"])
def test_every_choice_of_a_group_is_found_by_what_it_holds(group):
    named = {choice: choice_of(group, plain(f"{group}={choice}")[group]) for choice in choices(group)}
    assert named == {choice: choice for choice in choices(group)}


def test_every_dataset_is_found():
    for choice in choices("data") - {"auto"}:
        root = ["data.root=/x"] if choice == "image_folder" else []
        assert choice_of("data", plain(f"data={choice}", *root)["data"]) == choice


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["experiment=best_mnist_cpu", "data=mnist"], "conv nsgan r1+ema prior=categorical adam 2e-3 mnist seed=0"),
        (["data=mnist"], "conv nsgan r1+ema adam 2e-3 mnist seed=0"),
        (["experiment=mlp", "data=digits", "seed=3"], "mlp nsgan no technique adam 2e-4 digits seed=3"),
        (
            ["experiment=mlp", "data=digits", "smoothing=two_sided", "condition=concat", "d_steps=5"],
            "mlp nsgan no technique two_sided condition=concat k=5 adam 2e-4 digits seed=0",
        ),
        (
            ["experiment=semi_mnist_cpu", "data=mnist", "seed=2"],
            "salimans2016 nsgan supervised+feature_matching+ema_d prior=uniform labelled=100 adam 3e-3 mnist seed=2",
        ),
        (
            ["experiment=mlp", "data=ring8", "network=points", "optimizer=sgd", "optimizer.lr=0.1", "schedule=linear"],
            "points nsgan no technique sgd 0.1 ring8 seed=0",
        ),
    ],
)
def test_a_game_in_a_line(overrides, words):
    assert game_in_words(plain(*overrides)) == words


def test_what_no_choice_has_is_told_by_its_values():
    config = plain("smoothing.real_target=0.8", "optimizer.d.lr=4e-4", "optimizer.g.lr=1e-4")
    assert smoothing_of(config) == "targets 0.8 and 0"
    assert optimizer_of(config) == "adam 4e-4 for D, 1e-4 for G"
    assert [number(value) for value in (1.5e-5, 0.01, 3, True, "x", None)] == ["1.5e-5", "0.01", "3", "?", "?", "?"]


def test_a_class_of_ones_own_is_called_by_its_name_and_nonsense_by_a_sign():
    assert choice_of("loss", {"_target_": "mine.losses.Squared"}) == "Squared"
    assert choice_of("loss", {"_target_": "x.\x1b[31mred\n" + "y" * 90}) == ("[31mred " + "y" * 90)[:40]
    assert game_in_words({"loss": 3, "technique": [], "smoothing": "none"}) == "? ? no technique ? k=? ? ? seed=?"
