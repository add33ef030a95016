"""A headless Chromium for tests, driven through its DevTools port; `find()` says whether there is one."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """One tab. Remembers what the console said and what the page asked the network for."""

    def __init__(self, executable: str, seconds: float = 60.0) -> None:
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--remote-debugging-port=0",
            "--remote-allow-origins=*",
            f"--user-data-dir={self.profile.name}",
            "about:blank",
        ]
        self.process = subprocess.Popen([executable, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.seconds, self.last, self.console, self.requests = seconds, 0, [], []
        try:
            self.socket = self._connect()
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.send(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def _connect(self):
        import urllib.request

        import websocket

        end = time.monotonic() + self.seconds
        while True:
            try:
                port = Path(self.profile.name, "DevToolsActivePort").read_text().split()[0]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
                    tab = next(entry for entry in json.load(answer) if entry["type"] == "page")
                return websocket.create_connection(
                    tab["webSocketDebuggerUrl"], timeout=self.seconds, suppress_origin=True
                )
            except (OSError, IndexError, StopIteration, ValueError):
                if time.monotonic() > end or self.process.poll() is not None:
                    raise TimeoutError("Chromium opened no DevTools port") from None
                time.sleep(0.1)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for its answer."""
        self.last += 1
        self.socket.send(json.dumps({"id": self.last, "method": method, "params": params}))
        while (message := self._next()).get("id") != self.last:
            pass
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    def _next(self) -> dict[str, Any]:
        message = json.loads(self.socket.recv())
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.console.append(
                params["exceptionDetails"].get("text", "") + str(params["exceptionDetails"].get("exception", ""))
            )
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.console.append(str(params["args"]))
        elif method == "Log.entryAdded":
            self.console.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        return message

    def open(self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a file in a window of that size and wait until it is there; console and requests start anew."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.send(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        self.console, self.requests = [], []
        self.send("Page.navigate", url=page.resolve().as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression on the page. Raises RuntimeError when it throws."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """A key of the keyboard, down and up, where the focus is."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, text=text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        picture = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(picture["data"]))

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.profile.cleanup()

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def picture(page: Path, target: Path, *, width: int = 1200, height: int = 900, colours: int = 64) -> None:
    """The top of a page as a small PNG, such as the README shows.

    `python tests/support/chromium.py results/quick/index.html docs/report.png`
    """
    from PIL import Image

    if (executable := find()) is None:
        raise FileNotFoundError(f"found no browser, expected one of {', '.join(NAMES)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with Chromium(executable) as browser:
        browser.open(page, width=width, height=height)
        browser.screenshot(target)
    Image.open(target).convert("RGB").quantize(colours).save(target, optimize=True)


if __name__ == "__main__":
    import sys

    picture(Path(sys.argv[1]), Path(sys.argv[2]))
