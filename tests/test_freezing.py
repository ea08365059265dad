"""What the exe is dressed in where there are icons and version resources; drawn on any system."""

from __future__ import annotations

import ast
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from freezing import icon, uncalled, version_resource
from keyscan import __version__
from tests.server_process import ROOT

# What the spec does to the exe, done to Python; prints the constant-Q of librosa.
REFERENCE = """
import importlib.util, sys
import numpy as np
from freezing import uncalled
from hooks.excluded import UNCALLED
if sys.argv[1] == "exe":
    for name in UNCALLED:
        spec = importlib.util.spec_from_file_location(name, uncalled.__file__)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
from keyscan.spectrogram.reference import LibrosaConstantQ
engine = LibrosaConstantQ()
engine.push(np.random.default_rng(18).standard_normal(132300, np.float32))
print(engine.finish().tobytes().hex())
"""


def pixels(data):
    """Read a PNG of our own: one IDAT, no filters."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    position, chunks = 8, {}
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        chunks[kind] = data[position + 8 : position + 8 + length]
        (check,) = struct.unpack_from(">I", data, position + 8 + length)
        assert check == zlib.crc32(kind + chunks[kind])
        position += 12 + length
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    return rows[:, 1:].reshape(height, width, 4)


def test_the_picture_is_a_ring_of_twelve_colours():
    image = icon.draw()
    assert not image[0, 0, 3]
    assert not image[128, 128, 3]
    assert len(np.unique(image[image[..., 3] == 255], axis=0)) == 12
    np.testing.assert_array_equal(pixels(icon.png(image)), image)


def test_each_platform_gets_its_own_container(tmp_path):
    assert icon.write(tmp_path, "linux") is None
    ico = (tmp_path / icon.write(tmp_path, "win32")).read_bytes()
    size, offset = struct.unpack_from("<II", ico, 14)
    assert (ico[:6], offset + size) == (b"\0\0\1\0\1\0", len(ico))
    assert pixels(ico[offset:]).shape == (256, 256, 4)
    icns = (tmp_path / icon.write(tmp_path, "darwin")).read_bytes()
    assert (icns[:4], struct.unpack_from(">I", icns, 4)[0]) == (b"icns", len(icns))
    assert (icns[8:12], struct.unpack_from(">I", icns, 12)[0]) == (b"ic08", len(icns) - 8)
    assert pixels(icns[16:]).shape == (256, 256, 4)


def test_the_version_resource_is_an_expression_with_the_version_in_it(tmp_path):
    text = Path(version_resource.write(tmp_path, "analyzer")).read_text(encoding="utf-8")
    call = ast.parse(text, mode="eval").body
    assert call.func.id == "VSVersionInfo"
    assert f'"ProductVersion", "{__version__}"' in text
    major, minor, patch = __version__.split(".")
    assert f"filevers=({major}, {minor}, {patch}, 0)" in text


def test_a_stand_in_has_every_function_and_calls_none():
    with pytest.raises(
        NotImplementedError, match=r"the exe does without freezing\.uncalled\.solve"
    ):
        uncalled.solve([1.0], b=2.0)
    assert not hasattr(uncalled, "__all__")  # a module would say with it what * imports


def test_what_librosa_imports_but_never_calls_makes_no_difference_to_its_constant_q():
    printed = []
    for kind in ("exe", "python"):
        command = [sys.executable, "-c", REFERENCE, kind]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        printed.append(done.stdout.strip())
    assert len(printed[0]) > 1000
    assert printed[0] == printed[1]
