"""What a file is, by its bytes: file names lie."""

from __future__ import annotations

from dataclasses import dataclass

from keyscan.analysis.mpeg import find_frames
from keyscan.analysis.source import SourceFile

_SCAN = 1 << 17  # where the first MPEG frame is looked for, after the tags
_OGG_CODECS = (
    (b"\x01vorbis", "ogg vorbis"),
    (b"OpusHead", "ogg opus"),
    (b"\x7fFLAC", "ogg flac"),
    (b"Speex   ", "ogg speex"),
)
_ASF_GUID = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64_GUID = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"

SOUNDFILE_KINDS = frozenset(
    ("wav", "rf64", "w64", "aiff", "au", "caf", "flac", "ogg vorbis", "ogg opus", "ogg flac")
)
"""The kinds that libsndfile decodes; everything else is FFmpeg's."""


@dataclass(frozen=True)
class Sniffed:
    """``kind`` is a name of ours such as ``"mp3"`` or ``"ogg vorbis"``, ``""`` for unknown bytes;
    ``start`` is the byte where it begins, behind any ID3v2 tags."""

    kind: str
    start: int


def sniff(source: SourceFile) -> Sniffed:
    """Look at the first bytes behind any ID3v2 tags."""
    start = _behind_tags(source)
    head = source.read_at(start, 1 << 12)
    kind = _magic(head)
    if kind:
        return Sniffed(kind, start)
    data = source.read_at(start, _SCAN)
    frames = find_frames(data, complete=start + len(data) >= source.size)
    if frames is None:
        return Sniffed("", start)
    return Sniffed(frames[0], start + frames[1])


def _behind_tags(source: SourceFile) -> int:
    """The first byte behind the ID3v2 tags at the start (id3.org, ID3v2.4 section 3)."""
    at = 0
    while (head := source.read_at(at, 10))[:3] == b"ID3" and len(head) == 10:
        footer = 10 if head[5] & 0x10 else 0
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + footer
    return at


def _magic(head: bytes) -> str:
    form = head[8:12]
    if head[:4] in (b"RIFF", b"RIFX") and form == b"WAVE":
        return "wav"
    if head[:4] in (b"RF64", b"BW64") and form == b"WAVE":
        return "rf64"
    if head[:4] == b"FORM" and form in (b"AIFF", b"AIFC"):
        return form.decode().lower()
    if head[:4] == b"OggS":
        return _ogg_codec(head)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return "mp4"
    for magic, kind in (
        (b"fLaC", "flac"),
        (b".snd", "au"),
        (b"caff", "caf"),
        (b"RIFF", "avi" if form == b"AVI " else ""),
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (_ASF_GUID, "asf"),
        (_W64_GUID, "w64"),
    ):
        if head.startswith(magic):
            return kind
    return ""


def _ogg_codec(head: bytes) -> str:
    """The codec of an Ogg file that holds one stream; ``"ogg"`` for several, or for others."""
    if head.count(b"OggS\x00\x02") == 1 and len(head) > 27:
        packet = head[27 + head[26] :]
        for magic, kind in _OGG_CODECS:
            if packet.startswith(magic):
                return kind
    return "ogg"
