"""A library with all that a page shows, its page by the real command, and a real browser."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from examples.track import SAMPLE_RATE, render_track, write_audio
from keyscan.keys import Key
from tests.batch.analyze_process import run_analyze
from tests.page.names import STRANGE

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
TRACKS = {
    "10 Relative.wav": ["C major"],
    "2 Artist - Title.flac": ["A minor"],
    "Modulation.flac": ["C major", "E major"],
    "sub/Fifth.wav": ["E minor"],
    "sub/Far.wav": ["F# minor"],
}
"""The tonal files of ``library`` and the keys of their halves."""


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """Also drums, a file that fails, and files with the names ``STRANGE``."""
    folder = tmp_path_factory.mktemp("page") / "My <Müsic> & more"
    for name, keys in TRACKS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        halves = [render_track(Key.parse(key), 30.0 if len(keys) > 1 else 8.0) for key in keys]
        write_audio(path, np.concatenate(halves), SAMPLE_RATE)
    time = np.arange(8 * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(len(time))
    drums = np.repeat((0.3 * noise * np.exp(-(time % 0.25) / 0.03))[:, None], 2, axis=1)
    write_audio(folder / "Drums.wav", drums.astype(np.float32), SAMPLE_RATE)
    (folder / "broken.mp3").write_bytes(b"no music at all")
    (folder / "strange").mkdir()
    for name in STRANGE:
        shutil.copy(folder / "2 Artist - Title.flac", folder / "strange" / name)
    return folder


@dataclass(frozen=True)
class Report:
    """What one run of ``analyze --html`` wrote."""

    path: Path
    stdout: str
    stderr: str
    code: int


@pytest.fixture(scope="session")
def report(library, tmp_path_factory):
    """The page of ``library``."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    done = run_analyze("--html", path, library)
    return Report(path, done.stdout, done.stderr, done.returncode)


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def opened(browser):
    """``opened(path)`` is the page in a browser; no error and no request may have come of it."""
    contexts, asked, files, troubles = [], [], [], []

    def look(path, **options):
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        files.append(path.as_uri())
        page.goto(path.as_uri())
        return page

    yield look
    for context in contexts:
        context.close()
    assert (asked, troubles) == (files, [])
