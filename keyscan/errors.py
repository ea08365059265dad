"""All errors and warnings, each with the ``code`` that a client sees.

The docstring of a class with a code is its row in the table of codes in the documentation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class AnalysisWarning:
    """What a listener should know of a file, whether it has a key or not.

    ``code`` is one of ``truncated`` (the file breaks off), ``bad_packets`` (damaged parts were
    skipped), ``bad_samples`` (samples that are not numbers, or absurdly large, were silenced),
    ``phase`` (the channels cancel each other in mono), ``more_sound`` (a second chunk of sound in a
    WAV, AIFF or CAF was left out) and ``between_keys`` (the tuning is half-way between two keys).
    """

    code: str
    message: str


class AnalysisError(Exception):
    """A file that has no key; ``code`` is stable, the message is for people.

    ``warnings``: the damage that was found in the file before it failed. ``path``: the file, as
    ``analyze`` or an ``Analyzer`` was given it; empty for samples and file objects.
    """

    code = "internal_error"
    path = ""

    def __init__(self, message: str = "", warnings: Iterable[AnalysisWarning] = ()) -> None:
        super().__init__(message)
        self.warnings = tuple(warnings)


class BadRequest(AnalysisError):
    """The line is not a request; `error` says why."""

    code = "bad_request"

    def __init__(self, message: str, request_id: str | float | None = None) -> None:
        """``request_id`` is what could be read of the line's id."""
        super().__init__(message)
        self.id = request_id


class DuplicateId(AnalysisError):
    """A request with this id is still waiting for its answer."""

    code = "duplicate_id"


class FileNotFound(AnalysisError):
    """There is nothing at the path."""

    code = "file_not_found"


class InvalidPath(AnalysisError):
    """The path holds a NUL, is longer than the system allows or leads through too many links."""

    code = "invalid_path"


class NotAFile(AnalysisError):
    """The path is a directory, a FIFO, a socket or a device."""

    code = "not_a_file"


class PermissionDenied(AnalysisError):
    """The file may not be read by this user."""

    code = "permission_denied"


class ReadFailed(AnalysisError):
    """The system failed to read the file."""

    code = "read_failed"


class EmptyFile(AnalysisError):
    """The file has no bytes, or is one that the system makes up (`/proc`)."""

    code = "empty_file"


class UnsupportedFormat(AnalysisError):
    """The bytes are not an audio or video format that the decoders know."""

    code = "unsupported_format"


class Protected(AnalysisError):
    """The sound is encrypted: the file has a copy protection (DRM)."""

    code = "protected"


class NoSuchStream(AnalysisError):
    """The request names an audio stream that is not in the file."""

    code = "no_such_stream"

    @classmethod
    def among(cls, count: int, wanted: int) -> Self:
        """For the stream ``wanted`` of a file that has ``count``."""
        known = "only stream 0" if count == 1 else f"streams 0 to {count - 1}"
        return cls(f"there is no audio stream {wanted}: the file has {known}")


class NoAudio(AnalysisError):
    """There is no sound in the file, or sound of length zero."""

    code = "no_audio"


class DecodeFailed(AnalysisError):
    """The format is known, but not one sample could be decoded."""

    code = "decode_failed"


class TooShort(AnalysisError):
    """There are less than 1.5 seconds of sound, or less than 3 in a file that breaks off."""

    code = "too_short"


class TooLong(AnalysisError):
    """There are more than 24 hours of sound."""

    code = "too_long"


class Silent(AnalysisError):
    """There is nothing to hear: the mix of all channels is silent."""

    code = "silent"


class TimedOut(AnalysisError):
    """The file took longer than `--timeout` allows for its length."""

    code = "timeout"


class OutOfMemory(AnalysisError):
    """The decoder needs more memory than `--memory-limit` for the file."""

    code = "out_of_memory"


class DecoderCrashed(AnalysisError):
    """The process that decoded the file died."""

    code = "decoder_crashed"


class WorkerFailed(AnalysisError):
    """No decoding process could be started."""

    code = "worker_failed"


class Cancelled(AnalysisError):
    """The request was cancelled."""

    code = "cancelled"

    def __init__(self, message: str = "cancelled") -> None:
        super().__init__(message)


class InternalError(AnalysisError):
    """A defect of the analyzer; the log on stderr has the details."""

    code = "internal_error"


ERROR_CODES: tuple[str, ...] = tuple(kind.code for kind in AnalysisError.__subclasses__())
"""All codes of error replies."""


class InvalidInput(AnalysisError, ValueError):
    """What a Python program gives is no path, no binary file object and no array of samples.

    No reply has this code: requests hold paths.
    """

    code = "invalid_input"


class StartFailed(Exception):
    """The analyzer cannot start."""

    code = "start_failed"


class LibraryNotLoaded(StartFailed, ImportError):
    """A library cannot be imported; the message names it and says what to do."""


class ModelError(StartFailed):
    """A checkpoint cannot be used; the message names the file and says what it should be."""


class NoCache(StartFailed):
    """There can be no cache at the path that the user gave: wrong usage."""


class CacheError(Exception):
    """The cache cannot be used now; the message says why."""


class CacheBusy(CacheError):
    """Another program keeps the cache locked."""


class CacheUnusable(CacheError):
    """The cache cannot be opened, read or written, or belongs to another program."""


class NotACache(CacheUnusable):
    """The file at the path of the cache is not one of ours; it stays as it is."""


class TargetRefused(Exception):
    """The results would replace a file that no earlier run has written."""


class PlotError(Exception):
    """A picture cannot be made."""

    code = "plot_failed"


class MissingPlotLibrary(PlotError):
    """matplotlib cannot be imported: it is an optional extra, and the frozen app is without it."""

    code = "plot_unavailable"


class UnknownPictureFormat(PlotError):
    """The name of the picture ends neither in ``.svg`` nor in ``.png``."""

    code = "plot_format_unknown"


class PictureNotWritten(PlotError):
    """The system refuses to write the picture where it was asked for."""

    code = "plot_not_written"


class NothingToDraw(PlotError):
    """There is no track with a key to draw."""

    code = "plot_no_track"


class TagError(Exception):
    """The tags of a file cannot be read or written."""


class NoTagsPossible(TagError):
    """The file is in a format that holds no key, or only if more is changed; it stays as it is."""


class TagsDamaged(TagError):
    """The tags of the file are damaged; it stays as it is."""


class MissingTagLibrary(TagError):
    """mutagen cannot be imported: it is an optional extra, and the frozen app is without it."""


class WatchError(Exception):
    """The system cannot watch the folders."""


class NotWatchable(WatchError):
    """A path is no folder, or watchdog is missing: wrong usage."""


class PageNotWritten(Exception):
    """The system refuses to write the page of a library where it was asked for."""


class DamagedInstallation(StartFailed):
    """A file of the installation is damaged; the message says which and what to do."""


class ReportError(Exception):
    """A file is not a report of the doctor; the message says how to make one."""
