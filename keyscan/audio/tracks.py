"""Which of a file's audio streams are decoded: a video has languages, a stem file has stems."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Sequence
from dataclasses import dataclass

import av
from av.stream import Disposition

from keyscan.errors import DecodeFailed, NoAudio, NoSuchStream, Protected, UnsupportedFormat

_NAME_KEYS = ("title", "name", "handler_name", "HANDLER_NAME")
# fmt: off
_STEM_WORDS = frozenset((  # in small letters without accents
    "vocal", "vocals", "vox", "voice", "acapella", "acappella", "lead", "backing", "choir",
    "drum", "drums", "kick", "snare", "hihat", "hihats", "hi", "hat", "hats", "cymbals",
    "percussion", "perc", "rhythm", "beats", "bass", "bassline", "guitar", "guitars", "piano",
    "keys", "organ", "strings", "brass", "synth", "synths", "pad", "pads", "melody", "harmony",
    "chords", "fx", "instrument", "instruments", "instrumental", "accompaniment", "other", "others",
    # German
    "gesang", "stimme", "chor", "schlagzeug", "trommeln", "gitarre", "gitarren", "klavier",
    "orgel", "streicher", "blaser", "melodie", "begleitung",
    # French
    "voix", "chant", "choeur", "chœur", "batterie", "percussions", "basse", "guitare", "guitares",
    "claviers", "orgue", "cordes", "cuivres", "accompagnement", "autres",
    # Spanish
    "voz", "voces", "coro", "coros", "bateria", "percusion", "bajo", "guitarra", "guitarras",
    "teclado", "teclados", "organo", "cuerdas", "metales", "melodia", "acompanamiento", "otros",
))
# fmt: on
_MIX_WORDS = frozenset(("mix", "mixed", "mixdown", "master", "mastered", "full", "original"))
_ASIDE = Disposition.comment | Disposition.hearing_impaired | Disposition.visual_impaired

_MOST_OTHERS = 8  # a file may claim a thousand silent streams, and each takes a whole decoding

# What FFmpeg notes of encryption; ``protection`` reads the boxes of MP4.
_ASF_MARKS = ("encryption", "ASF_Protection_Type")
_MATROSKA_MARK = "enc_key_id"


@dataclass(frozen=True)
class Choice:
    """Numbers of audio streams.

    Attributes:
        chosen: to be decoded, and to be added if they are several.
        others: to be tried in this order where ``chosen`` hold no music.
    """

    chosen: tuple[int, ...]
    others: tuple[int, ...] = ()


def choose(
    streams: Sequence[av.AudioStream], wanted: int | None, protected_ids: Container[int] = ()
) -> Choice:
    """The audio streams to decode.

    Streams that cannot be decoded are left out. The stems of a piece are added, unless a stream
    beside them holds the mix. Of other streams the default one comes first, then the first one;
    comments on a film and descriptions for the blind come last.

    Args:
        streams: all audio streams of a file.
        wanted: the number of the only one to take; None: any.
        protected_ids: identifiers of the streams that are known to be encrypted.

    Raises:
        NoAudio: there is no audio stream.
        NoSuchStream: there is no stream ``wanted``.
        Protected, DecodeFailed, UnsupportedFormat: no stream can be decoded.
    """
    if not streams:
        raise NoAudio("the file has no audio stream")
    if wanted is not None:
        if not 0 <= wanted < len(streams):
            raise NoSuchStream.among(len(streams), wanted)
        _require_any([streams[wanted]], protected_ids)
        return Choice((wanted,))
    _require_any(streams, protected_ids)
    usable = [n for n, stream in enumerate(streams) if _is_usable(stream, protected_ids)]
    stems = [n for n in usable if _is_stem(streams[n])]
    if len(stems) > 1:
        if len(stems) == len(usable):
            return Choice(tuple(stems))
        usable = [n for n in usable if n not in stems]
    usable.sort(key=lambda n: _rank(streams[n]))  # keeps the order of equals
    return Choice((usable[0],), tuple(usable[1 : 1 + _MOST_OTHERS]))


def _require_any(streams: Sequence[av.AudioStream], protected_ids: Container[int]) -> None:
    """Raises the reason why none of the streams can be decoded."""
    if any(_is_usable(stream, protected_ids) for stream in streams):
        return
    if any(_is_protected(stream, protected_ids) for stream in streams):
        raise Protected("the sound is encrypted: it has a copy protection (DRM)")
    if any(stream.codec_context is not None for stream in streams):
        raise DecodeFailed(
            "the file states no valid sample rate or number of channels for its sound"
        )
    raise UnsupportedFormat("the audio is in a codec that is not supported")


def _is_usable(stream: av.AudioStream, protected_ids: Container[int]) -> bool:
    codec = stream.codec_context
    if codec is None or _is_protected(stream, protected_ids):  # None: there is no decoder
        return False
    return bool(codec.sample_rate and codec.layout.nb_channels)


def _is_protected(stream: av.AudioStream, protected_ids: Container[int]) -> bool:
    container = stream.container
    if container.format.name == "asf":
        return any(mark in container.metadata for mark in _ASF_MARKS)
    return stream.id in protected_ids or _MATROSKA_MARK in stream.metadata


def _is_stem(stream: av.AudioStream) -> bool:
    """Whether the stream is named like a part of the music: ``mysong_drums.wav``, ``02 Hi-Hat``."""
    for key in _NAME_KEYS:
        name = unicodedata.normalize("NFKD", stream.metadata.get(key, "").casefold())
        letters = "".join(letter for letter in name if not unicodedata.combining(letter))
        words = set(re.findall(r"[^\W\d_]+", letters))
        if words & _STEM_WORDS and not words & _MIX_WORDS:
            return True
    return False


def _rank(stream: av.AudioStream) -> tuple[bool, bool]:
    return bool(stream.disposition & _ASIDE), not stream.disposition & Disposition.default
