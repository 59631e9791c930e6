"""Fetching against a server of our own that is whole, slow, forbidden or cut off."""

import gzip
import hashlib
import json
import multiprocessing
import os
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from conftest import only_network
from filelock import FileLock

from gan_lightning.data import fetch
from gan_lightning.data.arrays import DataUnavailable
from gan_lightning.data.digits import Digits
from gan_lightning.data.fetch import RemoteFile, ensure, faults, reachable
from gan_lightning.data.mnist import MNIST

ROOT = Path(__file__).parent.parent.parent

CONTENT = bytes(range(256)) * 40
PACKED = gzip.compress(CONTENT, mtime=0)
FILE = RemoteFile("train-images", len(CONTENT), hashlib.md5(CONTENT).hexdigest(), hashlib.md5(PACKED).hexdigest())


class Server:
    """Serves PACKED under every path: /whole/, /cut/ (half of it), /forbidden/, /slow/ (nothing for seconds), /moody/
    (each in turn). ``files`` are served by their names instead."""

    def __init__(self):
        requests = self.requests = []
        files = self.files = {}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                requests.append(self.path)
                kind, name = self.path.split("/")[1:3]
                packed = files.get(name, PACKED)
                if kind == "moody":
                    kind = ("forbidden", "cut", "slow", "whole")[len(requests) % 4]
                if kind == "slow":
                    time.sleep(3)
                if kind == "forbidden":
                    self.send_error(403)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(packed)))
                self.end_headers()
                try:
                    self.wfile.write(packed[: len(packed) // 2] if kind == "cut" else packed)
                except OSError:
                    pass  # the one who only asked whether we live has hung up

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def url(self, kind: str) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/{kind}/"


@pytest.fixture
def server():
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def only_whole_files(folder):
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def test_a_missing_file_is_fetched_once(server, tmp_path):
    ensure([FILE], tmp_path / "raw", [server.url("whole")], "mnist")
    assert (tmp_path / "raw" / "train-images").read_bytes() == CONTENT
    assert only_whole_files(tmp_path / "raw") == ["train-images"]
    asked = len(server.requests)
    ensure([FILE], tmp_path / "raw", [server.url("whole")], "mnist")
    assert len(server.requests) == asked, "a whole file asks nobody"


@pytest.mark.parametrize(
    ("damaged", "fault"),
    [(CONTENT[:100], "has 100 bytes instead of 10240"), (b"x" + CONTENT[1:], "has MD5")],
)
def test_a_damaged_file_is_noticed_and_mended(server, tmp_path, damaged, fault):
    (tmp_path / "train-images").write_bytes(damaged)
    assert fault in faults([FILE], tmp_path)["train-images"]
    ensure([FILE], tmp_path, [server.url("whole")], "mnist")
    assert (tmp_path / "train-images").read_bytes() == CONTENT


def test_the_next_mirror_helps(server, tmp_path):
    ensure([FILE], tmp_path, [server.url("forbidden"), server.url("cut"), server.url("whole")], "mnist")
    assert (tmp_path / "train-images").read_bytes() == CONTENT


def told(server, folder, why: str) -> str:
    return (
        f"data=mnist needs its files in {folder}: train-images is missing. Fetching them failed: {why}. Put the "
        f"unpacked files there yourself (from {server.url('whole')}<name>.gz), or point data.root or the environment "
        "variable GAN_DATA at a folder that has them, or use data=mnist5k, which needs no download."
    )


def test_each_failure_gets_one_whole_sentence(server, tmp_path, monkeypatch):
    def refusal() -> str:
        with pytest.raises(DataUnavailable) as refused:
            ensure([FILE], tmp_path, [server.url("whole")], "mnist")
        return str(refused.value)

    monkeypatch.setattr(fetch, "LOCK_SECONDS", 0.01)
    with FileLock(tmp_path / fetch.LOCK):
        assert refusal() == told(server, tmp_path, "another job is still downloading")
    with monkeypatch.context() as patch:
        patch.setattr(fetch, "_download", lambda *a: None)
        assert refusal() == told(server, tmp_path, "the download left {'train-images': 'is missing'}")
    with monkeypatch.context() as patch:
        patch.setattr(fetch, "reachable", lambda *a: [])
        why = f"no mirror answered within 8 s ({server.url('whole')})"
        assert refusal() == told(server, tmp_path, why)
    monkeypatch.setattr(fetch.pooch, "retrieve", lambda *a, **k: (_ for _ in ()).throw(ValueError("another hash")))
    assert refusal() == told(server, tmp_path, "no mirror served train-images.gz whole; the last said: another hash")


def test_a_mirror_is_asked_and_not_waited_for(monkeypatch):
    """No body is read, and nobody waits longer than the seconds in all."""
    asked = []

    class Answer(SimpleNamespace):
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    def get(url, **options):
        asked.append((url, options))
        if "raises" in url:
            raise requests.ConnectionError
        return Answer(ok="whole" in url)

    monkeypatch.setattr(fetch.requests, "get", get)
    assert reachable(["raises/", "whole/", "forbidden/"], "x.gz", 2.0) == ["whole/"]
    assert sorted(asked) == [(f"{m}/x.gz", {"stream": True, "timeout": 2.0}) for m in ("forbidden", "raises", "whole")]


def test_a_fetch_says_from_where_and_leaves_its_one_file(server, tmp_path, monkeypatch, caplog):
    asked = []
    original = fetch.pooch.retrieve
    monkeypatch.setattr(fetch.pooch, "retrieve", lambda url, **k: (asked.append((url, k)), original(url, **k))[1])
    with caplog.at_level("INFO", logger="gan_lightning"):
        ensure([FILE], tmp_path, [server.url("whole")], "mnist")
    assert caplog.messages == [f"downloading train-images from {server.url('whole')}"]
    ((url, options),) = asked
    assert url == server.url("whole") + "train-images.gz"
    assert (options["fname"], options["path"]) == ("train-images.gz", tmp_path)
    assert options["known_hash"] == f"md5:{FILE.gz_md5}"
    assert only_whole_files(tmp_path) == ["train-images"]
    assert (tmp_path / "train-images").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("kind", ["forbidden", "cut"])
def test_no_mirror_helps_and_nothing_half_is_left(server, tmp_path, kind):
    with pytest.raises(DataUnavailable, match=r"data=mnist needs its files in .*train-images is missing.*GAN_DATA"):
        ensure([FILE], tmp_path, [server.url(kind)], "mnist")
    assert only_whole_files(tmp_path) == []


def test_an_unreachable_network_is_noticed_in_time(server):
    start = time.monotonic()
    assert reachable(["http://127.0.0.1:9/", server.url("slow"), server.url("whole")], "f.gz", seconds=1.0) == [
        server.url("whole")
    ]
    assert time.monotonic() - start < 2.0


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "raw").write_text("a file where the folder should be")
    with pytest.raises(DataUnavailable, match="train-images is missing. Fetching them failed"):
        ensure([FILE], tmp_path / "raw", [server.url("whole")], "mnist")


def fetch_in_a_process(folder, url):
    ensure([FILE], folder, [url], "mnist")


def test_jobs_that_start_together_fetch_once(server, tmp_path):
    context = multiprocessing.get_context("fork")
    jobs = [context.Process(target=fetch_in_a_process, args=(tmp_path, server.url("whole"))) for _ in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(30)
    assert [job.exitcode for job in jobs] == [0, 0, 0, 0]
    assert (tmp_path / "train-images").read_bytes() == CONTENT
    assert len(server.requests) == 2, "one question whether the mirror lives, one download"


@pytest.mark.parametrize("n", [12, pytest.param(50, marks=pytest.mark.slow)])
def test_many_processes_and_a_moody_server(tmp_path, server, n):
    """403, half a file, nothing for seconds, the whole: each process has a whole copy in the end, or says why not."""
    context = multiprocessing.get_context("fork")
    mirrors = [server.url("moody")] * 4
    said = context.Queue()
    jobs = [context.Process(target=fetch_and_say, args=(tmp_path, mirrors, said)) for _ in range(n)]
    for job in jobs:
        job.start()
    answers = [said.get(timeout=100) for _ in jobs]
    for job in jobs:
        job.join(30)
    assert [job.exitcode for job in jobs] == [0] * n
    failed = [a for a in answers if a != "whole"]
    assert all("data=mnist needs its files in" in a and "Fetching them failed" in a for a in failed)
    assert len(failed) < n
    assert only_whole_files(tmp_path) == ["train-images"]
    assert (tmp_path / "train-images").read_bytes() == CONTENT


def fetch_and_say(folder, mirrors, said):
    try:
        ensure([FILE], folder, mirrors, "mnist")
        said.put("whole" if (folder / "train-images").read_bytes() == CONTENT else "not whole")
    except DataUnavailable as error:
        said.put(str(error))


@pytest.mark.slow
def test_eight_runs_start_together_on_an_empty_folder(server, tmp_path):
    """joblib's processes meet the lock of a folder that none of them has filled; each file is fetched once."""
    files = MNIST("data").files()
    contents = {file.name: bytes(file.size) for file in files}
    heads = ((0x803, 60_000, 28, 28), (0x801, 60_000), (0x803, 10_000, 28, 28), (0x801, 10_000))
    for name, head in zip(contents, heads, strict=True):
        packed_head = struct.pack(f">{len(head)}I", *head)
        contents[name] = packed_head + contents[name][len(packed_head) :]
        server.files[f"{name}.gz"] = gzip.compress(contents[name], compresslevel=1, mtime=0)
    sums = [(hashlib.md5(c).hexdigest(), hashlib.md5(server.files[f"{n}.gz"]).hexdigest()) for n, c in contents.items()]
    (tmp_path / "sitecustomize.py").write_text(
        "from gan_lightning.data.mnist import MNIST\n"
        f"MNIST.mirrors = ({server.url('whole')!r},)\n"
        f"MNIST.md5 = {sums!r}\n"
    )
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", "GAN_DATA": str(tmp_path / "data"), "OMP_NUM_THREADS": "1"}
    game = [*only_network([]), "steps=2", "data=mnist", "seed=range(8)", "hydra/launcher=joblib",
            "hydra.launcher.n_jobs=8", "hydra.sweep.dir=sweep"]  # fmt: skip
    game = [o for o in game if not o.startswith(("data.n", "data.size", "data=synthetic"))]
    done = subprocess.run(
        [sys.executable, "-m", "gan_lightning.train", "-m", *game],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    statuses = [json.loads(p.read_text())["status"] for p in (tmp_path / "sweep").glob("*/status.json")]
    assert statuses == ["done"] * 8
    raw = tmp_path / "data" / "MNIST" / "raw"
    assert sorted(p.name for p in raw.iterdir() if not p.name.startswith(".")) == sorted(contents)
    assert all((raw / name).read_bytes() == content for name, content in contents.items())
    for name in contents:
        assert len([r for r in server.requests if r.endswith(f"{name}.gz")]) <= 2, "asked whether it lives, and fetched"


@pytest.mark.parametrize("kind", ["forbidden", "cut"])
def test_a_failed_download_leaves_no_folders(server, tmp_path, kind):
    """Neither where nobody answers nor where what comes is not whole; what was there before stays."""
    (tmp_path / "data").mkdir()
    folder = tmp_path / "data" / "MNIST" / "raw"
    with pytest.raises(DataUnavailable, match="Fetching them failed"):
        ensure([FILE], folder, [server.url(kind)], "mnist")
    assert list(tmp_path.rglob("*")) == [tmp_path / "data"]


def test_what_was_fetched_before_a_failure_stays(server, tmp_path):
    other = RemoteFile("other", 5, "0" * 32, "0" * 32)
    folder = tmp_path / "MNIST" / "raw"
    with pytest.raises(DataUnavailable):
        ensure([FILE, other], folder, [server.url("whole")], "mnist")
    assert only_whole_files(folder) == ["train-images"]


def test_a_dataset_is_complete_where_its_files_lie_whole(tmp_path):
    assert Digits().is_complete()
    assert not MNIST(str(tmp_path)).is_complete()
