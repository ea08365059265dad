"""Which files of a folder are music, by their names: nobody wants to hear of every cover and text.

A file that is named by itself is always tried, whatever it is called: the bytes decide.
"""

from __future__ import annotations

# of PCM, of the lossless codecs, of the lossy ones
_SOUND = (
    *("wav", "wave", "bwf", "rf64", "w64", "aif", "aiff", "aifc", "au", "snd", "caf", "voc"),
    *("flac", "oga", "ape", "wv", "tta", "tak", "shn", "dsf", "dff"),
    *("mp3", "mp2", "mpga", "m4a", "m4b", "aac", "adts", "ogg", "opus", "spx", "wma", "mka"),
    *("weba", "ac3", "eac3", "dts", "mpc", "amr", "ra"),
)
# ".ts" is left out: more often it is a program in TypeScript than a recording of television
_VIDEO = (
    *("mp4", "m4v", "mov", "3gp", "3g2", "mkv", "webm", "avi", "asf", "wmv", "flv", "f4v", "ogv"),
    *("mpg", "mpeg", "vob", "m2ts", "mts", "rm", "rmvb"),
)

EXTENSIONS = frozenset((*_SOUND, *_VIDEO))
"""Lower case, without the dot: all are formats that the decoders know."""


def is_music(name: str) -> bool:
    """Whether a file of this name, found in a folder, is to be analysed."""
    stem, dot, extension = name.rpartition(".")
    return bool(stem and dot) and extension.lower() in EXTENSIONS
