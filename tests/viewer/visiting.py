"""Starts the viewer's program and opens its page in headless Chromium.

python -m tests.viewer.visiting FILE.png    takes a screenshot of the page
"""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PYTHON = os.environ.get("VIEWER_PYTHON", sys.executable)  # may have only the extra `viewer`
CHROMIUM = shutil.which("chromium")
ROOT = Path(__file__).parents[2]
_SIZE = {"width": 1000, "height": 640}


class Visit(NamedTuple):
    """An open page.

    Attributes:
        page: Playwright's page.
        port: port of the program.
        answered_after: seconds from the program's start to its first response.
        requests: addresses that the page has requested.
        errors: errors on the page.
    """

    page: Any
    port: int
    answered_after: float
    requests: list[str]
    errors: list[str]


def command(port: int) -> list[str]:
    """Returns the command that starts the program."""
    return [PYTHON, "-m", "experiments.play", f"--port={port}"]


@contextlib.contextmanager
def visiting() -> Iterator[Visit]:
    """Starts the program, on one core if possible, and opens its page."""
    from playwright import sync_api

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    core = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if shutil.which("taskset") else []
    started = time.monotonic()
    program = subprocess.Popen([*core, *command(port)], cwd=ROOT)
    try:
        answered_after = wait_for_answer(program, port) - started
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
            )
            page = browser.new_page(viewport=_SIZE)
            requests: list[str] = []
            errors: list[str] = []
            page.on("request", lambda request: requests.append(request.url))
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "console",
                lambda message: errors.append(message.text) if message.type == "error" else None,
            )
            page.goto(f"http://localhost:{port}")
            page.wait_for_selector("#pace", timeout=150_000)
            yield Visit(page, port, answered_after, requests, errors)
            browser.close()
    finally:
        program.terminate()
        program.wait(10)


def wait_for_answer(program: subprocess.Popen, port: int) -> float:
    """Returns the time of the program's first response, by `time.monotonic`."""
    while program.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            assert connection.getresponse().status == 200
            return time.monotonic()
        except ConnectionRefusedError:
            time.sleep(0.2)
        finally:
            connection.close()
    raise AssertionError(f"experiments.play ended with status {program.returncode}")


def take_picture(page: Any, path: Path) -> None:
    """Writes a PNG of the page, without Chromium's warning about software rendering."""
    notice = page.get_by_role("alert")
    for close in notice.get_by_role("button").all():
        close.click()
    page.wait_for_timeout(1000)
    page.screenshot(path=path)


if __name__ == "__main__":
    with visiting() as visit:
        visit.page.wait_for_timeout(10_000)
        take_picture(visit.page, Path(sys.argv[1]))
