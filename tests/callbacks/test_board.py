"""What TensorBoard shows of a sweep: choices in words, those that differ first, best and test numbers, no dots."""

import pytest
from lightning.pytorch import Callback
from measured import DIGITS
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.backend_context import Context

from gan_lightning.config.compose import compose
from gan_lightning.report.measuring import evaluate_runs
from gan_lightning.training.setup import train

GAME = [*DIGITS, "steps=6", "log_every=2", "evaluate_every=2", "sample_every=3", "callbacks.evaluation.n=50"]


class Fails(Callback):
    def on_train_batch_end(self, trainer, module, *args):
        if module.g_steps_done == 4:
            raise RuntimeError("the power failed")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    runs = {"loss-mmgan": ["loss=mmgan"], "loss-nsgan": ["optimizer.lr=1e-3"]}
    for name in runs:
        (folder / name).mkdir()
    train(compose("train", [*GAME, *runs["loss-mmgan"]]), folder / "loss-mmgan")
    with pytest.raises(RuntimeError, match="the power failed"):
        train(compose("train", [*GAME, *runs["loss-nsgan"]]), folder / "loss-nsgan", extra_callbacks=[Fails()])
    return folder


def events_of(run):
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return events


def test_a_run_that_stopped_has_its_choices_too_in_words(sweep):
    told = {}
    for name in ("loss-mmgan", "loss-nsgan"):
        content = events_of(sweep / name).PluginTagToContent("hparams")
        ended = metadata.SESSION_END_INFO_TAG in content
        assert ended == (name == "loss-mmgan"), "that of a run that failed stays open"
        assert metadata.EXPERIMENT_TAG not in content
        told[name] = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG]).hparams
    assert [told[name]["loss"].string_value for name in told] == ["mmgan", "nsgan"]
    mine = told["loss-nsgan"]
    assert (mine["network"].string_value, mine["technique"].string_value) == ("mlp", "none")
    assert (mine["steps"].number_value, mine["optimizer.lr"].number_value) == (6, 1e-3)
    assert not any("gan_lightning" in value.string_value or "_target_" in key for key, value in mine.items())
    assert not any(key.startswith(("callbacks", "trainer", "logger", "resume")) for key in mine)


def test_tensorboard_puts_what_differs_and_the_best_numbers_first(sweep):
    runs = EventMultiplexer()
    runs.AddRunsFromDirectory(str(sweep))
    runs.Reload()
    assert set(runs.Runs()) == {"loss-mmgan/tensorboard", "loss-nsgan/tensorboard"}
    context = Context(TBContext(data_provider=MultiplexerDataProvider(runs, str(sweep))))
    request = RequestContext()
    found = context.experiment_from_metadata(request, "", True, context.hparams_metadata(request, ""), [])
    differing = [info.name for info in found.hparam_infos if info.differs]
    assert differing == [info.name for info in found.hparam_infos][: len(differing)]
    assert set(differing) == {"loss", "optimizer.lr", "optimizer.d.lr", "optimizer.g.lr"}
    numbers = [info.name.tag for info in found.metric_infos]
    assert numbers[:3] == ["best/coverage_judge", "best/fd_judge", "best/fd_over_coverage"]


def test_no_number_is_a_chart_of_one_dot_and_the_best_is_a_curve(sweep):
    events = events_of(sweep / "loss-mmgan")
    curves = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    assert {tag for tag, curve in curves.items() if len(curve) == 1} == set()
    best, all_of_them = ([e.value for e in curves[f"{where}/fd_over_coverage"]] for where in ("best", "metric"))
    assert best == [min(all_of_them[: i + 1]) for i in range(3)]
    assert [e.step for e in curves["best/fd_judge"]] == [2, 4, 6]


def test_evaluate_puts_the_test_numbers_beside_the_best(sweep):
    run = sweep / "loss-mmgan"
    result = evaluate_runs(compose("evaluate", [f"run={run}", "metrics=fast", "n=50"]))[run]
    chosen = result["checkpoints"]["best"]
    expected = {k: v for c in result["measured"] for k, v in c["values"][chosen["weights"]].items()}
    events = events_of(run)
    found = {tag.removeprefix("best_test/"): events.Scalars(tag)[-1] for tag in events.Tags()["scalars"]
             if tag.startswith("best_test/")}  # fmt: skip
    assert {key: event.value for key, event in found.items()} == pytest.approx(expected, rel=1e-6)
    assert {event.step for event in found.values()} == {chosen["g_steps"]}
