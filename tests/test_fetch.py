"""Fetching against a server of our own that is whole, slow, forbidden or cut off."""

import gzip
import hashlib
import multiprocessing
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gan_lightning.data.arrays import DataUnavailable
from gan_lightning.data.fetch import RemoteFile, ensure, faults, reachable

CONTENT = bytes(range(256)) * 40
PACKED = gzip.compress(CONTENT, mtime=0)
FILE = RemoteFile("train-images", len(CONTENT), hashlib.md5(CONTENT).hexdigest(), hashlib.md5(PACKED).hexdigest())


class Server:
    """Serves PACKED under every path: /whole/, /cut/ (half of it), /forbidden/, /slow/ (nothing for seconds)."""

    def __init__(self):
        requests = self.requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                requests.append(self.path)
                kind = self.path.split("/")[1]
                if kind == "slow":
                    time.sleep(3)
                if kind == "forbidden":
                    self.send_error(403)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(PACKED)))
                self.end_headers()
                try:
                    self.wfile.write(PACKED[: len(PACKED) // 2] if kind == "cut" else PACKED)
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
