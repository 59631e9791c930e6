"""Words of other tools, options, folders and kinds of values: one sentence with what to type."""

import re
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from gan_lightning.config import mistakes, unknown
from gan_lightning.config.command_line import arranged
from gan_lightning.config.kinds import check_kind
from gan_lightning.config.mistakes import explain
from gan_lightning.config.quoting import typed_for_hydra, typed_path
from gan_lightning.config.rules import duration
from gan_lightning.config.unknown import no_such_choice, no_such_key, studies


@pytest.mark.parametrize(
    ("config_name", "typed", "words"),
    [
        ("train", "optimizer.betas=0.5,0.9", "must be one list, in brackets and quotes. Write 'optimizer.b"),
        ("train", "technique=ema,r1", "Write 'technique=[ema,r1]'"),
        ("train", "data=mnist,digits", "got several. Write data=mnist; a sweep over them has -m in front (-m d"),
        ("sample", "seed=1,2", "seed=1,2 must be one number, got a comma in it"),
        ("evaluate", "metrics=fast,default", "metrics=fast,default must be one value, got several. Write metrics=fast"),
    ],
)  # fmt: skip
def test_several_values_where_one_is_meant(monkeypatch, defaults, config_name, typed, words):
    monkeypatch.setattr(mistakes, "composed", lambda name, typed: defaults)
    said = explain(Exception(f"Ambiguous value for argument '{typed}'\n1. ..."), config_name)
    assert words in said
    assert ("-m" in said) == (config_name == "train" and "list" not in words and "technique" not in words)


def test_the_home_folder_is_found_where_the_shell_does_not_look(monkeypatch):
    """bash leaves the ~ of key=~/data as it is, and a folder of that name would be made."""
    monkeypatch.setenv("HOME", "/home/anna")
    typed = ["v.py", "data.root=~/data", "out=~", "resume=~/a b", "hydra.run.dir=~/r", "~loss", "out=~x", "n=a~/b"]
    assert typed_for_hydra(typed) == [
        "v.py", "data.root=/home/anna/data", "out=/home/anna", "resume=/home/anna/a b", "hydra.run.dir=/home/anna/r",
        "~loss", "out='~x'", "n=a~/b",
    ]  # fmt: skip
    assert typed_path("~/run") == "/home/anna/run"


def test_options_may_stand_anywhere():
    typed = ["train.py", "steps=5", "-m", "seed=0,1", "--config-dir", "mine", "~loss", "--cfg", "job"]
    assert arranged(typed, "train") == [
        "train.py",
        "-m",
        "--config-dir",
        "mine",
        "--cfg",
        "job",
        "steps=5",
        "seed=0,1",
        "~loss",
    ]


# Keys --------------------------------------------------------------------------------------------------------

KEYS = [
    ("model=dcgan", "write network=dcgan"),
    ("lr=1e-3", "Write optimizer.lr=1e-3"),
    ("learning_rate=1e-3", "Write optimizer.lr=1e-3"),
    ("epochs=10", "counted in G steps, not epochs: write steps=10000"),
    ("epoch=10", "write steps=10000"),
    ("max_epochs=10", "write steps=10000"),
    ("iters=10", "write steps=10"),
    ("batch=32", "Write batch_size=32"),
    ("num_workers=4", "There are no workers"),
    ("gpus=1", "Write trainer=gpu"),
    ("dataset=mnist", "write data=mnist"),
    ("generator=dcgan", "network.G.<setting>"),
    ("optim=sgd", "write optimizer=adam or optimizer=sgd"),
    ("z_dim=64", "write prior.dim=64"),
    ("latent_dim=64", "write prior.dim=64"),
    ("beta1=0.5", "'optimizer.betas=[0.5,0.999]'"),
    ("ema=true", "It is a technique: write 'technique=[ema]'."),
    ("sigma=0.1", "--help lists the keys."),
    ("name=first", "hydra.run.dir=<folder>"),
    ("GAN_DATA=/data", "an environment variable, typed before the command: GAN_DATA=/data python"),
    ("wandb=true", "Write logger=wandb or logger=mlflow."),
]


@pytest.fixture(scope="module")
def defaults():
    return unknown.composed("train", [])


@pytest.mark.parametrize(("typed", "words"), KEYS)
def test_words_of_other_tools(monkeypatch, defaults, typed, words):
    monkeypatch.setattr(unknown, "composed", lambda name, typed: defaults.copy())  # once for all of them
    key = typed.split("=")[0]
    said = no_such_key(key, "train", [typed])
    assert said.startswith(f"there is no key {key!r}.")
    assert words in said


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (
            ["data=digits", "data.root=x"],
            ["It belongs to data=auto", "data (with data=digits) has size, labelled, labelled_seed."],
        ),
        (
            ["optimizer.momentum=0.9"],
            ["It belongs to optimizer=sgd. optimizer (with optimizer=adam) has lr, betas, d, g."],
        ),
        (["data=mnist", "data.path=x"], ["Write data.root=x, or set the environment variable GAN_DATA."]),
        (["technique=[r1]", "technique.ema.decay=0.9"], ["Write 'technique=[r1,ema]' technique.ema.decay=0.9"]),
        (["technique=[ema]", "technique.ema.decai=0.9"], ["Did you mean technique.ema.decay?"]),
        (["network=mlp", "network.slope=0.1"], ["Did you mean network.G.slope or network.D.slope?"]),
        (["technique.emma.decay=0.9"], ["technique must be one of", "Did you mean technique=ema?"]),
    ],
)
def test_suggestions_come_from_what_was_typed_before(typed, words):
    said = no_such_key(typed[-1].split("=")[0], "train", typed)
    for part in words:
        assert part in said
    assert "Did you mean data.root" not in said


@pytest.mark.parametrize(
    ("group", "choice", "words"),
    [
        ("loss", "NSGAN", "Did you mean loss=nsgan?"),
        ("loss", "wgan-gp", "Write loss=wgan 'technique=[gradient_penalty]'."),
        ("technique", "none", "Without any, leave it out, or write 'technique=[]'."),
        ("smoothing", "0.1", "is smoothing=one_sided"),
        ("loss", "all", "All of them, a run each, are -m 'loss=glob(*)'."),
        (
            "technique",
            "{ema: {decay: 0.9}}",
            "A technique's settings are typed apart: 'technique=[ema]' technique.ema.",
        ),
        ("logger", "comet", "Another one of Lightning's is added: +logger.comet._target_=lightning"),
        ("logger", "false", "One is taken out with ~logger.tensorboard or ~logger.jsonl."),
        ("callbacks", "none", "One is taken out by its name: ~callbacks.samples."),
        ("hydra/launcher", "ray", "hydra/launcher must be one of basic, joblib, slurm, slurm_local, got 'ray'."),
        ("prior", "gaussian", "It is prior=normal."),
        ("prior", "infogan", "It is prior=categorical."),
        ("precision", "16", "It is precision=fp16"),
        ("trainer", "cuda", "It is trainer=gpu."),
        ("metrics", "fid", "metrics=inception"),
    ],
)
def test_choices_of_other_tools(group, choice, words):
    assert words in no_such_choice(group, choice)


def test_a_group_that_gets_a_mapping(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", "technique={ema: {decay: 0.9}}"])
    assert unknown.not_found(None, "technique").startswith("technique must be one of diff_augment,")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Could not append to config. An item is already at 'optimizer.lr'. Either\n",
            "+optimizer.lr adds what is there already. Write it without the '+': optimizer.lr=<value>",
        ),
        ("Key 'x' is not in struct\n    full_key: a.x\n    object_type=dict", "a.x: Key 'x' is not in struct"),
    ],
)
def test_what_hydra_says_in_several_lines_is_said_in_one(text, said):
    assert explain(HydraException(text), "train") == f"error: {said}"


def test_a_cluster_that_is_not_there(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    typed = ["train.py", "-m", "hydra/launcher=slurm", "seed=0,1"]
    with pytest.raises(ValueError, match=r"slurm needs the command srun.*found none. Write hydra/launcher=slurm_local"):
        arranged(typed, "train")
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/srun")
    assert arranged(typed, "train") == ["train.py", "-m", "hydra/launcher=slurm", "seed=0,1"]


def test_keys_of_a_resumed_run_are_not_laid_at_the_door_of_who_resumes_it(monkeypatch):
    """The run's own command has network.G.hidden; what was typed is network=dcgan beside resume=."""
    monkeypatch.setattr(sys, "argv", ["train.py", "network.G.hidden=[8]", "network=dcgan", "steps=8"])
    error = Exception("Could not override 'network.G.hidden'.")
    said = explain(error, "train", ["train.py", "resume=run", "network=dcgan", "steps=8"])
    assert said == (
        "error: resume= goes on with the game that was begun, whose network.G.hidden does not exist beside "
        "network=dcgan steps=8. Leave that out, or begin a new run."
    )


def test_a_folder_of_ones_own_that_is_not_there():
    said = explain(Exception("Additional config directory '/x/no' not found"), "train")
    assert said.startswith(
        "error: --config-dir must be a folder with files of your own, got /x/no, which is none. A file"
    )


def test_a_run_directory_below_a_file():
    said = explain(NotADirectoryError(20, "Not a directory", "file/x"), "train")
    assert said.startswith(
        "error: hydra.run.dir=file/x must be a folder that can be made: Not a directory: file/x. Name"
    )


def test_study_alone_lists_the_studies():
    said = explain(Exception("You must specify 'study', e.g, study=<OPTION>"), "study")
    assert said.startswith("error: study= must name a study. Choose one, such as study=dirac:\n")
    lines = studies().splitlines()
    assert len(lines) == len(list((Path(__file__).parent.parent.parent / "conf/study").glob("*.yaml")))
    assert any(re.fullmatch(r"  dirac +The Dirac-GAN under each loss .*", line) for line in lines)


# Values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(90, 90), ("90", 90), (0.5, 0.5), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("2d", 172_800), ("45s", 45),
     ("00:01:30:00", 5400), ("1:30:00", 5400), ("1D 2h", None), ("5 min", None), ("1:30", None), (0, None),
     (-1, None), ("soon", None), (True, None), ([90], None), ("00:00:00:00", None)],
)  # fmt: skip
def test_times_as_they_are_typed(text, seconds):
    assert duration(text) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("default", "value", "words"),
    [
        (1, 1.5, "a whole number, got 1.5. Write for example k=1"),
        (1, True, "a whole number, got True"),
        (1.0, "a", "a number, got 'a'. Write for example k=1.0"),
        (1.0, float("nan"), "a number, got nan"),
        (1.0, None, "a number, got None"),
        (True, 1, "true or false, got 1. Write for example k=true"),
        ([1, 2], 3, r"a list of whole numbers, got 3. Write for example 'k=\[1,2\]'"),
        ([1, 2.5], ["x"], r"a list of numbers, got \['x'\]"),
        ("a", ["a"], r"a word, got \['a'\]"),
        ({"a": 1}, 2, "a group of keys, each of which is set by itself, got 2. Write for example k.a=<value>"),
        ({"_target_": "gan_lightning.x.Y", "a": 1}, {"_target_": "gan_lightning.x.Y", "a": "b"}, "k.a must be a whole"),
        (
            {"_target_": "torch.optim.Adam", "lr": 1.0},
            "sgd",
            "a group of keys, each of which is set by itself, got 'sgd'",
        ),
    ],
)
def test_a_value_is_of_its_defaults_kind(default, value, words):
    with pytest.raises(ValueError, match=words):
        check_kind({"k": value}, {"k": default})


@pytest.mark.parametrize(
    ("default", "value"),
    [
        (1.0, 2),
        (None, "anything"),
        ("a", 3),
        ([1], []),
        ({"_target_": "torch.optim.Adam", "lr": 1.0}, {"_target_": "torch.optim.Adam", "lr": "theirs to judge"}),
        ({"a": 1}, {"a": 2, "more": "x"}),
    ],
)
def test_what_is_of_its_defaults_kind_passes(default, value):
    check_kind({"k": value}, {"k": default})


@pytest.mark.parametrize(
    ("group", "choice", "remedy"),
    [
        ("loss", "dcgan", "Write network=dcgan."),
        ("network", "wgan", "Write loss=wgan."),
        ("loss", "gradient_penalty", "Write 'technique=[gradient_penalty]'."),
        ("network", "linear", "It is network=mlp."),  # a synonym, though schedule=linear exists
    ],
)
def test_a_choice_of_another_group_is_told_where_it_belongs(group, choice, remedy):
    said = no_such_choice(group, choice)
    assert said.endswith(f"got '{choice}'. {remedy}")
    assert "Did you mean" not in said


def test_what_evaluate_needs_no_word_for():
    cfg = OmegaConf.create({"run": "latest", "metrics": {}, "root": None})
    for key, words in (
        ("generator", "It measures each generator of a run, its averages too. Leave it out."),
        ("data", "It measures on the data that the run was trained on; root= says where they lie."),
        ("out", "It writes into the run's own directory. Leave it out."),
        ("judge", "The judge is that of the run's data. Leave it out."),
    ):
        assert words in no_such_key(key, "evaluate", [f"{key}=x"], cfg)
