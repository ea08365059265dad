"""Key and comment in MP4: ``----:com.apple.iTunes:initialkey`` and ``(c)cmt``."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from mutagen.mp4 import MP4, Atoms, MP4FreeForm, MP4Tags

from keyscan.errors import NoTagsPossible
from keyscan.tagging.container import Fields, Found, copy, not_empty, padding

_KEY, _COMMENT = "----:com.apple.iTunes:initialkey", "\xa9cmt"


class _UntouchedAtoms(MP4Tags):  # type: ignore[misc]
    """Tags of MP4 whose atoms mutagen writes back as bytes, as those that it cannot read."""

    def load(self, atoms: Any, file: BinaryIO) -> None:
        super().load(atoms, file)
        self.clear()
        self._failed_atoms: dict[str, list[bytes]] = {}
        for atom in atoms.path(b"moov", b"udta", b"meta", b"ilst")[-1].children:
            _, data = atom.read(file)
            self._failed_atoms.setdefault(atom.name.decode("latin-1"), []).append(data)

    def set_key(self, text: str) -> None:
        """The key replaces those in any case of the name."""
        other = [data for data in self._failed_atoms.get("----", ()) if not _is_key(data)]
        self._failed_atoms["----"] = other
        self[_KEY] = [MP4FreeForm(text.encode())]


class _MP4(MP4):  # type: ignore[misc]
    MP4Tags = _UntouchedAtoms


def _is_key(atom: bytes) -> bool:
    """Whether a ``----`` atom, which begins with ``mean`` and ``name``, is the key of iTunes."""
    texts = []
    for _ in range(2):
        (size,) = struct.unpack(">I", atom[:4])
        texts.append(atom[12:size])
        atom = atom[max(size, 8) :]
    return b":".join([b"----", *texts]).lower() == _KEY.lower().encode()


class Ilst:
    """The ``ilst`` atom of iTunes in MP4."""

    def read(self, file: BinaryIO) -> Found:
        tags = MP4(file).tags or {}
        keys = [tags[name] for name in tags if name.lower() == _KEY.lower()]
        texts = [value.decode("utf-8", "replace") for values in keys for value in values]
        return Found(not_empty(texts), not_empty(tags.get(_COMMENT, ())))

    def write(self, file: BinaryIO, new: BinaryIO, fields: Fields) -> None:
        if any(atom.name == b"moof" for atom in Atoms(file).atoms):
            raise NoTagsPossible("it is an MP4 in fragments, whose places a tag would move")
        file.seek(0)
        audio = _MP4(file)
        if audio.tags is None:
            audio.add_tags()
        if fields.key is not None:
            audio.tags.set_key(fields.key)
        if fields.comment is not None:
            audio.tags[_COMMENT] = [fields.comment]
        copy(file, new)
        audio.save(new, padding=padding)
