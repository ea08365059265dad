"""What is known of each container, one record a container.

Further facts about a container belong into its record.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from keyscan.audio import lengths, riff
from keyscan.audio.mpeg import xing_samples
from keyscan.audio.source import SourceFile

DecoderName = Literal["soundfile", "pyav", "intact ogg", "chain", "bitstream"]

_PYAV: tuple[DecoderName, ...] = ("pyav",)
_PYAV_FIRST: tuple[DecoderName, ...] = ("pyav", "soundfile")
_SOUNDFILE_FIRST: tuple[DecoderName, ...] = ("soundfile", "pyav")
_LOSSLESS: tuple[DecoderName, ...] = ("bitstream", *_SOUNDFILE_FIRST)


@dataclass(frozen=True, kw_only=True)
class Format:
    """One container, or one codec in it that is decoded in another way.

    Attributes:
        name: in error messages.
        extensions: of its files, in lower case and without the dot, separated by blanks.
        magic: regular expression that the first bytes match; empty if ``probe`` looks at more.
        codec: first bytes of the first Ogg packet in a file with one stream.
        decoders: in the order to try them.
        decoders_if_intact: those to try instead in a file whose Ogg pages are all intact.
        header: reads where the sound of a WAV and its kin lies.
        end: reads the byte where the sound ends from an open file's headers; ``lengths.BEYOND``
            or None: they do not say.
        seconds: reads the length of the sound from an open file's headers, or None.
        samples: reads the number of samples per channel from the first 2,048 bytes, or None.
        byte_order: ``"<"`` or ``">"``, of uncompressed samples; empty if there are none.
        paged: consists of Ogg pages: each has a number and a checksum, the last counts samples.
        demuxer: FFmpeg's name of the container.
        resyncs: FFmpeg skips damage up to the next good frame and reports no error.
        states_length: FFmpeg reads the length from the file instead of estimating it.
        tolerance: share of that length that may be missing in an intact file.
        seeks: the decoder finds the samples at any time exactly, without those before.
    """

    name: str = ""
    extensions: str = ""
    magic: bytes = b""
    codec: bytes = b""
    decoders: tuple[DecoderName, ...] = _PYAV
    decoders_if_intact: tuple[DecoderName, ...] = ()
    header: Callable[[SourceFile], riff.Header] | None = None
    end: Callable[[SourceFile], int | None] | None = None
    seconds: Callable[[SourceFile], float | None] | None = None
    samples: Callable[[bytes], int | None] | None = None
    byte_order: str = ""
    paged: bool = False
    demuxer: str = ""
    resyncs: bool = False
    states_length: bool = False
    tolerance: float = 0.0
    seeks: bool = False

    def decoders_for(self, *, intact: bool) -> tuple[DecoderName, ...]:
        """The decoders to try, of a file whose pages are intact or not."""
        return (intact and self.decoders_if_intact) or self.decoders

    def matches(self, head: bytes) -> bool:
        """Whether a file that begins with ``head`` is in this format, by magic and codec."""
        if not self.magic or not re.match(self.magic, head, re.DOTALL):
            return False
        if not self.codec:
            return True
        has_one_stream = head.count(b"OggS\x00\x02") == 1 and len(head) > 27
        return has_one_stream and head.startswith(self.codec, 27 + head[26])


# fmt: off
WAV = Format(name="wav", extensions="wav wave bwf", magic=rb"RIF[FX]....WAVE",
             decoders=_LOSSLESS, header=riff.read_wav, byte_order="<", seeks=True)
RF64 = replace(WAV, name="rf64", extensions="rf64", magic=rb"(?:RF64|BW64)....WAVE")
# libsndfile looks for MPEG audio byte by byte, and stops at 4 GiB
WAV_WITH_MPEG = Format(name="wav mpeg")
LARGE_WAV = Format(name="large wav")
W64 = Format(name="w64", extensions="w64",
             magic=re.escape(b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"),
             decoders=_LOSSLESS, header=riff.read_w64, byte_order="<", seeks=True)

AIFF = Format(name="aiff", extensions="aif aiff", magic=rb"FORM....AIFF",
              decoders=_LOSSLESS, header=riff.read_aiff, byte_order=">", seeks=True)
# FFmpeg knows more codecs than libsndfile, and notices more damage
AIFC = replace(AIFF, name="aifc", extensions="aifc", magic=rb"FORM....AIFC",
               decoders=("bitstream", *_PYAV_FIRST))
AU = Format(name="au", extensions="au snd", magic=rb"\.snd", decoders=_LOSSLESS,
            header=lengths.read_au, byte_order=">", seeks=True)
CAF = replace(AIFF, name="caf", extensions="caf", magic=rb"caff\0", header=riff.read_caf)
CAF_WITH_ALAC = replace(CAF, name="caf alac", extensions="", magic=rb"caff.{24}alac",
                        decoders=_PYAV)

# FFmpeg takes 0.83 to 0.96 of libsndfile's time, and goes on behind damage
FLAC = Format(name="flac", extensions="flac", magic=rb"fLaC",
              decoders=("bitstream", *_PYAV_FIRST), samples=lengths.flac_samples, demuxer="flac",
              resyncs=True, states_length=True, seeks=True)

# several streams, or another codec: FFmpeg knows more of these, libsndfile some others. What is
# lost is told by the pages: time stamps begin anew, and anywhere, in each link of a chain
OGG = Format(name="ogg", extensions="oga ogv", magic=rb"OggS", decoders=_PYAV_FIRST, paged=True,
             demuxer="ogg")
OGG_OPUS = replace(OGG, name="ogg opus", extensions="opus", codec=b"OpusHead",
                   decoders=_SOUNDFILE_FIRST, decoders_if_intact=("intact ogg", *_SOUNDFILE_FIRST),
                   seeks=True)
OGG_FLAC = replace(OGG_OPUS, name="ogg flac", extensions="", codec=b"\x7fFLAC",
                   decoders_if_intact=())
OGG_VORBIS = replace(OGG_OPUS, name="ogg vorbis", extensions="ogg", codec=b"\x01vorbis")
OGG_SPEEX = replace(OGG, name="ogg speex", extensions="spx", codec=b"Speex   ", decoders=_PYAV)
OGG_CHAIN = replace(OGG, name="ogg chain", extensions="", magic=b"", demuxer="",
                    decoders=("chain", *_PYAV_FIRST))

MP3 = Format(name="mp3", extensions="mp3 mp2 mpa mpga", samples=xing_samples, demuxer="mp3",
             seeks=True)
# FFmpeg does not know this; libsndfile takes the first frame for all, some of which are padded
FREE_FORMAT_MP3 = Format(name="free-format mp3", samples=xing_samples, decoders=("soundfile",),
                         tolerance=0.01)
ADTS = Format(name="adts", extensions="aac adts", demuxer="aac")
MP4 = Format(name="mp4", extensions="m4a m4b m4p m4r mp4 m4v mov 3gp 3g2 f4v",
             magic=rb"(?:....(?:ftyp|moov|mdat)|\0...(?:wide|free|skip|pnot))", end=lengths.mp4_end,
             demuxer="mov,mp4,m4a,3gp,3g2,mj2", states_length=True,
             seeks=True, tolerance=1)  # an edit list may leave out any part
MATROSKA = Format(name="matroska", extensions="mka mkv webm weba vdjstems",
                  magic=rb"\x1a\x45\xdf\xa3", end=lengths.matroska_end,
                  demuxer="matroska,webm", resyncs=True, states_length=True, seeks=True)
ASF = Format(name="asf", extensions="wma asf wmv",
             magic=re.escape(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")),
             end=lengths.asf_end, seconds=lengths.asf_seconds,
             demuxer="asf", resyncs=True, states_length=True)
# the length is a count at a mean rate that writers round
AVI = Format(name="avi", extensions="avi", magic=rb"RIFF....AVI ", end=lengths.avi_end,
             demuxer="avi", states_length=True, tolerance=0.01)

# by its frames it would be taken for an MP3, and begin in the midst of a packet
MPEG_PS = Format(name="mpeg ps", extensions="mpg mpeg vob", magic=rb"\0\0\x01\xba")

DSF = Format(name="dsf", extensions="dsf", magic=rb"DSD \x1c\0{7}", header=lengths.read_dsf)
DFF = Format(name="dff", extensions="dff", magic=rb"FRM8.{8}DSD ", header=lengths.read_dff)
VOC = Format(name="voc", extensions="voc", magic=rb"Creative Voice File\x1a",
             header=lengths.read_voc)
WAVPACK = Format(name="wavpack", extensions="wv", demuxer="wv", states_length=True)
TTA = Format(name="tta", extensions="tta", demuxer="tta", states_length=True)

# What only FFmpeg tells. libsndfile finds MPEG audio in noise, and prints messages.
# ".ts" is left out: most of these files are TypeScript.
UNKNOWN = Format(extensions="ape tak shn ac3 eac3 dts mpc amr ra rm rmvb flv m2ts mts")
# fmt: on

FORMATS = (
    *(WAV, RF64, AIFF, AIFC, OGG_VORBIS, OGG_OPUS, OGG_FLAC, OGG_SPEEX, OGG, MP4, FLAC, AU),
    *(CAF_WITH_ALAC, CAF, AVI, MATROSKA, ASF, MPEG_PS, W64, DSF, DFF, VOC, WAVPACK, TTA),
    *(MP3, FREE_FORMAT_MP3, ADTS, WAV_WITH_MPEG, LARGE_WAV, UNKNOWN),
)
"""In the order in which their magic is looked for."""

ROWS_OF_FRAMES = frozenset(("mp3", "aac", "ac3", "eac3", "dts", "truehd", "mlp", "loas", "mpegts"))
"""FFmpeg's names of containers in which nothing says where they end: most end within a frame."""

BY_DEMUXER = {known.demuxer: known for known in FORMATS if known.demuxer}
"""By FFmpeg's name of the container."""

EXTENSIONS = frozenset(extension for known in FORMATS for extension in known.extensions.split())
"""Of the files in a folder that are taken for music."""


def is_music(name: str) -> bool:
    """Whether a file of this name, found in a folder, is taken for music.

    A file that the user names is always tried: its bytes decide.
    """
    stem, dot, extension = name.rpartition(".")
    return bool(stem and dot) and extension.lower() in EXTENSIONS
