"""Keys as texts for tags."""

from __future__ import annotations

from keyscan.keys import Key, Spelling
from keyscan.tagging.options import TagNotation

LONGEST_ID3 = 3
"""Characters of a ``TKEY`` frame (id3.org, ID3v2.4 section 4.2.3)."""


def key_text(key: Key, notation: TagNotation, spelling: Spelling, longest: int | None) -> str:
    """``8A``, ``1m``, ``A minor`` or ``Am``, in ``longest`` characters at most.

    Black keys are spelled as ``spelling`` says; with ``both`` by the signature with fewer sharps or
    flats: ``F#m``, ``Ebm``, ``Abm``. A musical name that is too long becomes the short one.
    """
    if notation == "camelot":
        return key.camelot
    if notation == "openkey":
        return key.open_key
    name = key.name("usual" if spelling == "both" else spelling)
    fits = longest is None or len(name) <= longest
    return name if notation == "musical" and fits else key.short(spelling)
