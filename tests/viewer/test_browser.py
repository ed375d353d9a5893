"""The viewer end to end: the program, and its page in headless Chromium."""

import itertools
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from tests.viewer.visiting import CHROMIUM, ROOT, Visit, command, take_picture, visiting

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium"),
]
# The scene, beside the panel and below Chromium's warning about software rendering.
SCENE = {"x": 0, "y": 190, "width": 660, "height": 440}


@pytest.fixture(scope="module")
def visit() -> Iterator[Visit]:
    """Starts one program and opens one page for all tests."""
    pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    with visiting() as opened:
        yield opened


def scene(visit: Visit, path: Path) -> np.ndarray:
    visit.page.screenshot(path=path, clip=SCENE)
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def changed(one: np.ndarray, other: np.ndarray) -> int:
    """Counts pixels that differ clearly."""
    return int((np.abs(one - other).max(axis=-1) > 40).sum())


def press(visit: Visit, name: str) -> None:
    visit.page.get_by_role("button", name=name, exact=True).click()


def eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    """Waits until a condition holds; a page rendered in software may take seconds to respond."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


def physics(visit: Visit) -> dict[str, float]:
    text = visit.page.inner_text("#physics")
    numbers = re.findall(r"[\d.]+(?= ?(?:,| g,| m/s))", text)
    return dict(zip(("friction", "mass", "gain", "gravity"), map(float, numbers), strict=True))


def test_the_page_answers_soon_and_asks_nobody_else(visit):
    assert visit.answered_after < 60
    addresses = [url.removeprefix("blob:") for url in visit.requests]
    hosts = {urlsplit(url).hostname for url in addresses if not url.startswith("data:")}
    assert hosts == {"localhost"}


def test_it_plays_in_real_time_without_an_error(visit, tmp_path):
    first = scene(visit, tmp_path / "first.png")
    paces, pictures = [], []
    for _ in range(15):
        visit.page.wait_for_timeout(2000)
        paces.append(float(visit.page.inner_text("#pace").split()[0]))
        pictures.append(float(visit.page.inner_text("#pictures")))
    assert changed(first, scene(visit, tmp_path / "later.png")) > 2000
    assert visit.errors == []
    assert abs(np.median(paces) - 1) <= 0.05, paces
    assert np.median(pictures) >= 20, pictures


def test_the_cameras_see_where_the_block_is(visit):
    visit.page.get_by_role("checkbox").nth(1).check()
    found = re.compile(r"the estimate is off by (\d+) degrees and (\d+) mm")
    assert eventually(lambda: bool(found.fullmatch(visit.page.inner_text("#look"))), seconds=90)
    distances = []
    for _ in range(5):
        visit.page.wait_for_timeout(500)
        distances.append(int(found.fullmatch(visit.page.inner_text("#look"))[2]))
    assert np.median(distances) < 30
    visit.page.get_by_role("checkbox").nth(1).uncheck()
    assert eventually(lambda: visit.page.inner_text("#look") == "")
    assert visit.errors == []


def test_buttons_and_sliders(visit, tmp_path):
    press(visit, "Pause")
    assert eventually(lambda: visit.page.inner_text("#pace") == "paused")
    time.sleep(2)  # pictures that are still on their way
    still = scene(visit, tmp_path / "still.png")
    assert changed(still, scene(visit, tmp_path / "still.png")) < 50
    press(visit, "New goal")
    asked = tmp_path / "asked.png"
    assert eventually(lambda: changed(still, scene(visit, asked)) > 2000)
    hand = slice(0, SCENE["width"] // 3)  # the goal is on the right
    assert changed(still[:, hand], scene(visit, asked)[:, hand]) < 50

    nominal = {"friction": 1.0, "mass": 78.0, "gain": 1.0, "gravity": 9.8}
    assert physics(visit) == nominal
    visit.page.get_by_role("slider").nth(3).press("Home")
    press(visit, "Step")
    assert eventually(lambda: physics(visit) == nominal | {"gravity": 0.0})
    visit.page.get_by_role("checkbox").first.check()
    press(visit, "Resume")
    assert eventually(lambda: physics(visit)["friction"] != 1.0)
    assert visit.errors == []


def test_another_agent_acts(visit):
    def bars() -> list[str]:
        return visit.page.eval_on_selector_all(
            "#action rect", "bars => bars.map(bar => bar.getAttribute('width'))"
        )

    assert len(set(bars()[1:])) > 2
    visit.page.get_by_role("combobox", name="agent").click()
    visit.page.get_by_role("option", name="zero").click()
    assert eventually(lambda: bars()[1:] == ["2"] * 20)
    assert visit.errors == []


def test_the_block_is_dropped_in_and_pushed(visit, tmp_path):
    """Without gravity it stays where it is released, until it is pushed."""
    visit.page.get_by_role("checkbox").first.uncheck()
    press(visit, "Pause")
    assert eventually(lambda: visit.page.inner_text("#pace") == "paused")
    before = scene(visit, tmp_path / "before.png")
    press(visit, "Drop in")
    scenes = [before]
    for buttons in (["Step"] * 10, ["Step"], ["Push", "Step", "Step", "Step"]):
        for button in buttons:
            press(visit, button)
            time.sleep(0.3)
        time.sleep(2)  # pictures that are still on their way
        scenes.append(scene(visit, tmp_path / "scene.png"))
    dropped, stayed, pushed = itertools.starmap(changed, itertools.pairwise(scenes))
    assert dropped > 5000
    assert stayed < 1000 and pushed > 5000, (stayed, pushed)
    press(visit, "Resume")


def test_the_surrogate_has_no_randomisation_to_switch(visit, tmp_path):
    box = visit.page.get_by_role("checkbox").first
    assert box.is_enabled()
    for world, enabled in (("surrogate", False), ("training", True)):
        visit.page.get_by_role("combobox", name="world").click()
        visit.page.get_by_role("option", name=world).click()
        assert eventually(lambda enabled=enabled: box.is_enabled() == enabled, seconds=150)
    assert visit.errors == []
    picture = tmp_path / "viewer.png"
    take_picture(visit.page, picture)
    assert 50_000 < picture.stat().st_size < 300_000


def test_a_taken_port_is_refused_in_one_line(visit):
    visit.page.close()  # the program pauses without viewers
    result = subprocess.run(
        command(visit.port), cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"play: --port={visit.port} is taken")
