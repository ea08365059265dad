"""The exe's icon, a wheel of twelve keys, in the icon format of each platform."""

from __future__ import annotations

import colorsys
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

SIZE = 256


def draw(size: int = SIZE) -> npt.NDArray[np.uint8]:
    """A ring of twelve coloured sectors, transparent elsewhere; RGBA ``(size, size, 4)``."""
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    radius = np.hypot(x, y) / (size / 2)
    sector = (np.arctan2(y, x) / (2 * np.pi) * 12 + 0.5).astype(int) % 12
    colours = [colorsys.hsv_to_rgb(number / 12, 0.65, 0.9) for number in range(12)]
    image = np.zeros((size, size, 4), np.uint8)
    image[..., :3] = (255 * np.array(colours)[sector]).astype(np.uint8)
    image[..., 3] = np.where((radius > 0.35) & (radius < 0.97), 255, 0)
    return image


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """RGBA pixels as a PNG file (ISO/IEC 15948)."""
    height, width, _ = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def ico(image: bytes) -> bytes:
    """A PNG of 256 x 256 pixels as an icon for Windows, which scales it."""
    directory = struct.pack("<HHH", 0, 1, 1)
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(image), 22)  # 0 stands for 256
    return directory + entry + image


def icns(image: bytes) -> bytes:
    """A PNG of 256 x 256 pixels as an icon for macOS."""
    entry = b"ic08" + struct.pack(">I", len(image) + 8) + image
    return b"icns" + struct.pack(">I", len(entry) + 8) + entry


def write(folder: Path, platform: str) -> str | None:
    """Write the icon for ``sys.platform``; None if its programs have no icons."""
    containers = {"win32": ("keyscan.ico", ico), "darwin": ("keyscan.icns", icns)}
    if platform not in containers:
        return None
    name, container = containers[platform]
    path = folder / name
    path.write_bytes(container(png(draw())))
    return str(path)
