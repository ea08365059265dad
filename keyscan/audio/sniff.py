"""What a file is, by its bytes: file names lie."""

from __future__ import annotations

from dataclasses import dataclass

from keyscan.audio.extent import holds_mpeg
from keyscan.audio.mpeg import end_of_frames, find_frames
from keyscan.audio.source import SourceFile

_SCAN = 1 << 17  # where the first MPEG frame is looked for, after tags and zeros
_MAX_ZEROS = 1 << 20  # that a broken tag editor or a download may have left in front
_MAX_TAGS = 100
_TAILS = (1 << 15, 1 << 19, 1 << 23)  # where the last MPEG frame is looked for: rarely far
_OGG_CODECS = (
    (b"\x01vorbis", "ogg vorbis"),
    (b"OpusHead", "ogg opus"),
    (b"\x7fFLAC", "ogg flac"),
    (b"Speex   ", "ogg speex"),
)
_ASF_GUID = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64_GUID = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


@dataclass(frozen=True)
class Sniffed:
    """``kind`` is a name of ours such as ``"mp3"`` or ``"ogg vorbis"``, ``""`` for unknown bytes;
    it lies from byte ``start`` to byte ``end``, between any ID3 and APE tags."""

    kind: str
    start: int
    end: int


def sniff(source: SourceFile) -> Sniffed:
    """Look at the bytes behind the ID3v2 tags that any kind of file may begin with."""
    start = _behind_tags(source)
    end = _before_tags(source, start)
    kind = _magic(source.read_at(start, 1 << 12))
    if kind.startswith("ogg ") and _is_chained(source, start, end):
        kind = "ogg"
    if kind == "wav" and holds_mpeg(source, start):
        kind = "wav mpeg"
    if kind:
        return Sniffed(kind, start, end)
    scan_start = start + _leading_zeros(source.read_at(start, min(_MAX_ZEROS, end - start)))
    data = source.read_at(scan_start, min(_SCAN, end - scan_start))
    frames = find_frames(data, complete=scan_start + len(data) >= end)
    if frames is None:
        return Sniffed("", start, end)
    start = scan_start + frames[1]
    return Sniffed(frames[0], start, _behind_last_frame(source, start, end))


def _leading_zeros(data: bytes) -> int:
    return len(data) - len(data.lstrip(b"\0"))


def _behind_last_frame(source: SourceFile, start: int, end: int) -> int:
    """Where MPEG frames end: lyrics, a tag at the wrong end, or zeros may follow them."""
    for size in _TAILS:
        tail_start = max(end - size, start)
        found = end_of_frames(source.read_at(tail_start, end - tail_start))
        if found is not None:
            return tail_start + found
        if tail_start == start:
            break
    return end


def _behind_tags(source: SourceFile) -> int:
    """The first byte behind the ID3v2 tags at the start (id3.org, ID3v2.4 section 3)."""
    at = 0
    for _ in range(_MAX_TAGS):
        head = source.read_at(at, 10)
        if head[:3] != b"ID3" or len(head) < 10:
            break
        footer = 10 if head[5] & 0x10 else 0
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        if at + 10 + size + footer > source.end:  # a damaged size, or a cut file
            return at + 10
        at += 10 + size + footer
    return at


def _before_tags(source: SourceFile, start: int) -> int:
    """The end of the sound: in front of an ID3v1 tag and an APEv2 tag, if there are any.

    Decoders take them for damaged frames; libsndfile loses the last block of a FLAC file to one.
    """
    end = source.end
    if source.read_at(end - 128, 3) == b"TAG":
        end -= 128
    foot = source.read_at(end - 32, 32)
    if foot[:8] == b"APETAGEX":
        size, has_header = int.from_bytes(foot[12:16], "little"), 32 if foot[23] & 0x80 else 0
        is_real = len(foot) <= size <= end - start - has_header
        end -= size + has_header if is_real else len(foot)
    return max(end, start)


def _is_chained(source: SourceFile, start: int, end: int) -> bool:
    """Whether the last page belongs to another stream than the first (internet radio)."""
    tail = source.read_at(max(end - (1 << 17), start), 1 << 17)
    last = tail.rfind(b"OggS\0")
    serial = source.read_at(start + 14, 4)
    return last >= 0 and tail[last + 14 : last + 18] not in (serial, b"")


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
        (b"caff", "caf alac" if head[28:32] == b"alac" else "caf"),
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
