"""Chromium without a window, driven over a pipe by its DevTools protocol: no client library is needed."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

PLACE = """(() => {
  const element = document.querySelector(%s);
  element.scrollIntoView({block: 'center'});
  const box = element.getBoundingClientRect();
  return [box.left + %f * box.width, box.top + %f * box.height];
})()"""


def chromium() -> str | None:
    """The path of this system's Chromium; None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One page of a Chromium that is cut off from the network; use as a context manager.

    Attributes:
        errors: what the console said at the level of an error, and exceptions of scripts.
        asked: addresses that the page asked for.
    """

    def __init__(self, program: str, width: int = 1400, height: int = 900) -> None:
        self.errors, self.asked = list[str](), list[str]()
        self.folder = tempfile.mkdtemp(prefix="chromium-")
        theirs, self.out = os.pipe()
        self.inp, ours = os.pipe()

        def pipes() -> None:  # the protocol's are 3 and 4; moved above them first, so that neither closes the other
            high = [os.dup2(end, 100 + k) for k, end in enumerate((theirs, ours))]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
             "--remote-debugging-pipe", f"--user-data-dir={self.folder}", f"--window-size={width},{height}"],
            pass_fds=(3, 4), preexec_fn=pipes, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs)
        os.close(ours)
        self.count, self.rest, self.events, self.session = 0, b"", list[dict[str, Any]](), None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        for end in (self.inp, self.out):
            os.close(end)
        with suppress(OSError):
            shutil.rmtree(self.folder)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of one command of the protocol. Raises AssertionError with the browser's own message."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        os.write(self.out, json.dumps(message | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def read(self) -> dict[str, Any]:
        """The next message; events are kept."""
        while b"\0" not in self.rest:
            part = os.read(self.inp, 1 << 20)
            assert part, "the browser has gone"
            self.rest += part
        text, self.rest = self.rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        name, params = message.get("method"), message.get("params", {})
        self.events.append(message)
        if name == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        if name == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(str(params["args"]))
        if name == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(str(params["entry"]))
        if name == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        return message

    def open(self, address: str) -> None:
        """Go to ``address`` and wait until all of it has been loaded."""
        self.call("Page.navigate", url=address)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.read()

    def value(self, script: str) -> Any:
        """What the expression ``script`` is on the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, script: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not self.value(script):
            assert time.monotonic() < deadline, script
            time.sleep(0.02)

    def point_at(self, selector: str, across: float, down: float, click: bool = False) -> None:
        """Move the pointer to the place that lies ``across`` and ``down``, as shares of its box, in an element."""
        x, y = self.value(PLACE % (json.dumps(selector), across, down))
        kinds = ("mouseMoved", "mousePressed", "mouseReleased") if click else ("mouseMoved",)
        for kind in kinds:
            button = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def press(self, key: str, code: int) -> None:
        """Press and let go of a key, for the element that has the focus."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)
