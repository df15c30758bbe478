"""The playground as one uses it: a browser, a mouse, files.

SCREENSHOTS=1 python -m pytest tests/training/playground/test_browser.py

writes the pictures of docs/guides/playground.md anew.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect, sync_playwright

import weirdonetworks as wn

REPOSITORY = Path(__file__).parents[3]
PICTURES = REPOSITORY / "docs" / "playground"
PLANETS = REPOSITORY / "training" / "fitting" / "laws" / "measured" / "planets.csv"
# No sandbox for the root of a container, and nothing that a browser asks for by itself.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120_000  # milliseconds, on a busy machine
SEVEN = [(0.25, 0.25), (0.75, 0.25), (0.45, 0.9)]  # of the sides of the paper
MARKUP = "<img src=x onerror=\"document.title='no'\">"


class Server(NamedTuple):
    """The command as a process, its address, and where it keeps what is uploaded."""

    process: subprocess.Popen
    address: str
    folder: Path


class Shown(NamedTuple):
    """A page, and the addresses that it asked for."""

    page: Page
    asked: list[str]


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)("needs Chromium: apt install chromium")
    return found


@pytest.fixture(scope="module")
def trap() -> Iterator[socket.socket]:
    """A proxy to which all calls for other machines go."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


@pytest.fixture(scope="module")
def server(chromium, trap, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("playground")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    proxy = f"http://127.0.0.1:{trap.getsockname()[1]}"
    process = subprocess.Popen(
        [sys.executable, "-m", "training.playground", f"--port={port}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder)}
        | dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), proxy),
    )
    alarm = threading.Timer(PATIENCE / 1000, process.kill)
    alarm.start()
    try:
        line = process.stdout.readline()
        alarm.cancel()
        assert line == f"playground at http://127.0.0.1:{port}/ until Ctrl-C\n"
        yield Server(process, f"http://127.0.0.1:{port}/", folder)
    finally:
        alarm.cancel()
        process.kill()
        process.communicate()


@pytest.fixture
def shown(chromium, server) -> Iterator[Shown]:
    asked = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(server.address)
        yield Shown(page, asked)
        browser.close()


def draw(page: Page, points: list[tuple[float, float]]) -> None:
    """A stroke with the mouse."""
    paper = page.locator("#paper canvas")
    paper.hover()  # which waits until it rests
    box = paper.bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=10)
    page.mouse.up()


def slide(page: Page, name: str, value: float) -> None:
    page.locator(f"#{name} input[type=range]").fill(str(value))


def upload(page: Page, path: Path) -> None:
    page.locator("#file input[type=file]").set_input_files(path)


def picture(page: Page, name: str) -> None:
    if "SCREENSHOTS" in os.environ:
        page.mouse.move(0, 0)
        page.wait_for_timeout(2000)  # figures are drawn when their numbers are there
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def digits(page: Page) -> None:
    table, proof = page.locator("#answers"), page.locator("#proof")
    seven = page.get_by_role("row", name=re.compile("^mlp 7 "))
    draw(page, SEVEN)
    for network in wn.list_networks(pretrained="mnist"):
        expect(table).to_contain_text(network)
    expect(seven).to_be_visible()
    expect(page.locator("#curve").get_by_text("probability")).to_be_visible()
    upright = page.locator("#seen img").get_attribute("src")
    slide(page, "degrees", 180)
    expect(seven).to_have_count(0)
    slide(page, "degrees", 0)
    expect(seven).to_be_visible()
    slide(page, "right", -3)
    expect(page.locator("#seen img")).not_to_have_attribute("src", upright)
    slide(page, "right", 0)
    expect(page.locator("#seen img")).to_have_attribute("src", upright)
    if "synchronous_mlp" in wn.list_networks(pretrained="mnist"):
        page.locator("#prove").click()
        expect(proof).to_contain_text("Proving")
        expect(proof).to_contain_text("Proven: the answer stays 7 at every angle.")
        picture(page, "digits")
        draw(page, [(0.3, 0.55), (0.7, 0.55)])  # of another picture, nothing is proven
        expect(proof).not_to_contain_text("Prov")
    else:
        expect(proof).to_contain_text("there is nothing to prove")
        picture(page, "digits")
    page.locator("#paper button").click()
    expect(table).not_to_contain_text("%")


def iterates(page: Page) -> None:
    page.get_by_role("tab", name="Between log and exp").click()
    values = page.locator("#values")
    expect(values).to_contain_text("1.646354")  # f(1), with f(f(x)) = e^x
    expect(values).to_contain_text("2.718281828")
    picture(page, "iterates")
    slide(page, "alpha", 1)
    expect(values).not_to_contain_text("1.646354")
    page.locator("#x input").fill("")
    expect(page.get_by_text("x must be a number, got none")).to_be_visible()
    page.locator("#x input").fill("2")
    expect(values).to_contain_text("7.389056099")


def laws(page: Page, folder: Path) -> None:
    page.get_by_role("tab", name="Laws").click()
    page.locator("#find").click()
    expect(page.get_by_text("a table must be uploaded first")).to_be_visible()
    bad = {
        "broken.csv": ("no table", "broken.csv must have two columns of numbers or more"),
        "twice.csv": (f"{MARKUP},{MARKUP}\n1,2\n", "twice.csv must have a name for each column"),
        "large.csv": ("a,b\n" + "1,2\n" * 300_000, "exceed the maximum allowed size of 1.0 Mb"),
    }
    for name, (text, told) in bad.items():
        (folder / name).write_text(text)
        upload(page, folder / name)
        expect(page.get_by_text(told)).to_be_visible()
        page.locator("#file").get_by_label("Clear").click()
    assert page.title() == "weirdonetworks"
    upload(page, PLANETS)
    expect(page.locator("#target input")).to_have_value("period")
    page.locator("#find").click()
    expect(page.locator("#formula .katex").first).to_be_visible()
    expect(page.locator("#law")).to_contain_text("axis**(3/2)")
    picture(page, "laws")


@pytest.mark.slow
def test_in_a_browser(shown, server, trap, tmp_path):
    """Draws, turns, slides, uploads; a page asks this machine alone, and errors stop nothing."""
    digits(shown.page)
    iterates(shown.page)
    laws(shown.page, tmp_path)
    others = [url for url in shown.asked if not url.startswith((server.address, "data:", "blob:"))]
    assert len(shown.asked) > 20 and not others
    with pytest.raises(BlockingIOError):  # nor does the server
        trap.accept()
    assert server.process.poll() is None
    assert list(server.folder.rglob("planets.csv"))
    server.process.send_signal(signal.SIGINT)
    _, stderr = server.process.communicate(timeout=60)
    assert (server.process.returncode, stderr) == (0, "")
    assert not any(path.is_file() for path in server.folder.rglob("*"))
