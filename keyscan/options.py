"""The options of the program, as frozen dataclasses; ``keyscan.arguments`` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from keyscan.errors import UnknownPictureFormat
from keyscan.keys import KeyStyle
from keyscan.tagging.options import TagOptions

if TYPE_CHECKING:  # numpy, which --help does not wait for
    from keyscan.spectrogram.constant_q import CqtEngine

Effort = Literal["full", "adaptive"]
Precision = Literal["highest", "high", "medium"]
OutputFormat = Literal["table", "csv", "json", "ndjson", "m3u", "rekordbox-xml", "traktor-nml"]
Order = Literal["given", "key", "mix"]
ThemeName = Literal["light", "dark"]

MEMORY_LIMIT: dict[CqtEngine, int] = {"matrix": 1024, "librosa": 8192}  # MiB
RECYCLE_MEMORY: dict[CqtEngine, int] = {"matrix": 256, "librosa": 2048}  # MiB
_TIMEOUT_SOUND = 600.0  # seconds that --timeout is for


@dataclass(frozen=True)
class ModelOptions:
    """``path`` None is the packaged checkpoint; ``precision`` is that of float32 products."""

    path: Path | None = None
    device: str = "cpu"
    threads: int = 1
    interop_threads: int = 1
    precision: Precision = "highest"


@dataclass(frozen=True)
class WorkerOptions:
    """What a worker process gets: ``timeout`` in seconds per file, sizes in bytes.

    ``timeout`` is for up to ten minutes of sound; more has more time in proportion. A worker is
    replaced after ``recycle_files`` files, or when it has more than ``recycle_size`` after one; it
    never gets more than ``memory_limit``.
    """

    cqt: CqtEngine = "matrix"
    timeout: float = 120.0
    memory_limit: int = MEMORY_LIMIT["matrix"] << 20
    recycle_files: int = 2000
    recycle_size: int = RECYCLE_MEMORY["matrix"] << 20

    def timeout_for(self, sound: float) -> float:
        """Seconds that a file with so many seconds of sound may take."""
        return self.timeout * max(sound / _TIMEOUT_SOUND, 1.0)


@dataclass(frozen=True)
class EngineOptions:
    """``workers`` is the number of worker processes; ``cache`` is the path as the user gave it."""

    model: ModelOptions
    worker: WorkerOptions
    workers: int
    cache: str | None


@dataclass(frozen=True)
class ServeOptions:
    """``heartbeat``: seconds between two heartbeats."""

    engine: EngineOptions
    style: KeyStyle
    heartbeat: float


@dataclass(frozen=True)
class AnalyzeOptions:
    """``output`` None is stdout; ``plot``, ``html`` None: no picture, no page.

    ``stream`` None: any. ``tags`` None: no tags are written.
    ``min_confidence``, 0 to 1: outputs leave out keys that are less sure; None: not given.
    ``exclude``: glob patterns of files and folders to leave out. ``bom``: start with a byte order
    mark.
    """

    engine: EngineOptions
    style: KeyStyle
    paths: tuple[str, ...]
    format: OutputFormat
    output: Path | None
    plot: Path | None
    html: Path | None
    theme: ThemeName
    sort: Order
    timeline: bool
    recursive: bool
    changed_only: bool
    quiet: bool
    stream: int | None = None
    min_confidence: float | None = None
    exclude: tuple[str, ...] = ()
    bom: bool = False
    tags: TagOptions | None = None


@dataclass(frozen=True)
class WatchOptions:
    """``settle``: seconds without a change after which a file is analysed; the others as above."""

    engine: EngineOptions
    style: KeyStyle
    folders: tuple[str, ...]
    settle: float
    timeline: bool
    min_confidence: float | None
    tags: TagOptions | None


@dataclass(frozen=True)
class DoctorOptions:
    """Two reports to ``compare``, or a ``self_test``; with neither, a report is made."""

    model: ModelOptions
    compare: tuple[Path, Path] | None
    self_test: bool
    json: bool


def picture_format(path: Path) -> Literal["svg", "png"]:
    """The format that the extension of ``path`` stands for.

    Raises:
        UnknownPictureFormat: it is neither ``.svg`` nor ``.png``.
    """
    extension = path.suffix.lower()
    if extension in (".svg", ".png"):
        return "svg" if extension == ".svg" else "png"
    raise UnknownPictureFormat(f"{path}: a picture's name must end in .svg or .png")
