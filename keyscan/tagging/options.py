"""What is to be done with the keys in tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from keyscan.keys import Spelling

TagNotation = Literal["camelot", "openkey", "musical", "short"]
TAG_NOTATIONS: tuple[TagNotation, ...] = get_args(TagNotation)


@dataclass(frozen=True)
class TagOptions:
    """How keys are written into tags; below ``min_confidence`` they are not."""

    notation: TagNotation
    spelling: Spelling
    comment: bool
    overwrite: bool
    keep_times: bool
    dry_run: bool
    min_confidence: float
