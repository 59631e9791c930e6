"""Configurations from a stranger, a corpus: each entry is an attack in a file and the words that refuse it.

Whatever is in a run directory, nothing of it runs, nothing is written, and no secret of the reader's machine comes out.
The marker is a file ``executed``, which the attacks would make, and the value of an environment variable.
"""

import os

import pytest
import torch
import yaml
from hostile import memory_limit, refused

import gan_lightning
from gan_lightning.runs.resume import resume_arguments
from gan_lightning.runs.start import Start
from gan_lightning.training.setup import train

# Configurations ----------------------------------------------------------------------------------------------

HUB = "_target_:torch.hub.load,repo_or_dir:.,model:entry,source:local,trust_repo:true"
TOUCH = "_target_:pathlib.Path.write_text,_args_:[executed,x]"


def create(node):
    return "${oc.create:{" + node + "}}"


def put(key, value):
    """Sets a dotted key of a configuration."""

    def edit(config):
        *path, last = key.split(".")
        for name in path:
            config = config.setdefault(name, {})
        config[last] = value

    return edit


def drop(key):
    return lambda config: config.pop(key)


KIND = "is not the configuration of a run"
FOREIGN = "not among those of the installed conf"
EDITS = {
    "a resolver that makes a node": (put("prior.dim", create(HUB)), "prior.dim must be a number"),
    "a resolver that decodes one": (put("prior.dim", "${oc.decode:'{" + HUB + "}'}"), "prior.dim must be a number"),
    "a resolver that writes": (put("optimizer.lr", create(TOUCH)), "optimizer.lr must be"),
    "a resolver in a list": (put("network.G.hidden", [create(HUB), 12]), "network.G.hidden.0 must be"),
    "a resolver in a key": (put("prior.${oc.env:SECRET}", 1), "must be an argument"),
    "a secret in a number": (put("seed", "${oc.env:SECRET}"), "seed must be a number"),
    "a secret in a path": (put("data", {"_target_": "gan_lightning.data.mnist.MNIST", "root": "${oc.env:SECRET}"}),
                           "data.root must be one line without interpolations"),
    "our own resolver": (put("objective", "${slug:[a]}"), "objective must be a word"),
    "a circle": (put("steps", "${steps}"), "steps must be a number"),
    "a missing value": (put("loss.real_target", "???"), "loss.real_target must be"),
    "another library's function": (put("prior", {"_target_": "os.system", "command": "touch executed"}), FOREIGN),
    "a target of another place": (put("prior._target_", "gan_lightning.techniques.ema.EMA"), FOREIGN),
    "a callback as prior": (put("prior._target_", "gan_lightning.callbacks.samples.Samples"), FOREIGN),
    "a trainer as loss": (put("loss", {"_target_": "lightning.pytorch.Trainer"}), FOREIGN),
    "a study": (put("loss", {"_target_": "gan_lightning.studies.dirac.run", "_partial_": True}), FOREIGN),
    "a logger as technique": (put("technique.ema", {"_target_": "gan_lightning.training.loggers.JSONLines",
                                                   "save_dir": "x"}), FOREIGN),
    "our own writer": (put("technique.x", {"_target_": "gan_lightning.io.files.write_json", "path": "x"}), FOREIGN),
    "a module below ours": (put("prior._target_", "gan_lightning.core.prior.torch.hub.load"), FOREIGN),
    "a target that is no string": (put("prior._target_", ["os.system"]), FOREIGN),
    "a Cyrillic letter in a target": (put("prior._target_", "gan_lightning.core.prior.N\u043ermal"), FOREIGN),
    "a full-width letter in a target": (put("prior._target_", "gan_lightning.core.prior.\uff2eormal"), FOREIGN),
    "a Cyrillic letter in a key": (put("prior.d\u0456m", 5), "must be an argument of"),
    "a target in an argument": (put("prior.dim", {"_target_": "gan_lightning.core.prior.Normal"}), FOREIGN),
    "a target in a list": (put("network.G.hidden", [{"_target_": "os.getcwd"}]), FOREIGN),
    "a target in a scalar group": (put("smoothing.real_target", {"_target_": "os.getcwd"}), FOREIGN),
    "a target above the groups": (put("_target_", "os.getcwd"), "must be a key of the installed conf/train.yaml"),
    "positional arguments": (put("prior._args_", [5]), "prior._args_ must be left out"),
    "a conversion": (put("prior._convert_", "object"), "prior._convert_ must be left out"),
    "no recursion": (put("prior._recursive_", False), "prior._recursive_ must be left out"),
    "partial where it is none": (put("prior._partial_", True), "prior._partial_ must be left out"),
    "partial as a string": (put("optimizer.d._partial_", "true"), "optimizer.d._partial_ must be left out"),
    "a deferred optimizer that is none": (lambda c: c["optimizer"]["d"].pop("_partial_"), "optimizer.d._partial_"),
    "an unknown argument": (put("prior.path", "executed"), "prior.path must be an argument of"),
    "what only the code passes": (put("network.G.z_dim", 7), "network.G.z_dim must be an argument of"),
    "a list for a number": (put("prior.dim", [5]), "prior.dim must be a number"),
    "a mapping for a number": (put("prior.dim", {"a": 5}), "prior.dim must be a plain value"),
    "a number for a mapping": (put("network", 3), "network must be"),
    "a string for a list": (put("network.G.hidden", "executed"), "network.G.hidden must be a list"),
    "a path for a word": (put("precision.name", "../../x"), "precision.name must be a word"),
    "a path as objective": (put("objective", "/etc/passwd"), "objective must be a word"),
    "a word for truth": (put("precision.fused", "yes"), "precision.fused must be true or false"),
    "not a number": (put("smoothing.real_target", float("nan")), "smoothing.real_target must be a finite number"),
    "an infinity": (put("technique.ema.decay", float("inf")), "technique.ema.decay must be a finite number"),
    "a rule of the command line": (put("batch_size", 1), "batch_size must be a whole number, 2 or more"),
    "a technique that is a path": (put("technique.../../evil", {"_target_": "gan_lightning.techniques.ema.EMA"}), KIND),
    "a technique that we have not": (put("technique.evil", {"_target_": "gan_lightning.techniques.ema.EMA"}), FOREIGN),
    "a defaults list": (put("defaults", ["/../../evil"]), "defaults must be a key of the installed conf/train.yaml"),
    "Hydra's own": (put("hydra", {"run": {"dir": "x"}}), "hydra must be a key of the installed conf/train.yaml"),
    "a judge of its own": (
        put("judge", {"_target_": "gan_lightning.metrics.judge.ClassifierJudge", "file": "../x.pt"}), KIND),
    "no loss": (drop("loss"), "lacks loss"),
    "a bell in a key": (put("pri\x07or", 3), "prior must be"),
    "layers of 10^9": (put("network.G.hidden", [10**9, 12]), "does not fit the network of its run"),
    "a noise of 10^12": (put("prior.dim", 10**12), "does not fit the network of its run"),
    "layers of 2^62": (put("network.G.hidden", [2**62, 2**62]), KIND),
    "2000 layers": (put("network.G.hidden", [8] * 2000), KIND),
    "kernels of 10^9": (put("technique.minibatch_discrimination",
        {"_target_": "gan_lightning.techniques.minibatch_discrimination.MinibatchDiscrimination", "kernels": 10**9}),
        "does not fit the network of its run"),
    "a reference batch of 10^10": (put("technique.virtual_batch_norm",
        {"_target_": "gan_lightning.techniques.virtual_batch_norm.VirtualBatchNorm", "size": 10**10,
         "prior": {"_target_": "gan_lightning.core.prior.Normal", "dim": 5}}), "does not fit the network of its run"),
    "data of 10^13 numbers": (put("data.n", 10**13), "data must not make up more than"),
    "pictures of 10^5 a side": (put("data.size", 10**5), "data must not make up more than"),
    "fewer than no channels": (put("data.channels", -1), "data.channels must be a whole number, 1 or more"),
    "half a channel": (put("data.channels", 0.5), "data.channels must be a whole number, 1 or more"),
    "10^12 steps of D": (put("d_steps", 10**12), "d_steps must not exceed 4096 in a file"),
    "a batch of 10^9": (put("batch_size", 10**9), "batch_size must not exceed"),
    "10^9 power iterations": (put("technique.spectral_norm",
        {"_target_": "gan_lightning.techniques.spectral_norm.SpectralNorm", "iterations": 10**9}),
        "technique.spectral_norm.iterations must not exceed 1024 in a file"),
    "a number of 10^30": (put("seed", 10**30), "needs more than 64 bits"),
    "a string of 10^5": (put("objective", "a" * 10**5), "a string has 100000 characters"),
}  # fmt: skip


@pytest.mark.parametrize("attack", EDITS)
def test_a_configuration_is_data(stranger, attack):
    edit, words = EDITS[attack]
    config = yaml.safe_load((stranger / "config.yaml").read_text())
    edit(config)
    (stranger / "config.yaml").write_text(yaml.safe_dump(config))
    refused(stranger, lambda: gan_lightning.load(stranger), words)


@pytest.mark.parametrize("attack", [name for name in EDITS if "resolver" in name or "target" in name])
def test_so_is_the_configuration_in_a_checkpoint(stranger, attack):
    """Alone, as it comes by mail."""
    edit, words = EDITS[attack]
    checkpoint = torch.load(stranger / "checkpoints/last.ckpt", weights_only=True)
    edit(checkpoint["config"])
    torch.save(checkpoint, "alone.ckpt")
    refused(stranger, lambda: gan_lightning.load("alone.ckpt"), words)


TEXTS = {
    "a tag that calls": ("seed: !!python/object/apply:os.system [touch executed]\n", "tag"),
    "a tag that names": ("seed: !!python/name:os.system\n", "tag"),
    "a tag of our own": ("seed: !x 5\n", "tag"),
    "a harmless tag": ("seed: !!int '5'\n", "tag"),
    "laughs": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "anchors and aliases are not allowed"),
    "a mapping in itself": ("a: &a {b: *a}\n", "anchors and aliases are not allowed"),
    "a merge key": ("x:\n  <<: {_target_: os.system}\n", "the key '<<' is no string"),
    "a key twice": ("seed: 0\nseed: 1\n", "the key 'seed' is there twice"),
    "a key twice, once in quotes": ("seed: 0\n'seed': 1\n", "the key 'seed' is there twice"),
    "a number as key": ("1: 0\n", "the key '1' is no string"),
    "a list as key": ("? [a]\n: 0\n", "is no string"),
    "a date": ("seed: 2026-01-01\n", "is a date"),
    "a nest": ("a: " + "[" * 5000 + "]" * 5000 + "\n", "nested too deeply"),
    "a number to the base of 60": ("seed: 1" + ":1" * 200_000 + "\n", "a string has 400001 characters"),
    "many": ("a: [" + "0," * 60_000 + "]\n", "nested too deeply or too long"),
    "large": ("# " + "x" * 2**21 + "\n", "must not exceed"),
    "bytes": (b"\xff\xfe\x00s", "is not text in UTF-8"),
    "binary": (b"\x00\x01", "is not plain YAML"),
    "a list": ("- a\n", "must hold names and values"),
    "two documents": ("seed: 0\n---\nseed: 1\n", "is not plain YAML"),
    "a word": ("seed\n", "must hold names and values"),
}


@pytest.mark.parametrize("attack", TEXTS)
def test_yaml_is_only_data(stranger, attack):
    text, words = TEXTS[attack]
    own = (stranger / "config.yaml").read_bytes()
    text = text if isinstance(text, bytes) else text.encode()
    (stranger / "config.yaml").write_bytes(
        text if attack in ("binary", "a list", "a word") else own.replace(b"seed: 0\n", b"", 1) + text
    )
    refused(stranger, lambda: gan_lightning.load(stranger), words)


def link(path, target):
    path.unlink(missing_ok=True)
    path.symlink_to(target)


PLACES = {
    "a configuration that is a link": (lambda run: link(run / "config.yaml", "../secret.txt"), "leads out of the run"),
    "a configuration that is a pipe": (lambda run: [(run / "config.yaml").unlink(), os.mkfifo(run / "config.yaml")],
                                       "is neither a file nor a folder"),
    "a checkpoint that is a link": (lambda run: link(run / "checkpoints/last.ckpt", "../../evil.yaml"), "leads out of"),
    "a metrics file that is a link": (lambda run: link(run / "metrics.jsonl", "../secret.txt"), "leads out of the run"),
    "a folder that is a link": (lambda run: (run / "samples").symlink_to("/tmp"), "leads out of the run"),
    "a part that is a link": (lambda run: (run / "status.json.part").symlink_to("../secret.txt"), "leads out of"),
    "a link to nowhere outside": (lambda run: (run / "new.txt").symlink_to("../nowhere"), "leads out of the run"),
}  # fmt: skip


@pytest.mark.parametrize("attack", PLACES)
@pytest.mark.parametrize("verb", ["load", "resume"])
def test_a_run_that_leads_out_of_itself(stranger, attack, verb):
    edit, words = PLACES[attack]
    edit(stranger)
    if attack == "a configuration that is a pipe":
        with pytest.raises(ValueError, match="is not a run directory"):  # and nobody waits for the other end
            gan_lightning.load(stranger)
        return
    does = {"load": lambda: gan_lightning.load(stranger), "resume": lambda: resume_arguments(["train", "resume=run"])}
    refused(stranger, does[verb], words)


PLAYED = {
    "a layer of 10^9": (put("network.G.hidden", [10**9, 12]), "does not fit the network of its run"),
    "10^9 pictures": (put("callbacks.samples.n", 10**9), "callbacks.samples.n must not exceed 16384 in a file"),
    "an animation of 10^9 ms": (
        put("callbacks.samples.frame_ms", 10**9),
        "frame_ms must be a whole number",
    ),
    "an evaluation of 10^9": (put("callbacks.evaluation.n", 10**9), "callbacks.evaluation.n must not exceed"),
}


@pytest.mark.parametrize("attack", PLAYED)
def test_a_game_that_is_gone_on_with_takes_no_more_memory_than_its_checkpoint(stranger, tiny, attack):
    """Record, configuration and checkpoint agree with one another."""
    edit, words = PLAYED[attack]
    config = yaml.safe_load((stranger / "config.yaml").read_text())
    edit(config)
    (stranger / "config.yaml").write_text(yaml.safe_dump(config))
    cfg = tiny("technique=[ema]", "steps=12")
    edit(cfg)
    with memory_limit():
        refused(stranger, lambda: train(cfg, stranger, start=Start(stranger / "checkpoints/last.ckpt")), words)
