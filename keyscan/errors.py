"""What can be wrong with a file: one class a reason, each with the code that a client sees."""

from __future__ import annotations

from dataclasses import dataclass


class AnalysisError(Exception):
    """A file that cannot be answered with a key; ``code`` is stable, the message is for people."""

    code = "internal_error"


class FileNotFound(AnalysisError):
    """There is nothing at the path."""

    code = "file_not_found"


class InvalidPath(AnalysisError):
    """The path cannot name a file: a NUL byte, or longer than the system allows."""

    code = "invalid_path"


class NotAFile(AnalysisError):
    """The path is a directory, a FIFO, a socket or a device."""

    code = "not_a_file"


class PermissionDenied(AnalysisError):
    """The file may not be read by this user."""

    code = "permission_denied"


class ReadFailed(AnalysisError):
    """The operating system failed to read the file (a broken disk, a lost network drive)."""

    code = "read_failed"


class EmptyFile(AnalysisError):
    """The file has no bytes."""

    code = "empty_file"


class UnsupportedFormat(AnalysisError):
    """The bytes are no audio or video format that the decoders know."""

    code = "unsupported_format"


class NoAudio(AnalysisError):
    """A known container without any sound in it: no audio stream, or one of length zero."""

    code = "no_audio"


class DecodeFailed(AnalysisError):
    """An audio format is recognised, but not one sample of it could be decoded."""

    code = "decode_failed"


class TooShort(AnalysisError):
    """Less music than a key can be told from."""

    code = "too_short"


class TooLong(AnalysisError):
    """More sound than any track or recording of a night has: a damaged or a malicious file."""

    code = "too_long"


class Silent(AnalysisError):
    """The mix of all channels is silent, or holds nothing but samples that are no numbers."""

    code = "silent"


@dataclass(frozen=True)
class AudioWarning:
    """Something wrong with a file that was analysed all the same.

    ``code`` is one of ``truncated`` (the file breaks off), ``bad_packets`` (damaged parts were
    skipped) and ``bad_samples`` (samples that are no numbers, or absurdly large, were silenced).
    """

    code: str
    message: str
