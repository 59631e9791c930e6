"""The page of a run: what it shows is what the run's files say, and text from them stays text."""

import base64
import html
import io
import json
import math
import re
import shutil

import numpy as np
import pytest
import torch
from conftest import TINY
from omegaconf import OmegaConf
from PIL import Image

import gan_lightning
from gan_lightning.config.compose import compose
from gan_lightning.core.lines import spherical, straight
from gan_lightning.core.pixels import to_pixels
from gan_lightning.data.synthetic import Synthetic
from gan_lightning.report.blind_test import blind_test
from gan_lightning.report.page_curves import seconds_at
from gan_lightning.report.page_pictures import explorer, four_corners, frames, samples
from gan_lightning.report.page_tables import tables
from gan_lightning.report.run_page import changed, run_page, write_run_page
from gan_lightning.report.verdicts import what_it_reached
from gan_lightning.runs import load as loading
from gan_lightning.training.setup import train

WORDS = ["technique=[ema]", "sample_every=2", "log_every=2", "steps=6"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "run"
    run.mkdir()
    train(compose("train", [*TINY, *WORDS]), run, [*TINY, *WORDS])
    return run


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def page(run, *words):
    write_run_page(compose("report", [f"run={run}", *words]))
    return (run / "report.html").read_text()


@pytest.fixture(scope="module")
def text(trained, tmp_path_factory) -> str:
    """The page as it is without any words."""
    return page(shutil.copytree(trained, tmp_path_factory.mktemp("whole") / "run"))


def picture(src: str) -> np.ndarray:
    assert src.startswith("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(src.split(",")[1]))).convert("L"))


def embedded(text: str, name: str):
    return json.loads(re.search(rf'id="{name}">(.*?)</script>', text, re.DOTALL)[1])


def test_it_needs_no_other_file_and_no_network(text):
    addresses = re.findall(r'(?:src|href)="([^"]*)"', re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL))
    assert addresses
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    named = {"http://www.w3.org", "http://purl.org", "https://matplotlib.org", "http://creativecommons.org"}
    assert set(re.findall(r"https?://[a-z.0-9]+", text)) <= named, "names in the SVG, which nothing fetches"
    assert len(text) < 5 * 2**20


def test_the_slider_has_the_pictures_of_the_run_in_their_order(run, text):
    found = embedded(text, "frames")
    assert [frame["step"] for frame in found] == [0, 2, 4, 6]
    for frame in found:
        kept = (run / "samples" / "ema" / f"{frame['step']:07d}.png").read_bytes()
        assert base64.b64decode(frame["src"].split(",")[1]) == kept
    assert [frame["step"] for frame in frames(run, 2)] == [0, 6]


def test_a_picture_that_is_none_is_left_out(run, caplog):
    (run / "samples" / "ema" / "0000002.png").write_bytes(b"<svg onload=alert(1)>")
    Image.new("L", (5000, 2)).save(run / "samples" / "ema" / "0000004.png")
    assert [frame["step"] for frame in frames(run, 9)] == [0, 6]
    assert "0000002.png is no PNG" in caplog.text
    assert "0000004.png must have at most 4000 pixels a side, got (5000, 2)" in caplog.text


def test_the_samples_are_those_of_the_average_and_the_walk_ends_at_its_z(run):
    text, G = page(run, "seed=3"), gan_lightning.load(run, "ema")
    assert "Samples of the average of G after 6 steps" in text
    walk = embedded(text, "explorer")
    sheet = picture(walk["sheets"][0]["src"])
    assert sheet.shape == (12 * 8, 12 * 8)
    corners = to_pixels(G.sample(4, 3))[:, 0].numpy()
    for at, corner in zip(((0, 0), (0, 88), (88, 0), (88, 88)), corners, strict=True):
        assert np.abs(sheet[at[0] : at[0] + 8, at[1] : at[1] + 8].astype(int) - corner).max() <= 1


def test_a_great_circle_keeps_the_length_and_a_line_does_not():
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    half = torch.tensor([0.5])
    assert torch.allclose(straight(a, b, half), torch.tensor([[1.0, 1.0]]))
    assert torch.allclose(spherical(a, b, half), torch.full((1, 2), math.sqrt(2)))
    assert torch.allclose(spherical(a, 2 * a, half), 1.5 * a), "of the same direction"
    z = torch.eye(4)
    points = four_corners(z, 3, straight).view(3, 3, 4)
    assert torch.allclose(points[1, 1], torch.full((4,), 0.25))
    assert torch.equal(points[0, 2], z[1])
    assert torch.equal(points[2, 0], z[2])


def test_a_conditional_run_walks_in_each_class(tmp_path):
    words = [*TINY, "condition=projection", "steps=1"]
    train(compose("train", words), tmp_path, words)
    G = gan_lightning.load(tmp_path)
    sheets = explorer(G, 0)["sheets"]
    assert [sheet["label"] for sheet in sheets] == list(range(10))
    assert len({sheet["src"] for sheet in sheets}) == 10
    first = to_pixels(G(G.z(4, 0)[:1], torch.tensor([7]))).numpy()[0, 0]
    assert np.abs(picture(sheets[7]["src"])[:8, :8].astype(int) - first).max() <= 1


def test_the_blind_test_has_as_many_real_pictures_as_samples_and_calls_each_what_it_is(run):
    G, source = gan_lightning.load(run), Synthetic(n=96, size=8)
    found = blind_test(G, source, 5)
    assert [p["real"] for p in found] != sorted(p["real"] for p in found), "in random order"
    assert sum(p["real"] for p in found) == len(found) / 2 == 20
    test = {image.tobytes() for image in source.test().images[:, 0].numpy()}
    assert [picture(p["src"]).tobytes() in test for p in found] == [p["real"] for p in found]
    assert blind_test(G, None, 5) == []
    assert blind_test(G, source, 5) == found
    assert blind_test(G, source, 6) != found


def test_seconds_are_added_up_from_the_speed():
    steps, seconds = seconds_at({"speed/g_steps_per_s": (np.array([10, 20, 40]), np.array([5.0, 10.0, 4.0]))})
    assert steps.tolist() == [10, 20, 40]
    assert seconds.tolist() == [2.0, 3.0, 8.0]
    assert seconds_at({}) is None


def measured(distance=0.8, best=0.4):
    def column(metric, values, floor):
        protocol = {"dataset": "mnist", "split": "test", "n_fake": 1000, "n_real": 1000, "judge_sha256": "0", "seed": 1}
        return {"metric": metric, "parameters": {}, "protocol": protocol, "floor": floor, "values": values}

    return {
        "checkpoints": {
            "last": {"what": "last checkpoint", "weights": "a", "generator": "G", "g_steps": 6},
            "last-ema": {"what": "last checkpoint, G's average ema", "weights": "b", "generator": "ema", "g_steps": 6},
            "best": {"what": "chosen", "weights": "a", "generator": "G", "g_steps": 6},
        },
        "measured": [
            column("frechet_distance", {w: {"frechet_distance": v} for w, v in (("a", distance), ("b", best))},
                   {"frechet_distance": 0.2}),
            column("label", {"b": {"agreement": 0.5}}, {"agreement": 0.9}),
        ],
    }  # fmt: skip


def test_the_verdict_names_the_best_of_the_last_checkpoint_beside_the_floor(tmp_path):
    assert what_it_reached({}, measured(), tmp_path) == [
        "The Frechet distance of its last checkpoint, G's average ema to real test data is 0.4, 2.0 times the 0.2 that "
        "as many real training images reach (1,000 samples).",
    ]


def test_a_table_has_a_column_for_each_state_of_the_weights():
    (table,) = tables(measured())
    assert table["about"] == "mnist, test images, n = 1000, seed 1"
    assert table["head"] == ["last checkpoint", "last checkpoint, G's average ema", "real"]
    assert table["rows"] == [("frechet_distance", ["0.8", "0.4", "0.2"]), ("agreement", ["-", "0.5", "0.9"])]
    assert tables(None) == []


def test_text_of_the_runs_files_stays_text(trained, tmp_path):
    evil = "<script>alert(1)</script>"
    run = shutil.copytree(trained, tmp_path / "a<script>b")
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps({**record, "command": evil, "versions": {evil: evil}, "cpu": evil}))
    text = run_page(run, gan_lightning.load(run, None), 0, 9)
    assert evil not in text
    assert "a<script>b" not in text
    assert text.count(html.escape(evil)) == 4
    assert text.count("<script") == 3, "two of data and one of ours"


def test_the_checkpoint_is_read_once(run, monkeypatch):
    reads = []
    read = loading.read_checkpoint
    monkeypatch.setattr(loading, "read_checkpoint", lambda path: (reads.append(path), read(path))[1])
    page(run)
    assert reads == [run / "checkpoints" / "last.ckpt"]


def test_numbers_that_evaluate_wrote_are_on_it(run):
    (run / "metrics.json").write_text(json.dumps(measured(best=0.4321)))
    shutil.copy(run / "samples" / "real.png", run / "evaluation-last.png")
    text = page(run)
    assert "<tr><td>frechet_distance</td><td>0.8</td><td>0.4321</td><td>0.2</td></tr>" in text
    assert "is 0.432, 2.2 times the 0.2" in text
    assert "Nearest training images: last checkpoint" in text
    assert base64.b64encode((run / "samples" / "real.png").read_bytes()).decode() in text


def test_what_differs_from_the_defaults_is_named_with_both_values(text):
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>", text)
    assert ("batch_size", "16", "64") in rows
    assert ("steps", "6", "4000") in rows
    assert not any(key.startswith(("trainer", "callbacks")) for key, *_ in rows)


def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_left(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"^out=.*file/page.html cannot be written: Not a directory. Name another"):
        page(run, f"out={tmp_path}/file/page.html")
    assert not (run / "report.html").exists()


def test_a_default_that_is_another_keys_value_is_held_against_the_runs_own():
    """By default optimizer.d.lr is that of optimizer.lr, and optimizer.d.betas those of optimizer.betas."""
    cfg = compose("train", ["data=digits", "optimizer.lr=0.1", "optimizer.d.betas=[0.3,0.4]"])
    OmegaConf.resolve(cfg)  # as in a run's config.yaml
    rows = changed(cfg)
    found = {key: (here, default) for key, here, default in rows}
    assert found["optimizer.lr"] == (0.1, 0.002)
    assert not {"optimizer.d.lr", "optimizer.g.lr", "optimizer.g.betas.0"} & found.keys()
    assert found["optimizer.d.betas.0"] == (0.3, "as optimizer.betas.0")
    assert found["data._target_"][0].endswith("Digits")
    assert not any(key.startswith("data.auto") or default is None for key, (_, default) in found.items())
    usual = compose("train")
    OmegaConf.resolve(usual)
    assert changed(usual) == []


class Noise(torch.nn.Module):
    """A G of images that no PNG makes smaller."""

    def __init__(self, shape):
        super().__init__()
        self.shape, self.weight = shape, torch.nn.Parameter(torch.zeros(1))

    def forward(self, z):
        return torch.rand(len(z), *self.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("side", [28, 64, 128])
def test_pictures_of_large_images_are_fewer(side, finished_tiny):
    G = gan_lightning.load(finished_tiny)
    G.G, G.shape = Noise((3, side, side)), [3, side, side]
    walk = explorer(G, 0)
    assert walk["cells"] == {28: 12, 64: 10, 128: 5}[side]
    assert picture(walk["sheets"][0]["src"]).shape == (walk["cells"] * side,) * 2
    drawn = [*(sheet["src"] for sheet in walk["sheets"]), samples(G, 0)]
    source = Synthetic(n=96, size=side, channels=3)
    drawn += [one["src"] for one in blind_test(G, source, 0)]
    assert sum(map(len, drawn)) < 3.2e6, "frames and sheets of neighbours have 2 MB more"
