"""Any directory that can be trained in can be typed again: for Hydra's grammar, and for the shell."""

import json
import os
import shlex
from pathlib import Path

import pytest
from conftest import TINY, runs
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from gan_lightning.report.arms import gather
from gan_lightning.report.measuring import expand

NAMES = ["a b=c,d[é]", "lr=3", "my runs, v2", "it's \"so\" $HOME", "007", "true", "back\\slash\\", "{x}:(y)*?",
         "${seed}", "1e3", "%d"]  # fmt: skip


def printed(text: str, verb: str) -> list[str]:
    """The words of the command of ``verb`` that is printed last, as a shell reads them."""
    (*_, line) = [line for line in text.splitlines() if f"python -m gan_lightning.{verb} " in line]
    return shlex.split(line.split(f"gan_lightning.{verb} ")[1])


@pytest.mark.parametrize("name", NAMES)
def test_what_hydra_is_given_reads_back(name, tmp_path):
    from gan_lightning.config.quoting import for_hydra

    override = OverridesParser.create().parse_override(f"k={for_hydra(name)}")
    assert OmegaConf.create({"seed": 1, "k": override.value()}).k == name


SLOWLY = [NAMES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:4])]


@pytest.mark.parametrize("name", SLOWLY)
def test_a_run_in_any_directory_goes_on_and_is_sampled_by_the_printed_commands(call, tmp_path, name):
    (tmp_path / name).mkdir()
    code, text = call("train", *TINY, f"hydra.run.dir={name}/run")
    assert code == 0, text
    (run,) = runs(tmp_path)
    assert str(run.relative_to(tmp_path)) == f"{name}/run"
    code, sampled = call("sample", *printed(text, "sample"), "n=2", f"out={name}/pictures, all")
    assert code == 0, sampled
    assert {p.name for p in (tmp_path / name / "pictures, all").iterdir()} == {"run-n2-seed0.npz", "run-n2-seed0.png"}
    code, text = call("train", f"resume={name}/run", "steps=8")
    assert code == 0, text
    assert json.loads((run / "status.json").read_text())["g_steps"] == 8
    assert shlex.split(json.loads((run / "record.json").read_text())["command"])[3:] == TINY
    code, text = call("train", f"resume={str(run / 'checkpoints' / 'last.ckpt')!r}", "steps=9")  # Hydra's quotes
    assert code == 0 or "'" in name, text


def test_the_command_that_goes_on_with_a_stopped_run_can_be_pasted(call, tmp_path):
    code, text = call("train", *TINY, "hydra.run.dir=my runs, v2", "steps=100000", "max_time=00:00:00:01")
    assert code == 0, text
    words = printed(text.split("to go on:")[1].split("next:")[0], "train")
    assert words == ["resume=my runs, v2"]
    code, text = call("train", *words, "max_time=00:00:00:01")
    assert code == 0, text
    assert "going on after" in text


@pytest.mark.parametrize("name", [NAMES[0]])
def test_a_sweep_in_any_directory_is_continued(call, tmp_path, name):
    code, text = call("train", "-m", *TINY, "seed=0,1", f"hydra.sweep.dir={name}")
    assert code == 0, text
    assert sorted(p.name for p in (tmp_path / name).iterdir()) == ["multirun.yaml", "seed-0", "seed-1"]
    (tmp_path / name / "seed-1" / "status.json").write_text('{"status": "failed"}')
    code, text = call("train", "-m", f"continue={name}")
    assert code == 0, text
    assert json.loads((tmp_path / name / "seed-1" / "status.json").read_text())["status"] == "done"
    assert text.count("done before") == 1
    said = {name for name in os.environ if name.startswith("GAN_LIGHTNING")}
    assert said <= {"GAN_LIGHTNING_AUTO_DATA"}, "said to this command alone"
    before = (tmp_path / name / "seed-1" / "status.json").read_bytes()
    code, text = call("train", "-m", f"continue={name}")
    assert code == 0, text
    assert text.count("done before") == 2
    assert (tmp_path / name / "seed-1" / "status.json").read_bytes() == before
    record = json.loads((tmp_path / name / "seed-1" / "record.json").read_text())
    assert not [word for word in record["overrides"] if word.startswith("continue=")]


def test_a_directory_with_brackets_is_itself_before_it_is_a_pattern(call, tmp_path):
    assert call("train", "-m", *TINY, "seed=0,1", "hydra.sweep.dir=d[0]")[0] == 0
    assert expand("d[0]/seed-0") == ["d[0]/seed-0"]
    runs, _, folder = gather("d[0]")
    assert [run.path.name for run in runs] == ["seed-0", "seed-1"]
    assert folder == Path("d[0]")


def test_lists_and_interpolations_stay_what_they_are():
    from gan_lightning.config.quoting import typed_for_hydra

    for argv in (["run=latest"], ["run=a/b-1.2/c_d"], ["out=null"], ['run="outputs/*/x y"'], ["run='a b'"],
                 ["hydra.run.dir=outputs/${seed}"], ["-m", "run=a,b"], ["steps=3", "technique=[ema]"]):  # fmt: skip
        assert typed_for_hydra(argv) == argv
    assert typed_for_hydra(["run=a,b"]) == ["run='a,b'"]
    assert typed_for_hydra(["+data.root=x=y"]) == ["+data.root='x=y'"]
    assert typed_for_hydra(["hydra.run.dir=o=p/${seed}"]) == ["hydra.run.dir='o=p/${seed}'"]
