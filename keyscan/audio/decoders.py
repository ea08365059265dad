"""Which library decodes what."""

from __future__ import annotations

from keyscan.audio.pyav_decoder import PyavDecoder
from keyscan.audio.soundfile_decoder import SoundfileDecoder
from keyscan.audio.vorbis import VorbisDecoder

_SOUNDFILE_KINDS = frozenset(
    ("wav", "rf64", "w64", "aiff", "au", "caf", "flac", "ogg vorbis", "ogg opus", "ogg flac")
)
# FFmpeg knows more of these, or notices damage that libsndfile does not; libsndfile some others.
_EITHER_KINDS = frozenset(("aifc", "ogg"))


def decoders_for(kind: str, *, pages_are_whole: bool) -> list[type[SoundfileDecoder | PyavDecoder]]:
    """In the order to try them. libsndfile is not asked about unknown bytes: it finds MPEG audio
    in noise, and prints what it thinks of it."""
    if kind == "ogg vorbis" and pages_are_whole:
        return [VorbisDecoder, SoundfileDecoder]
    if kind in _SOUNDFILE_KINDS:
        return [SoundfileDecoder, PyavDecoder]
    return [PyavDecoder, SoundfileDecoder] if kind in _EITHER_KINDS else [PyavDecoder]
