"""Keys as texts for tags."""

from __future__ import annotations

from keyscan.keys import Key, Spelling
from keyscan.tagging.options import TagNotation

LONGEST_ID3 = 3
"""Characters of a ``TKEY`` frame (id3.org, ID3v2.4 section 4.2.3)."""

_SHARP_MINORS = (1, 6)  # C#m and F#m have four and three sharps
_SHARP_MAJORS = (6,)  # F# and Gb have six of either


def key_text(key: Key, notation: TagNotation, spelling: Spelling, longest: int | None) -> str:
    """``8A``, ``1m``, ``A minor`` or ``Am``, in ``longest`` characters at most.

    Black keys are spelled as ``spelling`` says; with ``both`` by the signature with fewer sharps or
    flats: ``F#m``, ``Ebm``, ``Abm``. A musical name that is too long becomes the short one.
    """
    if notation == "camelot":
        return key.camelot
    if notation == "openkey":
        return key.open_key
    if spelling == "both":
        sharps = _SHARP_MINORS if key.mode == "minor" else _SHARP_MAJORS
        spelling = "sharps" if key.tonic in sharps else "flats"
    name = key.name(spelling)
    if notation == "musical" and (longest is None or len(name) <= longest):
        return name
    return name.removesuffix(" major").replace(" minor", "m")
