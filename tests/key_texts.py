"""Texts of keys as tools write them, each with its Camelot code; the Node client has them too."""

from __future__ import annotations

KEY_TEXTS = {
    # Camelot and Open Key
    "8A": "8A", "8a": "8A", "08A": "8A", "08a": "8A", "8 A": "8A", "12B": "12B", "12b": "12B",
    "1A": "1A", "01A": "1A", "1a": "1A", "1B": "1B", "1b": "1B", "10A": "10A",
    "1m": "8A", "1 m": "8A", "01m": "8A", "12m": "7A", "6m": "1A", "7m": "2A",
    "1d": "8B", "1D": "8B", "12d": "7B", "12D": "7B", "6d": "1B",
    # a note alone
    "A": "11B", "a": "8A", "D": "10B", "d": "7A", "B": "1B", "b": "10A", "M": None, "m": None,
    "Ab": "4B", "ab": "1A", "Bb": "6B", "bb": "3A", "F#": "2B", "f#": "11A", "F♯": "2B",
    "E♭": "5B", "e♭": "2A", "Cb": "1B", "E#": "7B", "eb": "2A", "db": "12A",
    # names
    "A minor": "8A", "A Minor": "8A", "A MINOR": "8A", "a minor": "8A", "Aminor": "8A",
    "Amin": "8A", "A min": "8A", "A Min": "8A", "AMIN": "8A", "Ami": "8A", "A mi": "8A",
    "Am": "8A", "A m": "8A", "am": "8A",
    "A:min": "8A", "a:minor": "8A", "A-minor": "8A", "A_minor": "8A", "A - minor": "8A",
    "A-moll": "8A", "a-Moll": "8A", "A moll": "8A", "C-Dur": "8B", "d dur": "10B", "Es-Dur": None,
    "A major": "11B", "A Major": "11B", "a major": "11B", "Amaj": "11B", "A maj": "11B",
    "AM": "11B", "aM": "11B", "A M": "11B", "amaj": "11B", "C": "8B", "c": "5A",
    "Bbm": "3A", "bbm": "3A", "B♭m": "3A", "Bb minor": "3A", "Bm": "10A", "bm": "10A",
    "A#m": "3A", "A♯m": "3A", "A♯ Minor": "3A", "G♯ min": "1A", "Dbm": "12A", "Dm": "7A",
    "F sharp minor": "11A", "F-Sharp Minor": "11A", "Fsharp minor": "11A", "E flat major": "5B",
    "E-flat major": "5B", "E-Flat": "5B", "e-flat": "2A", "Cb major": "1B", "E# minor": "4A",
    # white space, and forms that Unicode calls compatible
    "  F♯ maj ": "2B", "A\u00a0minor": "8A", "8A\n": "8A", "\tAm\r\n": "8A", "Am\x00": "8A",
    "8A\x00\x00": "8A",
    "8A\x00Am": "8A", "Am\x00Bm": None, "A\x00m\x00in": None, "\x00": None, "A  minor": "8A",
    "８Ａ": "8A", "Ａｍ": "8A", "F＃m": "11A",
    # a tuning in cents
    "A#m +50": "3A", "Am -12": "8A", "Am +0": "8A", "8A +50": "8A", "Am (+12 cents)": "8A",
    "Am+50": "8A", "8A+50": "8A", "Amin+5": "8A", "Bb+12.5 cents": "6B", "8A(+12)": "8A",
    "8A Am+50": "8A", "Am-50": None, "8A-50": None, "C4+50": None, "12+50": None, "8+50": None,
    "A −7.5 c": "11B", "Am ±0 cents": "8A",
    # several names of one key
    "F# minor/Gb minor": "11A", "Gb minor/F# minor": "11A", "G# minor / Ab minor": "1A",
    "Ab major/G# major": "4B", "F#/Gb minor": "11A", "F# / Gb minor": "11A", "F#/Gb": "2B",
    "D♭/C♯": "3B", "f#/gb": "11A", "Ab/G#m": "1A", "F#m/Gbm": "11A", "8A - Am": "8A",
    "Am - 8A": "8A", "8A/Am": "8A", "8A | Am": "8A", "1m (Am)": "8A", "11B (F♯/G♭)": None,
    "11A (F#/Gb minor)": "11A", "Am (8A) +12": "8A", "2B (F♯/G♭)": "2B", "8A/8A": "8A",
    "8A Am": "8A", "Am 8A": "8A", "8A A minor": "8A", "A minor 8 A": "8A", "1m Am": "8A",
    "08A a": "8A", "8A Am +50": "8A", "8A 7A": None, "8A Bm": None, "Bm 8A": None, "8A 12": None,
    "A Am": None, "C major minor 8B": None,
    "11A - F#/Gb minor": "11A", "4m (F# minor/Gb minor)": "11A",
    # no key, or perhaps two
    "": None, " ": None, "/": None, "()": None, "12": None, "0A": None, "00A": None, "008A": None,
    "13B": None, "8C": None, "8AB": None, "A8": None, "1M": None, "12M": None, "-1A": None,
    "H": None, "h": None, "H minor": None, "H-moll": None, "B moll": None, "b-Moll": None,
    "B dur": None, "Bb-moll": "3A", "AB": None, "EBM": None, "A##": None, "Abb": None,
    "C dorian": None, "minor": None, "C major minor": None, "Am7": None, "A7": None, "A-": None,
    "C-4": None, "C4": None, "A-12": None, "A+50": None, "Am/C": None, "8A/7A": None, "A/Am": None,
    "F#/F#m": None, "F#/Abm": None, "F#/gb": None, "Am (C)": None, "8A - 7": None, "All": None,
    "off": None, "o": None, "null": None, "8A" * 60: None, "Am/" * 30 + "Am": "8A",
    "Am/" * 40 + "Am": None, "٨A": None, "A m i n": None, "F ♯ m": None, "A(": None,
}  # fmt: skip
"""None: the text names no key, or may name two."""
