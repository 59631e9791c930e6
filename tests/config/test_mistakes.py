"""Values, choices and words that cannot be: one sentence with what to type, before anything begins."""

import re
import sys

import pytest
from conftest import TINY
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from gan_lightning import train as train_verb
from gan_lightning.config import command_line, unknown
from gan_lightning.config.command_line import arranged
from gan_lightning.config.mistakes import explain
from gan_lightning.config.verb import leave_no_sweep


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """Type arguments of ``train`` in an empty folder, where nothing may be left; returns what was said."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        with pytest.raises(SystemExit) as stop:
            train_verb.main()
        captured = capsys.readouterr()
        text = captured.out + captured.err
        assert stop.value.code == 1, text
        assert "Traceback" not in text
        assert text.count("error: ") == 1, text
        assert [p for p in tmp_path.rglob("*") if p.is_file()] == [], "nothing is begun"
        return text

    return run


@pytest.mark.parametrize("named", [False, True])
def test_a_multirun_whose_jobs_were_all_refused_leaves_nothing(monkeypatch, tmp_path, named):
    """(That it does so in the end: the words -m seed=0..3 below.) What a person named stays."""
    monkeypatch.setattr(sys, "argv", ["train.py", "-m", *(["hydra.sweep.dir=mine"] if named else [])])
    sweeps = [tmp_path / "outputs" / "multirun" / "day" / time for time in ("with a run", "refused")]
    for sweep in sweeps:
        (sweep / "seed-0" if sweep == sweeps[0] else sweep).mkdir(parents=True)
        (sweep / "multirun.yaml").touch()
        leave_no_sweep(str(sweep))
    assert sorted(p.name for p in sweeps[0].iterdir()) == ["multirun.yaml", "seed-0"]
    assert sweeps[1].exists() == named


WHOLE = [  # composed by Hydra, refused before the run begins
    (["network.G.hidden=128"], r"network.G.hidden must be a list of whole numbers, got 128. .*'network.G.hidden=\["),
    (["network.G.hidden=[]"], r"network.G.hidden must be one or more widths.*got \[\]"),
    (["optimizer.betas=0.5"], r"optimizer.betas must be a list of two numbers, got 0.5.*\[0.5,0.999\]"),
    (["optimizer.d.betas=[0.5]"], r"optimizer.d.betas must be a list of two numbers, got \[0.5\]"),
    (["max_time=tomorrow"], r"max_time must be a time above 0.*got 'tomorrow'.*max_time=5m"),
    (["callbacks.samples.n=0"], r"callbacks.samples.n must be a whole number, 1 or more, got 0.*sample_every=0"),
    (
        ["callbacks.progress.line_seconds=often"],
        "callbacks.progress.line_seconds must be a number above 0, got 'often'",
    ),
    (
        ["objective=nonsense"],
        r"objective must be one of best_fd_over_coverage.*got 'nonsense'. Write objective=best_fd_over_coverage",
    ),
    (
        ["objective=metric/fid"],
        r"objective=metric/fid is measured by nothing.*metric/fd_judge.*Write objective=best_fd_o",
    ),
    (
        ["-m", "seed=0..3"],
        r"seed must be a whole number.*got '0..3'.*a run for each from 0 to 3 is -m 'seed=range\(0,4\)'",
    ),
    (["+technique=[ema]"], r"\+technique=\[ema\] adds what is there already. Write it without the '\+': technique="),
    (
        ["network.G._target_=os.system"],
        r"network.G cannot be built: Target 'os.system' is blocklisted.*Leave out what was typed for network.G",
    ),
    (["objective=best_fd_judge"], r"objective=best_fd_judge needs an evaluation.*evaluate_every=1000"),
    (["data.size=3"], r"data.size must be a whole number, 8 or more, got 3"),
    (["technique=[ema,ema]"], r"technique must name each technique once, got \[ema,ema\]. Write 'technique=\[ema\]'"),
    (["steps=1e4"], r"steps must be a whole number, 1 or more, got 10000.0. Write steps=10000"),
    (["loss.real_target=5"], "loss.real_target must be a number from 0 to 1, got 5"),
    (["seed=99999999999999999999"], "seed must be a whole number from 0 to 4294967295"),
    (["network.G.slope=abc"], "network.G.slope must be a number, got 'abc'. Write for example network.G.slope=0.2"),
    (["resume_override=maybe"], "resume_override must be true or false, got 'maybe'"),
    (["trainer.max_epochs=5"], "trainer.max_epochs is not for typing.*Write steps=<G steps>"),
    (
        ["+trainer.gradient_clip_val=1"],
        r"trainer.gradient_clip_val is not for typing.*'technique=\[gradient_clipping\]'",
    ),
    (["search=learning_rates"], "which needs a multirun, got a single run. Put -m in front"),
    (["ablation=recipe"], "which needs a multirun, got a single run.*-m ablation=recipe"),
    (["prior.dim=100000000000"], "must hold what is computed, and it could not give .* GB at once"),
]


@pytest.mark.parametrize(("typed", "words"), WHOLE, ids=lambda v: "+".join(v) if isinstance(v, list) else "")
def test_a_value_that_cannot_be(refused, typed, words):
    assert re.search(words, refused(*TINY, *typed), re.DOTALL)


def test_the_sizes_of_an_experiment_beside_another_network(refused):
    text = refused("experiment=ring8", "network=dcgan", "data.n=500", "trainer=cpu")
    assert "network.G.hidden is no setting of network=dcgan" in text
    assert "which takes width." in text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["loss="], "loss must be one of hinge, lsgan, mmgan, nsgan, rpgan, wgan, got nothing."),
        (["smoothing=0.9"], "got '0.9'. Smoothing of the real side to 0.9 is smoothing=one_sided."),
        (["steps=1,000"], "steps=1,000 must be one number, got a comma in it. A decimal has a point (steps=0.5)"),
        (
            ["optimizer.lr=0,0002"],
            "thousands have nothing (optimizer.lr=1000); a sweep over them has -m in front",
        ),
        (["~loss"], "~loss must take out a callback, a logger or a technique, such as ~callbacks.samples, got loss"),
        (["~optimizer.lr"], "without which nothing runs. Leave it out, or write optimizer.lr=<another value>"),
        (["~technique.packing"], "~technique.packing must name a key that is there, to take it out. Leave it out"),
        (["loss=mmgan,nsgan"], "a sweep over them has -m in front (-m loss=mmgan,nsgan)"),
        (["technique=[ema"], "technique=[ema cannot be read as key=value"),
        (
            ["network=dcgan", "data=synthetic"],
            "technique=r1 needs a D without BatchNorm, got one with BatchNorm2d: its outputs sum to a constant over "
            "the batch, which hides D's slope from the penalty. Write experiment=dcgan or 'technique=[ema]', which "
            "leave it out, or network.D.d_norm=none.",
        ),
        (
            ["data=ring8"],
            "network=conv needs square images (C, S, S), got points [2]. Write network=points prior.dim=2, or "
            "experiment=ring8 or experiment=grid25",
        ),
        (
            ["data=synthetic", "data.size=27"],
            "network=conv needs an even image side of at least 8, got 27. Write data.size=28 or 32, or experiment=mlp",
        ),
    ],
)
def test_a_choice_that_cannot_be(refused, typed, words):
    assert words in refused(*typed)


# Words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config_name", "typed", "words"),
    [
        ("train", ["loss", "nsgan"], "loss is not of the form key=value. Write loss=nsgan;"),
        ("train", ["steps", "=100"], "Write steps=100;"),
        ("train", ["steps=", "100"], "Write steps=100;"),
        ("train", ["ema"], r"Write technique=\[ema\];"),
        (
            "train",
            ["--loss", "nsgan"],
            "--loss is no option: keys are typed without dashes, as key=value. Write loss=nsgan",
        ),
        ("train", ["--steps=100"], "Write steps=100"),
        ("train", ["--lr", "1e-4"], r"--lr is no option: .* There is no key 'lr'. Write optimizer.lr=1e-4"),
        (
            "train",
            ["--lr", "1e-4", "--batch_size", "64", "--ema", "--loss=wgan"],
            "--lr, --batch_size, --ema, --loss=wgan are no options: keys are typed without dashes, as key=value. "
            "Write batch_size=64 loss=wgan There is no key 'lr'. Write optimizer.lr=1e-4.*'ema'. It is a technique",
        ),
        ("train", ["optimizer.lr:", "0.1"], "Write optimizer.lr=0.1;"),
        ("train", ["steps:100"], "Write steps=100;"),
        ("train", ["help"], "help is not of the form key=value. Write --help;"),
        ("train", ["-b", "32"], "-b is no option: .* Write batch_size=32."),
        ("train", ["--config", "my.yaml"], r"ambiguous option: --config could.*experiment=<name>"),
        ("train", ["-c", "my.yaml"], r"invalid choice: 'my.yaml'.*experiment=<name>"),
        (
            "train",
            ["--config-name", "my"],
            "--config-name=my would take another file in place of train.yaml.*experiment",
        ),
        ("train", ["--config-path=conf"], "--config-path=conf would take another file in place of train.yaml"),
        ("train", ["-m", "seed=range(0)"], r"seed=range\(0\) names no value. Write for example 'seed=range\(0,3\)'"),
        ("train", ["hydra.run.dir="], "hydra.run.dir= must name a directory, got nothing"),
        ("study", ["dirac"], "Write study=dirac;"),
        ("train", ["mine/game.yaml"], r"Write experiment=game, with the file in conf/experiment/;"),
        ("bench", ["quick"], "quick is not of the form key=value. Write <key>=quick;"),
        ("study", ["dirac,saturation"], "Write study=dirac;"),
        ("sample", ["outputs/x"], "Write run=outputs/x;"),
        ("compare", ["outputs/x"], "Write runs=outputs/x;"),
        ("evaluate", ["a/x", "a/y"], r"Write run=a/x; several are a glob in quotes \('run=<folder>/\*'\);"),
        ("compare", ["x", "y"], r"Write runs=x; several are a glob in quotes \('runs=<folder>/\*'\);"),
        ("evaluate", ["metrics", "fast"], "Write metrics=fast;"),
        ("compare", ["runs="], "runs= must name a directory, got nothing. Write runs=<folder>, or leave it out."),
        ("sample", ["run="], "run= must name a directory, got nothing. Write run=<folder>, or leave it out."),
    ],
)
def test_words_that_are_no_key_and_value(config_name, typed, words):
    with pytest.raises(ValueError, match=words):
        arranged(["verb.py", *typed], config_name)


def test_a_lone_word_of_a_new_command_is_its_run(monkeypatch, tmp_path):
    """Its YAML says that it has one: no list of commands is kept."""
    monkeypatch.setattr(command_line, "CONF", tmp_path)
    (tmp_path / "interpolate.yaml").write_text("defaults:\n  - _self_\nrun: latest\nn: 16\n")
    assert command_line.suggestion("outputs/x", "", "", "interpolate") == "run=outputs/x"


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("steps==100", "steps=100"),
        ("steps:=100", "steps=100"),
        ("steps = 100", "steps=100"),
        ("optimizer.lr=1e-4,", "optimizer.lr=1e-4"),
        ("network.G.hidden=(256,512)", "'network.G.hidden=[256,512]'"),
        ("technique=[ema,r1", "'technique=[ema,r1]'"),
        ("lr=1e-4 optimizer.d.lr=2e-4", "lr=1e-4 optimizer.d.lr=2e-4"),
        ("a=[1 b=2", "'a=[1]' b=2"),
        ("loss='nsgan", None),
    ],
)
def test_what_hydra_cannot_read_is_written_as_it_can(typed, right):
    with pytest.raises(OverrideParseException) as stop:
        OverridesParser.create().parse_overrides([typed])
    said = explain(stop.value, "train")
    assert said.startswith(f"error: {typed} cannot be read as key=value")
    assert said.endswith(f". Write {right}" if right else "'technique=[ema]'.")
    assert "UNQUOTED_CHAR" not in said


# Several at once ---------------------------------------------------------------------------------------------


def test_all_wrong_keys_and_choices_are_named_at_once(refused):
    text = refused("z_dim=100", "batch=64", "steps=3", "loss=gan", "technique=[ema,dropblock]", "epochs=20")
    assert text.splitlines()[0] == "error: 5 keys or choices do not exist; --help lists those that do:"
    for line, words in zip(
        text.splitlines()[1:],
        [
            "'z_dim'. z is drawn from the prior: write prior.dim=100.",
            "'batch'. Write batch_size=64.",
            "got 'gan'. The non-saturating loss is loss=nsgan.",
            "got 'dropblock'.",
            "'epochs'. The length of a run is counted in G steps, not epochs",
        ],
        strict=True,
    ):
        assert words in line


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        (["z_dim=1", "optimizer.betas.0=0.5", "+optimizer.d.weight_decay=1", "~search", "hydra.job.chdir=false"], 1),
        (["technique=[ema]", "technique.ema.decay=0.9", "technique.r1.weight=1", "technique.ema.decai=1"], 2),
        (["-m", "loss=nsgan,gan,vanilla", "seed=0,1", "lr=range(1,3)"], 3),
        (["data=digits", "data.size=16", "data.root=x", "experiment=ring8"], 1),
        (["--config-dir", "mine", "loss=mine", "z_dim=1"], 0),  # whose choices are not looked for
    ],
)
def test_what_exists_is_not_among_them(typed, wrong):
    assert len(unknown.unknown_words("train", typed)) == wrong
