"""Files, and paths, that name other files and addresses."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from tests.crafted.containers import MP4_TYPE, box, full_box, movie, pcm_track

# ``{target}`` is what is named, ``{folder}`` where it lies.
PLAYLISTS = {
    "m3u": "#EXTM3U\n#EXTINF:8,Song\n{target}\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:8,\n{target}\n#EXT-X-ENDLIST\n",
    "hls-variants": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n",
    "hls-key": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,URI=\"{target}\"\n"
    "#EXT-X-MAP:URI=\"{target}\"\n#EXTINF:8,\n{target}\n#EXT-X-ENDLIST\n",
    "pls": "[playlist]\nFile1={target}\nTitle1=Song\nLength1=8\nNumberOfEntries=1\nVersion=2\n",
    "ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "ffconcat-option": "ffconcat version 1.0\nfile {target}\noption protocol_whitelist file\n",
    "ffmetadata": ";FFMETADATA1\ntitle={target}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:{target}\n"
    "m=audio 5004 RTP/AVP 0\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    '<Period><AdaptationSet mimeType="audio/wav"><Representation id="0" bandwidth="1">'
    "<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "dash-entity": '<?xml version="1.0"?><!DOCTYPE MPD [<!ENTITY x SYSTEM "{target}">]>'
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>&x;</Period></MPD>',
    "imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/'
    '2067-3/2016"><Id>urn:uuid:0</Id><ContentTitle>{target}</ContentTitle></CompositionPlaylist>',
    "smooth": '<?xml version="1.0"?><SmoothStreamingMedia MajorVersion="2" Duration="1">'
    '<StreamIndex Type="audio" Url="{target}"/></SmoothStreamingMedia>',
    "smil": '<smil><body><audio src="{target}"/></body></smil>',
    "asx": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
    "asf-reference": "[Reference]\nRef1={target}\n",
    "xspf": '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>'
    "<track><location>{target}</location></track></trackList></playlist>",
    "wpl": '<?wpl version="1.0"?><smil><body><seq><media src="{target}"/></seq></body></smil>',
    "cue": 'FILE "{target}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "url": "[InternetShortcut]\r\nURL={target}\r\n",
    "desktop": "[Desktop Entry]\nType=Link\nURL={target}\n",
    "ram": "{target}\n",
    "rtsp": "RTSPtext\n{target}\n",
    "quicktime": '<?xml version="1.0"?><?quicktime type="application/x-quicktime-media-link"?>'
    '<embed src="{target}" autoplay="true"/>',
    "avisynth": 'WavSource("{target}")\n',
    "vapoursynth": "import vapoursynth as vs\nvs.core.ffms2.Source('{target}').set_output()\n",
    "webvtt": "WEBVTT\n\nSTYLE\n@import url({target});\n\n00:00.000 --> 00:08.000\nla\n",
    "aqtitle": "{target}",
}  # fmt: skip

TARGETS = {
    "path": "{path}",
    "name": "{name}",
    "file": "file:{path}",
    "concat": "concat:{path}|{path}",
    "subfile": "subfile,,start,0,end,0,,:{path}",
    "crypto": "crypto:{path}",
    "cache": "cache:{path}",
    "http": "http://127.0.0.1:{port}/{name}",
    "tcp": "tcp://127.0.0.1:{port}",
    "hls": "hls+http://127.0.0.1:{port}/{name}",
    "data": "data:audio/wav;base64,UklGRg==",
    "pipe": "pipe:0",
}
"""How a file can be named to FFmpeg: ``{path}`` absolute, ``{name}`` in the same folder."""


def named(target: str, canary: Path, port: int) -> str:
    """One of ``TARGETS``, filled in."""
    return TARGETS[target].format(path=canary, name=canary.name, port=port)


def movie_of_another_file(kind: bytes, canary: Path) -> bytes:
    """A QuickTime movie whose sound lies elsewhere (QuickTime File Format, "Data references")."""
    path = str(canary).encode()
    contents = {
        b"alis": _alias(path),
        b"url ": b"file://" + path + b"\0",
        b"urn ": b"x\0file://" + path + b"\0",
        b"rsrc": _alias(path),
    }[kind]
    reference = full_box(b"dref", struct.pack(">I", 1), full_box(kind, contents))
    count = 44100 * 8
    tables = (
        full_box(b"stts", struct.pack(">3I", 1, count, 1))
        + full_box(b"stsz", struct.pack(">2I", 2, count))
        + full_box(b"stsc", struct.pack(">4I", 1, 1, count, 1))
        + full_box(b"stco", struct.pack(">2I", 1, 44))
    )
    return MP4_TYPE + movie(pcm_track(tables, references=reference)) + box(b"mdat", bytes(64))


def reference_movie(canary: Path) -> bytes:
    """``rmra``: a movie that is only the address of another (QuickTime File Format)."""
    address = b"file://" + str(canary).encode() + b"\0"
    data = full_box(b"rdrf", b"url ", struct.pack(">I", len(address)), address)
    return MP4_TYPE + box(b"moov", box(b"rmra", box(b"rmda", data)))


def magic_lantern_video(canary: Path) -> bytes:
    """MLV: the first of several files, the others of which lie next to it (``.M00``, ``.M01``)."""
    head = struct.pack("<4sI8sQHHI", b"MLVI", 52, b"v2.0\0\0\0\0", 1, 0, 2, 0)
    return head + struct.pack("<HHIIII", 0, 1, 0, 9, 44100, 1)


def binary_references(canary: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file that is no text."""
    for kind in (b"alis", b"url ", b"urn ", b"rsrc"):
        yield f"dref-{kind.decode().strip()}", movie_of_another_file(kind, canary)
    yield "rmra", reference_movie(canary)
    yield "mlv", magic_lantern_video(canary)


def _alias(path: bytes) -> bytes:
    """A Macintosh alias record with an absolute path, of as much as FFmpeg reads."""
    head = bytes(10) + bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12)
    name = path.rpartition(b"/")[2][:63]
    head += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16)
    head += struct.pack(">hh", 1, 1) + bytes(16)
    items = b"".join(
        struct.pack(">HH", kind, len(text)) + text + b"\0" * (len(text) % 2)
        for kind, text in ((2, path.replace(b"/", b":")), (18, path))
    )
    return head + items + struct.pack(">hH", -1, 0)
