"""Tab-separated tables of keys."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from keyscan.keys import Key


class DatasetError(Exception):
    """A data set that cannot be read; the message names the file and the line."""


def parse_key(text: str, where: str) -> Key:
    """Raises DatasetError, which begins with ``where``, if ``text`` is not one of the 24 keys."""
    try:
        return Key.parse(text)
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from error


def read_rows(path: Path, columns: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(where, row) of a tab-separated table with a header; quotes have no special meaning.

    Raises:
        DatasetError: the table cannot be read, lacks one of ``columns``, or a line does.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            lacking = set(columns) - set(reader.fieldnames or ())
            if lacking:
                raise DatasetError(f"{path}: no column {', '.join(sorted(lacking))}")
            for row in reader:
                where = f"{path}:{reader.line_num}"
                if any(row[column] is None for column in columns):
                    raise DatasetError(f"{where}: too few columns")
                yield where, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error
