"""On a terminal the doctor says what it is doing; in a pipe it does not (``test_report``)."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading

import pytest

from tests.doctor.doctor_process import PATIENCE
from tests.server_process import COMMAND

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses a pty")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--json", ["timing the imports in a fresh process", "loading the model", "timing mp3"]),
        ("--self-test", ["loading the model", "testing flac with the engine librosa"]),
    ],
)
def test_a_terminal_is_told_what_goes_on(option, said):
    main, terminal = pty.openpty()
    texts = []

    def listen():
        try:
            while part := os.read(main, 4096):
                texts.append(part)
        except OSError:  # the other side is closed
            return

    thread = threading.Thread(target=listen)
    thread.start()
    done = subprocess.run(
        [*COMMAND, "doctor", option],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=terminal, timeout=PATIENCE,
    )  # fmt: skip
    os.close(terminal)
    thread.join(PATIENCE)
    os.close(main)
    assert done.returncode == 0
    lines = b"".join(texts).decode().splitlines()
    places = [lines.index(f"keyscan: {text} ...") for text in said]
    assert places == sorted(places)
