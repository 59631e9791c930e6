"""What record.json and multirun.yaml of a stranger recorded, a corpus: none of it is typed again that is no game."""

import json
import sys

import pytest
import yaml
from hostile import refused

from gan_lightning import train as train_verb
from gan_lightning.config import compose as compose_module
from gan_lightning.io import plain
from gan_lightning.report.arms import gather
from gan_lightning.runs.resume import resume_arguments
from gan_lightning.runs.sweep import continue_arguments, jobs

NO_GAME = "which is no part of a game"
LINES = {
    "a file by its path": ("experiment=../../../evil", "experiment has no choice"),
    "a file by its whole path": ("experiment=/evil", "experiment has no choice"),
    "a file beside conf": ("loss=../experiment/ring8", "loss has no choice"),
    "a choice of another group": ("loss=mlp", "loss has no choice 'mlp'"),
    "a choice that is not there": ("loss=evil", "loss has no choice 'evil'"),
    "a file in a list": ("technique=[ema,../../evil]", "technique has no choice"),
    "a quoted file": ("experiment='../../../evil'", "experiment has no choice"),
    "a package": ("loss@hydra=nsgan", "a key is a dotted name"),
    "an empty package": ("loss@=nsgan", "a key is a dotted name"),
    "a package in Hydra": ("+loss@hydra=../../evil", "a key is a dotted name"),
    "a global package": ("+loss@_global_=nsgan", "a key is a dotted name"),
    "a group added": ("+experiment=ring8", "a group has its choice already"),
    "a group of Hydra": ("hydra/job_logging=plain", "a key is a dotted name"),
    "a group below a group": ("loss/evil=x", "a key is a dotted name"),
    "another root's group": ("+study=dirac", "study is no key"),
    "the judge's group": ("+judge=mnist", "judge is no key"),
    "Hydra's own": ("hydra.run.dir=/tmp", "hydra is no key"),
    "Hydra itself": ("hydra={searchpath: [file:///tmp]}", "hydra is no key"),
    "Hydra added": ("++hydra.job.env_set.LD_PRELOAD=x", "hydra is no key"),
    "Hydra taken away": ("~hydra.callbacks", "hydra is no key"),
    "a search path": ("hydra.searchpath=[file:///tmp]", "hydra is no key"),
    "a defaults list": ("+defaults=[evil]", "defaults is no key"),
    "a target": ("loss._target_=os.system", "a key is a dotted name"),
    "a target in a value": ("prior={_target_: os.system}", "prior has no choice"),
    "a target in a knob": ("technique.ema={_target_: os.system}", "its value is not plain"),
    "a target in a list": ("network.G.hidden=[{_target_: os.getcwd}]", "its value is not plain"),
    "a target that is cast": ("prior.dim=str({_target_: os.getcwd})", "its value is not plain"),
    "positional arguments": ("+prior._args_=[5]", "a key is a dotted name"),
    "an interpolation": ("seed=${oc.env:SECRET}", "a value has no interpolation"),
    "a quoted interpolation": ("objective='${oc.env:SECRET}'", "a value has no interpolation"),
    "an interpolation in a list": ("network.G.hidden=['${oc.create:{}}']", "a value has no interpolation"),
    "an escaped interpolation": (r"objective='\${oc.env:SECRET}'", "a value has no interpolation"),
    "a dollar in a key": ("$prior=5", "a key is a dotted name"),
    "an added key": ("+evil=1", "evil is no key"),
    "an added known key": ("+seed=1", "nothing reads an added key"),
    "an unknown key": ("evil.x=1", "evil is no key"),
    "a sweep": ("seed=1,2", "it has several values"),
    "a choice of values": ("seed=choice(1,2)", "it has several values"),
    "a range": ("seed=range(0,1000000000)", "it has several values"),
    "a glob": ("experiment=glob(*)", "it has several values"),
    "an interval": ("seed=interval(0,1)", "it has several values"),
    "a Cyrillic letter": ("s\u0435ed=1", "does not tell how it was begun"),
    "an invisible letter": ("seed\u200b=1", "is no override"),
    "a byte order mark": ("\ufeffhydra.x=1", "is no override"),
    "two lines": ("seed=1\nhydra.run.dir=x", "is no override"),
    "a terminal's command": ("objective=\x1b]0;x\x07", "is no override"),
    "an option": ("--config-dir=/tmp", "does not tell how it was begun"),
    "a short option": ("-m", "does not tell how it was begun"),
    "a number": (5, "is no override"),
    "a nest": ("network.G.hidden=" + "[" * 500 + "]" * 500, ""),
    "a root in a mapping": ("data.mnist={root: /tmp}", "a dataset's knobs are set one by one"),
    "5000 processes": ("devices=5000", "a file may ask for"),
    "3000 layers": ("network.G.hidden=[" + "1," * 3000 + "1]", "is no override"),
    "10^5 letters": ("objective=" + "a" * 10**5, ""),
}


@pytest.mark.parametrize("attack", LINES)
def test_a_record_is_data(stranger, attack):
    line, words = LINES[attack]
    record = json.loads((stranger / "record.json").read_text())
    (stranger / "record.json").write_text(json.dumps({**record, "overrides": ["loss=nsgan", line]}))
    refused(stranger, lambda: resume_arguments(["train", "resume=run"]), words)


RECORDS = {
    "a list": "[]",
    "no overrides": "{}",
    "a word": '{"overrides": "loss=nsgan"}',
    "torn": '{"overrides": ["los',
    "a nest": '{"overrides": ' + "[" * 10**5,
    "many": json.dumps({"overrides": ["seed=1"] * 5000}),
    "long together": json.dumps({"overrides": ["network.G.hidden=[" + "1," * 500 + "1]"] * 5}),
    "large": '{"a": "' + "x" * 2**21 + '"}',
    "bytes": "\udcff",
}


@pytest.mark.parametrize("attack", RECORDS)
def test_a_record_that_is_none(stranger, attack):
    (stranger / "record.json").write_text(RECORDS[attack], errors="surrogateescape")
    refused(stranger, lambda: resume_arguments(["train", "resume=run"]), "does not tell how the run was begun")


def test_what_is_said_once_is_not_said_again(stranger):
    """A recorded trust= would be the stranger's word, not the reader's."""
    record = {"overrides": ["trust=evil", "resume_override=true", "resume=auto", "loss=nsgan", "seed=1"]}
    (stranger / "record.json").write_text(json.dumps(record))
    found = resume_arguments(["train", "resume=run", "seed=2"])
    begun = f"resume={stranger}/checkpoints/last.ckpt"
    game = ["network=mlp", "technique=[ema]", "steps=6"]  # of its config.yaml, where no word says it
    assert found == ["train", "loss=nsgan", *game, "seed=2", begun, f"hydra.run.dir={stranger}"]


def test_nothing_is_downloaded_into_a_folder_that_a_file_names(stranger):
    """A folder of data is one that has the data; one of pictures only gives."""
    victim = stranger.parent / "victim"
    (victim / "documents").mkdir(parents=True)
    (victim / "documents/letter.txt").write_text("x")
    for data, kept in (("mnist", False), ("auto", False), ("image_folder", True)):
        line = "data.mnist.root" if data == "auto" else "data.root"
        (stranger / "record.json").write_text(json.dumps({"overrides": [f"data={data}", f"{line}=victim"]}))
        assert (f"{line}=victim" in resume_arguments(["train", "resume=run"])) == kept


# Sweeps ------------------------------------------------------------------------------------------------------

NOT_OURS = "which is not how this project starts jobs"
LAUNCHES = {
    "a log file": "+hydra.hydra_logging.handlers.x={class: logging.FileHandler,filename: executed,mode: w}",
    "an environment": "+hydra.job.env_set.LD_PRELOAD=evil.so",
    "a copied environment": "hydra.job.env_copy=[SECRET]",
    "a callback": "+hydra.callbacks.evil._target_=os.system",
    "a search path": "hydra.searchpath=[file:///tmp]",
    "a run directory": "hydra.run.dir=/tmp",
    "a sub-directory": "hydra.sweep.subdir=../../x",
    "a change of directory": "hydra.job.chdir=true",
    "an output folder": "hydra.output_subdir=../../x",
    "another logging": "hydra/job_logging=../../../evil",
    "another launcher": "hydra/launcher=../../../evil",
    "a launcher of ray": "hydra/launcher=ray",
    "a launcher's class": "hydra.launcher._target_=os.system",
    "a shell line": "hydra.launcher.setup=['touch executed']",
    "a Python of its own": "+hydra.launcher.python=/tmp/evil",
    "an option of sbatch": "hydra.launcher.additional_parameters={wrap: evil}",
    "a partition with a line": "hydra.launcher.partition='gpu\\n#SBATCH --wrap=evil'",
    "a partition with blanks": "hydra.launcher.partition='gpu --wrap evil'",
    "joblib's expression": 'hydra.launcher.pre_dispatch=\'__import__("os").system("touch executed")\'',
    "joblib's folder": "hydra.launcher.temp_folder=/tmp/evil",
    "submitit's folder": "hydra.launcher.submitit_folder=/tmp/evil",
    "a number that is text": "hydra.launcher.n_jobs='2; touch executed'",
    "20000 processes": "hydra.launcher.n_jobs=20000",
    "a storage": "hydra.sweeper.storage='sqlite:////tmp/evil.db'",
    "a search space of code": "hydra.sweeper.custom_search_space=evil.configure",
    "a sampler's class": "hydra.sweeper.sampler._target_=os.system",
    "a package": "hydra/launcher@hydra.job=basic",
    "an interpolation": "hydra.launcher.n_jobs=${oc.env:SECRET}",
    "a key taken away": "~hydra.sweeper",
}


def swept(stranger, task=("seed=0,1",), hydra=(), **more):
    sweep = stranger.parent / "sweep"
    sweep.mkdir()
    node = {"overrides": {"task": list(task), "hydra": list(hydra)}, "sweeper": {"params": None}, **more}
    (sweep / "multirun.yaml").write_text(yaml.safe_dump({"hydra": node}))
    return sweep


@pytest.mark.parametrize("attack", LAUNCHES)
def test_how_a_sweep_was_launched_is_data(stranger, attack):
    swept(stranger, hydra=[LAUNCHES[attack]])
    refused(stranger, lambda: continue_arguments(["train", "-m", "continue=sweep"]), NOT_OURS)


SWEPT = [name for name, (_, words) in LINES.items() if words and words != "it has several values"]


@pytest.mark.parametrize("attack", SWEPT)
def test_the_game_of_a_sweep_is_data(stranger, attack):
    line, words = LINES[attack]
    swept(stranger, task=["seed=0,1", line])
    refused(stranger, lambda: continue_arguments(["train", "-m", "continue=sweep"]), words)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (["seed=range(0,1000000000)"], "asks for more than 10000 jobs"),
        (["seed=range(0,1,1e-9)"], "asks for more than 10000 jobs"),
        (["seed=range(0,10,0)"], "asks for more than 10000 jobs"),
        ([f"{key}=range(0,100)" for key in ("seed", "steps", "d_steps")], "asks for more than 10000 jobs"),
        (["loss=glob(*)"], "names none of them"),
        (["loss=nsgan,../../evil"], "loss has no choice"),
        (["loss=choice(nsgan,evil)"], "loss has no choice 'evil'"),
        (["seed=1,'${oc.env:SECRET}'"], "a value has no interpolation"),
        (["prior.dim=5,{_target_: os.getcwd}"], "its value is not plain"),
    ],
)
def test_the_values_of_a_sweep_are_data(stranger, task, words):
    swept(stranger, task=task)
    refused(stranger, lambda: continue_arguments(["train", "-m", "continue=sweep"]), words)


def test_the_sweeps_of_this_project_go_on(stranger):
    task = ["loss=mmgan,nsgan", "seed=range(0,2)", "technique=[ema]", "trust=evil", "optimizer.lr=1e-3", "~experiment"]
    hydra = [
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "hydra.launcher.partition=gpu-2",
        "hydra.mode=MULTIRUN",
    ]
    sweep = swept(stranger, task, hydra)
    argv = continue_arguments(["train", "-m", "continue=sweep", "hydra.launcher.n_jobs=1", "trust=mine"])
    kept = [o for o in task if o != "trust=evil"]
    assert argv == ["train", "-m", *kept, "hydra/launcher=joblib", "hydra.launcher.partition=gpu-2",
                    "hydra.launcher.n_jobs=1", "trust=mine", f"continue={sweep}",
                    f"hydra.sweep.dir={sweep}"]  # fmt: skip


def test_a_sweep_of_many_jobs_is_read_once(stranger, monkeypatch):
    """300 jobs and a record of 0.9 MB took 25 s."""
    read = []
    monkeypatch.setattr(compose_module, "read_yaml", lambda path: read.append(path) or plain.read_yaml(path))
    assert len(jobs(swept(stranger, task=["seed=range(0,300)"]))) == 300
    assert len(read) == 1


def test_a_sweep_that_leads_out_of_itself(stranger):
    sweep = swept(stranger)
    (sweep / "seed-0").symlink_to("../run")
    refused(stranger, lambda: continue_arguments(["train", "-m", "continue=sweep"]), "leads out of the run")


@pytest.mark.parametrize("text", ["", "[]", "hydra: 3", "hydra: {overrides: {task: [1]}}", "hydra: !!python/name:os.x",
                                  "hydra: {overrides: {task: [seed=1], hydra: []}}"])  # fmt: skip
def test_a_sweep_that_is_none(stranger, text):
    swept(stranger)
    (stranger.parent / "sweep/multirun.yaml").write_text(text)
    refused(stranger, lambda: continue_arguments(["train", "-m", "continue=sweep"]), "multirun.yaml")
    refused(stranger, lambda: gather("sweep"), "holds no run")


def test_through_the_verb(stranger, monkeypatch, capsys):
    """One of each, from the command to the message."""
    record = {"overrides": ["experiment=../../../evil"]}
    (stranger / "record.json").write_text(json.dumps(record))
    swept(stranger, hydra=[LAUNCHES["a log file"]])
    for arguments, words in ((["resume=run"], NO_GAME), (["-m", "continue=sweep"], NOT_OURS)):
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        with pytest.raises(SystemExit):
            train_verb.main()
        text = capsys.readouterr().err
        assert words in text
        assert text.count("error: ") == 1
    assert not (stranger.parent / "executed").exists()
