"""All errors and warnings, each with the ``code`` that a client sees.

The docstring of a class with a code is its row in the table of codes in the documentation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AnalysisWarning:
    """What a listener should know of a file that was analysed all the same.

    ``code`` is one of ``truncated`` (the file breaks off), ``bad_packets`` (damaged parts were
    skipped), ``bad_samples`` (samples that are not numbers, or absurdly large, were silenced) and
    ``between_keys`` (the tuning is half-way between two keys).
    """

    code: str
    message: str


class AnalysisError(Exception):
    """A file that has no key; ``code`` is stable, the message is for people."""

    code = "internal_error"


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


class NoAudio(AnalysisError):
    """There is no sound in the file, or sound of length zero."""

    code = "no_audio"


class DecodeFailed(AnalysisError):
    """The format is known, but not one sample could be decoded."""

    code = "decode_failed"


class TooShort(AnalysisError):
    """There are less than 1.5 seconds of sound."""

    code = "too_short"


class TooLong(AnalysisError):
    """There are more than 24 hours of sound."""

    code = "too_long"


class Silent(AnalysisError):
    """There is nothing to hear: the mix of all channels is silent."""

    code = "silent"


class TimedOut(AnalysisError):
    """The file took longer than `--timeout`."""

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


class StartFailed(Exception):
    """The analyzer cannot start."""

    code = "start_failed"


class ModelError(StartFailed):
    """A checkpoint cannot be used; the message names the file and says what it should be."""


class NoCache(StartFailed):
    """There can be no cache at the path that the user gave."""


class CacheError(Exception):
    """The cache cannot be used now; the message says why."""


class CacheBusy(CacheError):
    """Another program keeps the cache locked."""


class CacheUnusable(CacheError):
    """The cache cannot be opened, read or written, or belongs to another program."""


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


class DamagedInstallation(Exception):
    """A file of the installation is damaged; the message says which and what to do."""


class ReportError(Exception):
    """A file is not a report of the doctor; the message says how to make one."""
