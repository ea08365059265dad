"""Chord progressions by genre and mode, in roman numerals."""

from __future__ import annotations

from keyscan.keys import Mode

_POP_MAJOR = (
    "I V vi IV", "I V vi IV", "vi IV I V", "IV V iii vi", "IV V iii vi ii V I I",
    "I vi IV V", "I vi ii V", "I IV vi V", "IV I V vi", "I iii IV V", "I iii vi IV", "IV V vi I",
    "I V IV IV", "I IV V IV", "I IV I V", "ii V I vi", "ii IV I V", "IV V I I", "I V ii IV",
    "IV vi V I", "I V vi iii IV I IV V", "I V vi iii IV I ii V",
    "I IV iv I", "I I IV V", "IV iv I I", "vi ii V I", "I ii IV V", "I bVII IV I",
    "I iii IV iv", "I III vi IV", "I vi iii IV", "vi iii IV I", "IV I ii vi",
)  # fmt: skip
_POP_MINOR = (
    "i bVI bIII bVII", "i bVI bIII bVII", "i bVII bVI bVII", "i bVII bVI V", "i iv bVI V",
    "i bVI iv V", "i iv bVII bIII", "i v bVI bVII", "i bIII bVII iv", "bVI bVII i i",
    "bVI bVII i v", "iv bVII bIII bVI ii° V i i", "i iv v i", "i bVII bVI iv", "i V bVI bIII",
    "bVI V i i", "i i bVI V", "iv v i i", "i bIII bVI V", "iv i V i",
    "i bVI bIII bVII", "i bVII bVI i", "i bIII bVII bVI", "i bVI bVII i", "i iv bVI bVII",
    "i bVII iv bVI", "i bIII iv bVI", "i v iv bVII", "i bVII bIII bVI", "i bVI bIII v",
)  # fmt: skip

PROGRESSIONS: dict[str, dict[Mode, tuple[str, ...]]] = {
    "pop": {"major": _POP_MAJOR, "minor": _POP_MINOR},
    "rock": {
        "major": (
            "I IV V IV", "I bVII IV I", "I bVII IV IV", "I V IV I", "I IV I V", "I V vi IV",
            "I IV bVII IV", "I bIII IV I", "I bVI bVII I", "V IV I I", "I I IV V", "I IV V V",
            "I5 IV5 V5 IV5", "I5 bVII5 IV5 I5", "I", "I7 IV7 V7 IV7", "I IV", "I bVII", "vi IV I V",
            "I iii IV V", "IV I V vi", "I V bVII IV", "I II IV I", "I vi IV V", "I5 bIII5 IV5 I5",
        ),
        "minor": (
            "i bVII bVI bVII", "i bVI bVII i", "I5 bIII5 IV5 I5", "I5 bVII5 bVI5 bVII5", "i iv v i",
            "i bVII iv i", "i bIII bVII IV", "I5 bVI5 bIII5 bVII5", "i bVII bVI V", "I5", "i IV",
            "I5 bIII5 bVII5 IV5", "i bVI bIII bVII", "I5 IV5 bVI5 bVII5", "I bIII IV I", "I5 IV5",
        ),
    },
    "metal": {
        "major": ("I5 bVI5 bVII5 I5", "I5 IV5 V5 I5", "I5 V5 bVI5 IV5"),
        "minor": (
            "I5", "I5 I5 I5 bII5", "I5 bII5 I5 bVII5", "I5 bVI5 bVII5 I5", "I5 bIII5 bII5 I5",
            "I5 I5 bVI5 bVII5", "I5 bV5 IV5 bIII5", "I5 I5 bV5 IV5", "I5 bVI5 bIII5 bVII5",
            "I5 bVII5 bVI5 bVII5", "I5 IV5 bVI5 V5", "I5 bIII5 IV5 bVI5", "I5 I5 I5 bIII5",
            "I5 bVI5 IV5 bII5",
        ),
    },
    "blues": {
        "major": (
            "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7", "I7 IV7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7",
            "I7 I7 I7 I7 IV7 IV7 I7 I7 ii7 V7 I7 V7", "I7 V7 IV7 IV7 I7 V7 I7 V7",
            "I7 I7 IV7 IV7 I7 V7 I7 I7", "I7", "I7 IV7", "I7 I7 I7 IV7",
            "I7 IV7 I7 VI7 ii7 V7 I7 V7", "I6 I6 I6 I7 IV7 IV7 I6 VI7 II7 V7 I6 V7",
        ),
        "minor": (
            "i7 i7 i7 i7 iv7 iv7 i7 i7 V7 iv7 i7 V7", "i7 iv7 i7 i7 iv7 iv7 i7 i7 bVI7 V7 i7 V7",
            "i7", "i7 iv7", "I5 bIII5 IV5",
            # Minor by its melodies only.
            "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7", "I7 IV7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7",
            "I7 I7 I7 I7 IV7 IV7 I7 I7 bVI7 V7 I7 V7", "I7 I7 IV7 IV7 I7 V7 I7 I7", "I7", "I7 IV7",
            "I5 I5 I5 I5 IV5 IV5 I5 I5 V5 IV5 I5 V5", "I5", "I5 bVII5 IV5", "I7 bIII7 IV7 I7",
        ),
    },
    "country": {
        "major": (
            "I IV V I", "I I V V", "I IV I V", "I I IV I V V I I", "I V I IV", "I IV V V",
            "I vi IV V", "I I IV IV V V I I", "I II V I", "I V vi IV", "IV V I I", "I IV I I",
            "I I I V I IV I V", "I V IV I", "I iii IV V", "I I7 IV I V V I I", "I VI7 II7 V7",
        ),
        "minor": ("i bVII bVI bVII", "i iv i V", "i bVI bIII bVII", "i bVII i V", "i i iv V"),
    },
    "jazz": {
        "major": (
            "ii7 V7 Imaj7 Imaj7", "Imaj7 vi7 ii7 V7", "iii7 VI7 ii7 V7", "ii7 V7 Imaj7 vi7",
            "Imaj7 VI7 ii7 V7", "Imaj7 iv7 bVII7 Imaj7", "Imaj7 IVmaj7 iii7 VI7 ii7 V7 Imaj7 V7",
            "Imaj7 II7 ii7 V7", "IVmaj7 iv7 iii7 VI7 ii7 V7 Imaj7 Imaj7", "I6 I6 ii7 V7",
            "Imaj7 bIIImaj7 ii7 bII7", "I7 IV7 I7 I7 IV7 #iv°7 I7 VI7 ii7 V7 I7 V7",
            "v7 I7 IVmaj7 bVII7 Imaj7 VI7 ii7 V7", "Imaj7 Imaj7 vii7 III7 vi7 vi7 ii7 V7",
        ),
        "minor": (
            "ii7b5 V7 i7 i7", "i6 ii7b5 V7 i6", "i7 iv7 ii7b5 V7", "i7", "i7 i7 iv7 i7",
            "iv7 bVII7 bIIImaj7 bVImaj7 ii7b5 V7 i7 i7", "i7 bVI7 V7 i7", "i7 IV7",
            "i7 i7 i7 i7 iv7 iv7 i7 i7 bVI7 V7 i7 V7", "i7 vi7b5 ii7b5 V7", "i7 bVII7 bVI7 V7",
        ),
    },
    "bossa": {
        "major": (
            "Imaj7 Imaj7 II7 II7 ii7 V7 Imaj7 bII7", "Imaj7 vi7 ii7 V7", "Imaj7 #i°7 ii7 V7",
            "Imaj7 iv7 iii7 VI7 ii7 V7 Imaj7 V7", "ii7 V7 Imaj7 IVmaj7", "Imaj7 bVII7 Imaj7 V7",
        ),
        "minor": (
            "i7 iv7 ii7b5 V7", "i6 i6 V7 i6", "i7 IV7 iv7 bVII7 bIIImaj7 bVImaj7 ii7b5 V7",
            "i7 bVI7 V7 i7", "i7 ii7b5 V7 i7",
        ),
    },
    "funk": {
        "major": (
            "I7", "I9", "I7 IV7", "I9 I9 I9 IV9", "I7 bVII7 IV7 I7", "I7 bIII7 IV7 I7",
            "I9 I9 IV9 IV9", "I vi7 ii7 V7", "Imaj7 ii7", "I IV bVII IV",
        ),
        "minor": (
            "i7", "i9", "i7 IV7", "i7 i7 i7 IV7", "i7 bVII7", "i9 IV9", "i7 iv7", "i7 bIII7 IV7 i7",
            "i7 i7 iv7 iv7", "i7 bVImaj7 bVII7 i7", "i7 v7", "I7 bIII7 IV7 I7",
        ),
    },
    "soul": {
        "major": (
            "Imaj7 vi7 ii7 V7", "Imaj7 IVmaj7", "Imaj7 iii7 IVmaj7 V7", "IVmaj7 iii7 ii7 Imaj7",
            "ii7 iii7 IVmaj7 V7", "I vi ii V", "IVmaj7 V7 iii7 vi7", "I IV",
            "Imaj7 IVmaj7 iii7 vi7",
            "I III7 vi7 IV", "ii7 V7 Imaj7 vi7", "Imaj9 IVmaj9", "vi7 ii7 V7 Imaj7", "I iii IV V",
            "IVmaj7 iv7 Imaj7 Imaj7", "I I7 IV iv I V",
        ),
        "minor": (
            "i7 iv7", "i9 iv9", "i7 bVImaj7 bVII7 i7", "i7 v7 iv7 v7", "bVImaj7 V7 i7 i7",
            "iv7 v7 i7 i7", "i7 bIIImaj7 bVImaj7 V7", "bVImaj7 bVII7 i7 i7",
            "i7 iv7 bVII7 bIIImaj7",
            "i7 bVII7 bVImaj7 V7",
        ),
    },
    "disco": {
        "major": (
            "I vi ii V", "Imaj7 ii7 iii7 IVmaj7", "ii7 V7 Imaj7 vi7", "I V vi IV", "IV V iii vi",
            "I bVII IV I", "ii7 V7", "I ii7", "IVmaj7 iii7 ii7 Imaj7",
        ),
        "minor": (
            "i bVII bVI V", "i iv bVII bIII bVI iv V V", "i7 IV7", "i bVI bVII i", "i iv i V",
            "i bIII bVII IV", "i7 iv7 bVII7 i7", "i bVII iv i", "i7 v7", "i bVI iv V",
        ),
    },
    "reggae": {
        "major": (
            "I IV", "I V", "I ii", "I IV V IV", "I V IV I", "I vi IV V", "I V vi IV", "I iii ii V",
            "I IV I V", "I bVII", "I V ii IV", "I", "I vi ii V", "I IV ii V",
        ),
        "minor": (
            "i iv", "i bVII", "i bVII bVI bVII", "i v", "i iv bVII i", "i", "i IV", "i bVI bVII i",
            "i bVII iv i", "i bIII bVII i", "i iv i v", "i bVI",
        ),
    },
    "latin": {
        "major": ("I IV V IV", "I V", "I IV I V", "ii V I I", "I vi ii V", "I bVII IV V"),
        "minor": ("i V", "i iv V i", "i bVII bVI V", "i iv i V", "i V V i", "i bVII i V",
                  "iv i V i",
                  "i iv bVII bIII"),
    },
    "hip hop": {
        "major": ("I IV", "Imaj7 IVmaj7", "I", "ii7 V7 Imaj7 vi7", "I V", "I vi", "IVmaj7 iii7",
                  "I iii", "Imaj7 vi7", "IV I", "I bVII"),
        "minor": (
            "i", "i", "i bVI", "i bVII", "i iv", "i bVI bVII i", "i bVI V i", "i bII", "i7 iv7",
            "i bVI bIII bVII", "i V", "i bVI i V", "i i bVI V", "i v", "iv i", "i bVImaj7", "i7",
            "i iv bVI V", "bVI i",
        ),
    },
    "dance": {
        "major": (
            "I V vi IV", "IV V vi I", "I IV", "I bVII IV I", "IV I V vi", "I", "I IV vi V", "IV V",
            "Imaj7 ii7", "I vi IV V", "IVmaj7 Imaj7", "I bVII", "IV V I I",
        ),
        "minor": (
            "i", "i", "i bVI bIII bVII", "i bVII bVI bVII", "bVI bVII i i", "bVI bIII bVII i",
            "i bVI bVII v", "i iv", "i7 iv7", "i bVII", "i bVI", "i v bVI iv", "bVI bVII i bIII",
            "i bIII bVII IV", "i bIII bVI bVII", "iv bVI i bVII", "i i bVI bVII", "i bII", "i7",
            "iv i v bVI", "i bVII iv bVI", "i9 iv9", "i bVI iv v", "bVI i bVII v",
            "bIII bVII i bVI",
        ),
    },
    "folk": {
        "major": ("I IV V I", "I V vi IV", "I IV I V", "I V IV I", "I bVII I V", "I vi IV V",
                  "I I IV V", "I iii IV I", "I V", "I bVII IV I", "IV I V I"),
        "minor": ("i bVII i v", "i bVII", "i bVII bVI bVII", "i IV i bVII", "i bIII bVII i", "i v",
                  "i bVII bIII bVII i v i i", "i iv bVII bIII", "i i bVII bVII"),
    },
}  # fmt: skip
