"""step=captured replays the game that step=eager plays. A tape on the CPU keeps the rules of a CUDA graph."""

import pytest
import torch
from conditional import CONDITIONS, batches, cfg_of, game
from conftest import TECHNIQUES
from recorded import Tape

from gan_lightning.callbacks.finite import FiniteGuard
from gan_lightning.config.shipped import choices
from gan_lightning.core.kept import KeptStreams
from gan_lightning.core.rng import Streams
from gan_lightning.core.seats import Seats, Technique
from gan_lightning.game.captured import WARM_UP, Captured, hold_rates
from gan_lightning.game.loop import Loop
from gan_lightning.training.capturing import check_capturable, why_not

STEPS = 7
SGD = ["optimizer=sgd", "optimizer.lr=0.1", f"steps={STEPS}"]  # Adam makes much of what is 0 but for rounding
RECORDABLE = [name for name in TECHNIQUES if name != "supervised"]


def played(*overrides: str, captured: bool = True, n: int = STEPS, plain=lambda done: False):
    """The game after ``n`` D steps, and its tapes: of D's half and of G's."""
    gan = game(*SGD, *overrides)
    loop, tapes = Loop(gan), []
    if captured:
        gan.captured = Captured(gan, plain, lambda: tapes.append(Tape()) or tapes[-1])
        for optimizer in loop.optimizers.values():
            hold_rates(optimizer, torch.device("cpu"))
    gan.train()
    play_all(loop, batches(n))
    return gan, tapes


def play_all(loop: Loop, served) -> None:
    for real, labels in served:
        loop.step(real, labels)


def differences(one, other) -> dict[str, float]:
    """Name of a state or of a loss -> largest difference."""
    mine, yours = ({**gan.state_dict(), **gan.latest} for gan in (one, other))
    assert mine.keys() == yours.keys()
    return {k: (mine[k].float() - yours[k].float()).abs().max().item() for k in mine if mine[k].numel()}


def assert_same_game(*overrides: str, replays=(STEPS - WARM_UP - 1,) * 2, **how) -> None:
    eager, _ = played(*overrides, captured=False)
    captured, tapes = played(*overrides, **how)
    assert [tape.replays for tape in tapes] == list(replays)
    far = {name: by for name, by in differences(eager, captured).items() if not by < 2e-5}
    assert not far


@pytest.mark.parametrize("technique", RECORDABLE)
def test_every_technique_is_replayed(technique):
    assert_same_game(f"technique=[{technique}]")


@pytest.mark.parametrize("loss", sorted(choices("loss")))
def test_every_loss_is_replayed(loss):
    assert_same_game(f"loss={loss}")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_labels_reach_a_replay(condition):
    assert_same_game(f"condition={condition}")


def test_the_code_of_a_z_is_drawn_in_each_replay():
    assert_same_game("prior=categorical", "prior.classes=2")


@pytest.mark.parametrize(
    "overrides",
    [
        ("technique=[r1]", "technique.r1.final_weight=0.1"),
        ("technique=[r1]", "technique.r1.sigma=0.1", "technique.r1.final_weight=0.1"),
        ("technique=[instance_noise]", "technique.instance_noise.sigma=1", "technique.instance_noise.final_sigma=0"),
        ("schedule=linear",),
    ],
    ids=["r1", "r1 by differences", "instance noise", "learning rate"],
)
def test_what_falls_over_the_run_falls_in_a_replay(overrides):
    assert_same_game(*overrides)
    constant = played(captured=False)[0] if "schedule=linear" in overrides else played(*overrides[:1])[0]
    assert max(differences(constant, played(*overrides)[0]).values()) > 1e-3


def test_views_of_both_halves_have_the_draws_of_the_eager_game():
    """G's half goes on with the stream of a view where D's half stopped."""
    assert_same_game("technique=[instance_noise,diff_augment]", "technique.instance_noise.sigma=1")


def test_two_d_steps_for_one_of_g():
    assert_same_game("d_steps=2", replays=(3, 0))
    gan, tapes = played("d_steps=2", n=12)
    assert (gan.d_steps_done, gan.g_steps_done, [tape.replays for tape in tapes]) == (12, 6, [8, 2])


def test_steps_that_are_looked_into_are_played_as_they_are():
    assert_same_game(plain=lambda done: done in (1, 5), replays=(1, 1))


def test_batches_of_two_sizes_have_recordings_of_their_own():
    gan = game(*SGD)
    eager = game(*SGD)
    tapes = []
    gan.captured = Captured(gan, recording=lambda: tapes.append(Tape()) or tapes[-1])
    for one in (gan, eager):
        loop = Loop(one)
        for i in range(12):
            loop.step(*batches(12, 16 if i % 2 else 8)[i])
    assert [tape.replays for tape in tapes] == [2, 2, 2, 2]
    assert max(differences(gan, eager).values()) < 2e-5


def test_terms_and_logits_are_those_of_the_replayed_step():
    gan, _ = played("technique=[r1]")
    eager, _ = played("technique=[r1]", captured=False)
    for player in ("D", "G"):
        assert gan.terms[player].keys() == eager.terms[player].keys()
        for name, term in gan.terms[player].items():
            assert term.item() == pytest.approx(eager.terms[player][name].item(), abs=1e-5)


def test_a_layer_that_draws_unseen_is_refused_before_it_is_recorded():
    gan = game(*SGD)
    gan.G.register_forward_hook(lambda module, args, output: output + torch.rand(()))
    gan.captured = Captured(gan, recording=Tape)
    loop = Loop(gan)
    with pytest.raises(ValueError, match=r"needs layers that draw no random numbers, got some in D's half"):
        play_all(loop, batches())
    assert gan.d_steps_done == WARM_UP - 1


def test_a_technique_that_reads_a_value_cannot_be_recorded():
    class Reads(Technique):
        recordable = True

        def d_term(self, play, rng):
            return play.real_logits.mean() * play.fake_logits.mean().item()

    gan = game(*SGD)
    gan.d_terms = [("reads", Reads())]
    gan.captured = Captured(gan, recording=Tape)
    loop = Loop(gan)
    with pytest.raises(RuntimeError, match="a recorded step reads a value"):
        play_all(loop, batches(5))
    assert {"real", "fake", "loss/d", "loss/g"} <= gan.latest.keys()  # of the steps before it


def test_kept_draws_are_those_of_the_step_and_stay_where_they_are():
    kept = KeptStreams()
    kept.begin(Streams(0, 0))
    places = [kept["z"].normal(4, 2), kept["z"].uniform(3), kept["view"].normal(2)]
    kept.begin(streams := Streams(0, 1))
    again = [kept["z"].normal(4, 2), kept["z"].uniform(3), kept["view"].normal(2)]
    assert all(a is b for a, b in zip(places, again, strict=True))
    true = Streams(0, 1)
    expected = [true["z"].normal(4, 2), true["z"].uniform(3), true["view"].normal(2)]
    assert all(torch.equal(a, b) for a, b in zip(again, expected, strict=True))
    assert (streams["z"].draws, streams["view"].draws) == (2, 1)
    kept.begin(Streams(0, 2))
    with pytest.raises(ValueError, match="plays the same draws at every step") as error:
        kept["z"].uniform(4, 2)
    assert "draw 0 was normal of shape (4, 2), and is now uniform of shape (4, 2). Write step=eager." in str(
        error.value
    )


def test_a_draw_of_another_law_is_refused():
    kept = KeptStreams()
    kept.begin(Streams(0, 0))
    with pytest.raises(ValueError, match="got one of a generator of its own. Draw with these, or write step=eager"):
        kept["order"].generator()


# The guard against what is not finite, whose flag a recording keeps -----------------------------------------


def test_the_guard_of_a_recorded_step_counts_on_the_device():
    guard, tape = FiniteGuard(), Tape()
    values = {player: torch.zeros(2) for player in ("D", "G")}

    def step() -> None:
        guard.note("D", values["D"], 5)
        guard.note("G", values["G"], 6)

    step()
    tape.record(step)
    tape.replay()
    values["G"][1] = torch.nan
    tape.replay()
    values["D"][0] = torch.inf
    tape.replay()
    assert guard.stop.item()
    assert guard.at.item() == 5 + 4  # D had made 8 steps before this one, and its own is the ninth
    assert torch.equal(guard.seen["G"].isnan(), torch.tensor([False, True]))
    assert not guard.seen["D"].any()


# What cannot be recorded ------------------------------------------------------------------------------------


def test_without_an_nvidia_gpu_it_is_refused():
    cfg = cfg_of("step=captured", "trainer=cpu")
    with pytest.raises(ValueError) as error:
        check_capturable(cfg, game())
    assert str(error.value) == (
        "step=captured needs an NVIDIA GPU, since it replays CUDA graphs, got device cpu. Write step=eager."
    )


def test_several_gpus_are_refused(monkeypatch):
    monkeypatch.setattr("gan_lightning.training.capturing.device_of", lambda cfg: torch.device("cuda"))
    with pytest.raises(ValueError, match=r"^step=captured plays on one GPU, got devices=2\. Write step=eager\.$"):
        check_capturable(cfg_of("devices=2"), game())
    check_capturable(cfg_of(), game())


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["update=simultaneous"], "got update=simultaneous, which has one for both. Write step=eager."),
        (["network=maxout"], "needs layers that draw no random numbers, got Dropout in D. Leave it out"),
        (["technique=[r1]", "technique.r1.interval=16"], "got technique.r1.interval=16. Set it to 1"),
        (["optimizer=sgd", "schedule=goodfellow2014"], "follows a schedule of lr alone, got one of momentum for D"),
        (["data.labelled=20", "technique=[supervised]"], "does not serve labelled batches, got data.labelled=20"),
    ],
)
def test_a_game_that_cannot_be_recorded_is_refused_in_words(overrides, text):
    assert text in why_not(cfg_of(*overrides), game(*overrides))


def test_a_loss_scaler_and_an_optimizer_that_is_not_fused_are_refused():
    cfg = cfg_of()
    assert why_not(cfg, game()) is None
    gan = game()
    gan.make_optimizers = (gan.make_optimizers[0], torch.optim.Adam)
    assert why_not(cfg, gan) == (
        "needs an optimizer with fused=true, got another for G. Use optimizer=adam, or step=eager."
    )
    cfg.precision.name = "fp16"
    assert "cannot skip the steps that overflow, as precision=fp16 must" in why_not(cfg, game())


class Own(Technique):
    def after_update(self, G, D, player):
        pass


def test_a_technique_of_ones_own_is_refused_until_it_says_so():
    gan = game()
    gan.seats = Seats({"own": Own()})
    assert why_not(cfg_of(), gan) == (
        "needs techniques that can be recorded, got own. Leave it out, write step=eager, or, if it is your own, see "
        "`recordable` in gan_lightning/core/seats.py."
    )
    Own.recordable = True
    assert why_not(cfg_of(), gan) is None
