"""What all containers of tags share: the texts of their fields, and how they are written."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from mutagen import PaddingInfo

BLOCK = 1 << 20
"""Bytes to be copied at once."""


@dataclass(frozen=True)
class Found:
    """The texts in a file's fields for key and comment: all that new ones would replace.

    ``longest``: characters that the format allows for a key; None: any number.
    """

    keys: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    longest: int | None = None

    @property
    def key(self) -> str | None:
        """The first of ``keys``."""
        return next(iter(self.keys), None)

    @property
    def comment(self) -> str | None:
        """The first of ``comments``."""
        return next(iter(self.comments), None)


@dataclass(frozen=True)
class Fields:
    """The texts to be written as key and comment; None: the field stays."""

    key: str | None = None
    comment: str | None = None


class Container(Protocol):
    """Tags of one kind. What it raises at damage is of any class, but for ``TagError``."""

    def read(self, file: BinaryIO) -> Found:
        """The fields of ``file``, from its start."""

    def write(self, file: BinaryIO, new: BinaryIO, fields: Fields) -> None:
        """Write ``file`` with those ``fields`` to the empty ``new``.

        Raises:
            NoTagsPossible: that cannot be done without other changes.
        """


def padding(info: PaddingInfo) -> int:
    """The size of the tags that mutagen writes: it stays if they have room."""
    size: int = info.padding if info.padding >= 0 else info.get_default_padding()
    return size


def copy(file: BinaryIO, new: BinaryIO) -> None:
    """Copy all of ``file``, and go back to the start of ``new``."""
    file.seek(0)
    shutil.copyfileobj(file, new, BLOCK)
    new.seek(0)


def not_empty(texts: Iterable[str]) -> tuple[str, ...]:
    """The ``texts`` without blanks around them, but for those that are empty then."""
    return tuple(filter(None, (text.strip(" \t\r\n\0") for text in texts)))
