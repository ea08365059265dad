"""Names that look the same and differ in their Unicode form.

Linux and Windows keep a name as it was written: "é" as one character (NFC), or as "e" and an accent
(NFD), which is how a Mac's file system spelled it for years. Source: Unicode Standard Annex #15.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path


def other_form(path: Path) -> str | None:
    """The form of the first name in ``path`` that is there in another one: "NFC", "NFD" or "mixed".

    None if there is no such file.
    """
    found, form = Path(path.anchor), None
    for name in path.parts[1 if path.anchor else 0 :]:
        if os.path.lexists(found / name):
            found /= name
            continue
        same = _same_name(found, name)
        if same is None:
            return None
        found, form = found / same, form or _form(same)
    return form


def _same_name(folder: Path, name: str) -> str | None:
    """A name in the folder that is the same in NFC."""
    text = _text(name)
    if text.isascii():
        return None
    wanted = unicodedata.normalize("NFC", text)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if unicodedata.normalize("NFC", _text(entry.name)) == wanted:
                    return entry.name
    except OSError:  # the folder may not be listed
        pass
    return None


def _form(name: str) -> str:
    forms = (form for form in ("NFC", "NFD") if unicodedata.is_normalized(form, _text(name)))
    return next(forms, "mixed")


def _text(name: str) -> str:
    """The name's characters in any locale: POSIX names are bytes, almost always of UTF-8."""
    if os.name != "posix":
        return name
    return os.fsencode(name).decode("utf-8", "surrogateescape")
