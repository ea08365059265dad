"""Chord charts of pop songs by section, written in C major and in A minor.

One token per bar, a comma between two chords in one bar, a slash before a bass note.
"""

from __future__ import annotations

import re

from keyscan.keys import Mode

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_CHORD = re.compile(r"^([A-G])([#b]?)([^/]*)(?:/([A-G])([#b]?))?$")
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

CHORD_TONES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "m9": (0, 2, 3, 7, 10),
    "13": (0, 4, 7, 9, 10),
    "9": (0, 2, 4, 7, 10),
    "add9": (0, 2, 4, 7),
    "sus4": (0, 5, 7),
    "7sus4": (0, 5, 7, 10),
    "aug": (0, 4, 8),
    "dim7": (0, 3, 6, 9),
    "m7b5": (0, 3, 6, 10),
}

CHARTS: dict[Mode, dict[str, dict[str, tuple[str, ...]]]] = {
    "major": {
        "plain": {
            "verse": (
                "C G Am F",
                "C Am F G",
                "C F C G",
                "C Am7 Dm7 G7",
                "C Em F G",
                "C G/B Am C/G F C/E Dm7 G",
                "C C/B Am Am/G F C/E Dm7 G7sus4,G7",
                "Cmaj7 Fmaj7 Cmaj7 Fmaj7 Am7 Dm7 G7sus4 G7",
                "Cadd9 G/B Am7 Fadd9",
                "C Csus4,C F G",
                "C C F C F C G C",
            ),
            "lift": ("F G F G", "Dm Em F G", "Dm7 Am F Gsus4,G", "Dm Dm Em Em F F G G7"),
            "chorus": (
                "C G Am F",
                "C F G C",
                "C F Am G",
                "F C/E Dm7 C F C/E G G",
                "C G Am Em F C F G",
                "C F C G C F C,G C",
            ),
            "bridge": (
                "Am Em F C Am Em F G",
                "Dm G C Am Dm G Gsus4 G7",
                "Em Am Em Am Dm F G G7",
                "Eb Bb Cm Ab Eb Bb G G7",
            ),
            "end": ("F G C C", "F Fm C C", "Dm7 G7 C C", "F G7sus4,G7 C C"),
        },
        "fourth first": {
            "verse": (
                "F G Em Am",
                "Fmaj7 G Em7 Am7 Dm7 G7 C C7",
                "F G Am C/G",
                "Fmaj7 E7 Am7 Gm7,C7",
                "Dm7 G7 Cmaj7 Am7",
                "F C G Am",
                "Fmaj7 Em7 Dm7 Cmaj7",
            ),
            "lift": ("Dm7 Em7 F G", "Dm G Em A7 Dm E7 Am G", "F G Am D7"),
            "chorus": (
                "F G Em Am Dm G C C",
                "F G Em Am F G C C7",
                "Fmaj7 G7 Em7 Am7 Dm7 G7 C Gm7,C7",
                "F G Am Em F C Dm G",
                "F G C Am",
            ),
            "bridge": (
                "Dm Em F G Am Bb G G7",
                "F Fm Em A7 Dm D7 G G7",
                "Ab Bb Gm Cm Ab Bb G G7",
            ),
            "end": ("F G C C", "Dm7 G7 C C", "Fmaj7 Fm C C"),
        },
        "verse in the relative": {
            "verse": (
                "Am Em F C Am Em F G",
                "Am F C G",
                "Am G F G",
                "Am G F C Am G F G",
                "Am F Dm C Am F Dm G",
            ),
            "lift": ("F G F G", "F F G G", "Dm F G G7"),
            "chorus": ("C G Am F", "C F Am G", "C Em F G", "F G C Am F G C C"),
            "bridge": ("Am G F C Am G F G", "Dm Am Dm Am Dm Am F G", "F E7 Am D7 F F G G"),
            "end": ("F G C C", "Am F,G C C", "Dm7 G7 C C"),
        },
        "flat seventh": {
            "verse": (
                "C Bb F C",
                "C Bb C Bb C Bb F F",
                "C7 C7 F C7",
                "C Bb/C F/C C",
                "C9 C9 F9 C9",
                "C Gm7 F C",
            ),
            "lift": ("F F Bb Bb", "F C Bb G", "Bb F Bb G"),
            "chorus": ("C Bb F C", "F C Bb C", "C Bb F C C Bb F,Bb C", "Bb F C C"),
            "bridge": ("F F C C Bb Bb G G", "Bb F C C Bb F D7 G7", "Ab Bb C C Ab Bb G G7"),
            "end": ("Bb F C C", "F Bb C C", "Ab Bb C C"),
        },
        "borrowed": {
            "verse": (
                "C Eb F C",
                "C Fm C Fm",
                "C E7 F Fm",
                "C D F C",
                "C Ab Bb C",
                "C C7 F Fm",
                "C Gm7 Fm C",
                "C Caug C6 C7 F Fm C G",
                "C Ebmaj7 Abmaj7 G7",
            ),
            "lift": ("Ab Bb G G", "Fm Bb Eb G7", "F Fm C G", "Ab Eb Bb G"),
            "chorus": (
                "C G Bb F C Ab Bb C",
                "C Bb Ab G",
                "F Fm C A7 D7 G7 C C",
                "C Em F Fm",
                "Ab Bb C C",
                "C Eb Bb F",
            ),
            "bridge": ("Ab Eb Bb F Ab Eb G G7", "Fm Bb Eb Ab Fm Fm G G7", "Ab Bb C C Ab Bb G G"),
            "end": ("Ab Bb C C", "F Fm C C", "Fm G7 C C"),
        },
        "dominants": {
            "verse": (
                "C E7 Am C7 F D7 G G7",
                "C A7 Dm G7",
                "C A7 D7 G7",
                "C Bm7b5,E7 Am Gm7,C7 F Fm C G7",
                "C B7 Em A7 Dm D7 G G7",
                "C C#dim7 Dm7 D#dim7 C/E A7 Dm7 G7",
                "Em7b5 A7 Dm7 G7",
                "Cmaj7 A7 Dm9 G13",
            ),
            "lift": ("Am D7 G E7 Am D7 Dm G7", "Am E7/G# C/G D7/F# F F G G7", "Dm7 G7 Em7 A7"),
            "chorus": (
                "C E7 Am D7 F G C C",
                "Fmaj7 Fm6 Em7 A7 Dm7 G7 C C7",
                "C G7 C C7 F A7 Dm G7",
                "Cmaj7 Em7 Fmaj7 Fm C A7 Dm7,G7 C",
                "Dm7 G13 Em7 A7 Dm9 G7sus4 Cmaj7 A7",
            ),
            "bridge": (
                "E7 E7 A7 A7 D7 D7 G7 G7",
                "Gm7 C7 Fmaj7 F6 Am7 D7 G7sus4 G7",
                "F Fm C A7 Dm D7 G G7",
            ),
            "end": ("Dm7 G7 C C", "D7 G7 C C", "Ab7 G7 C6 C6"),
        },
    },
    "minor": {
        "natural": {
            "verse": (
                "Am F G Am",
                "Am G F G",
                "Am Em F G",
                "Am C G F",
                "Am F C G",
                "Am7 Em7 Dm7 Em7",
            ),
            "lift": ("F F G G", "Dm F G G", "Dm Em F G"),
            "chorus": ("F G Am Am", "Am F G Am", "Am F C G Am F G Am", "Am G F F", "F G Em Am"),
            "bridge": ("F G C C F G Am Am", "Dm Am Dm Am F F G G", "C G Dm Am F G Em Em"),
            "end": ("F G Am Am", "Dm Em Am Am", "F Em Am Am"),
        },
        "harmonic": {
            "verse": (
                "Am G F E7",
                "Am Dm E7 Am",
                "Am Dm Am E7",
                "Am Am/G Fmaj7 E7",
                "Am7 Dm7 G7 Cmaj7 Fmaj7 Bm7b5 E7 Am",
                "Am C F E7",
                "Am E7/G# Am/G D/F# F Dm E7 Am",
            ),
            "lift": ("Dm Am E7 E7", "F F G E7", "Dm G F E7sus4,E7"),
            "chorus": (
                "Am F C E7",
                "Am G F E7",
                "Dm G7 Cmaj7 Fmaj7 Bm7b5 E7 Am Am",
                "Dm Am E7 Am",
                "Am Dm G C F Dm E7 Am",
            ),
            "bridge": (
                "F G C C F G E7 E7",
                "Dm Am Dm Am Bm7b5 Bm7b5 E7 E7",
                "A7 A7 Dm Dm G7 C Bm7b5 E7",
            ),
            "end": ("Dm E7 Am Am", "F E7 Am Am", "Dm Am/E,E7 Am Am"),
        },
        "dorian": {
            "verse": ("Am7 D Am7 D", "Am7 D9 Am7 D9", "Am C D F", "Am G D Am", "Am C G D"),
            "lift": ("F F G G", "Dm7 F Em7 G", "C D F E7"),
            "chorus": ("Am G D Am", "F G Am D", "Am C D F Am C G Am", "C G D Am"),
            "bridge": ("F G Am Am F G E7 E7", "Dm7 G7 Cmaj7 Fmaj7 Bm7b5 E7 Am Am"),
            "end": ("F G Am Am", "C D Am Am", "Dm E7 Am Am"),
        },
    },
}
"""Charts by mode, colour and section."""

WEIGHTS: dict[str, int] = {
    "plain": 5,
    "fourth first": 4,
    "verse in the relative": 4,
    "flat seventh": 3,
    "borrowed": 3,
    "dominants": 3,
    "natural": 4,
    "harmonic": 4,
    "dorian": 2,
}
BLUES = "Am7 Dm7 Am7 Am7 Dm7 Dm7 Am7 Am7 F E7 Am7 E7"
"""In minor: of a blues over dominant sevenths, listeners disagree about the mode."""


def transpose(chord: str, semitones: int) -> str:
    """Transposes a chord: ``"Am/G"`` up two is ``"Bm/A"``; black keys are spelled with sharps."""
    match = _CHORD.match(chord)
    if match is None:
        raise ValueError(f"not a chord: {chord!r}")
    letter, accidental, quality, bass, bass_accidental = match.groups()
    over = f"/{_moved(bass, bass_accidental, semitones)}" if bass else ""
    return _moved(letter, accidental, semitones) + quality + over


def _moved(letter: str, accidental: str, semitones: int) -> str:
    shift = {"#": 1, "b": -1}.get(accidental, 0)
    return _NAMES[(_LETTERS[letter] + shift + semitones) % 12]


def tones(chord: str) -> tuple[int, ...]:
    """The pitch classes of a chord, root first, without a foreign bass."""
    match = _CHORD.match(chord)
    if match is None or match[3] not in CHORD_TONES:
        raise ValueError(f"not a chord: {chord!r}")
    root = _NAMES.index(_moved(match[1], match[2], 0))
    return tuple((root + tone) % 12 for tone in CHORD_TONES[match[3]])
