"""What became of each file: the server's reply and what people want to know of it; the order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from keyscan.keys import KEYS, Harmony, Key, KeyStyle, smooth_path
from keyscan.reply import Message

Order = Literal["given", "key", "mix"]
ORDERS: tuple[Order, ...] = get_args(Order)

DOUBTFUL = 0.5
"""Below this confidence a key is more likely wrong than right."""
_BY_CAMELOT = {key.camelot: key for key in KEYS}


@dataclass(frozen=True, slots=True)
class Guess:
    """A key and the probability, 0 to 1, that it is right."""

    key: Key
    confidence: float


@dataclass(frozen=True, slots=True)
class Track:
    """A file as it was found, and the server's ``reply``: a success or an error."""

    path: str
    reply: Message

    @property
    def analysed(self) -> bool:
        """Whether there is a key; otherwise only ``path``, ``code`` and ``error`` may be asked."""
        return bool(self.reply["status"] == "success")

    @property
    def code(self) -> str:
        return str(self.reply["code"])

    @property
    def error(self) -> str:
        return str(self.reply["error"])

    @property
    def key(self) -> Key:
        return KEYS[self.reply["class_id"]]

    @property
    def confidence(self) -> float:
        return float(self.reply["confidence"])

    @property
    def tonal(self) -> bool:
        """False for drums, speech and noise, whose ``key`` means nothing."""
        return bool(self.reply["tonal"])

    @property
    def doubtful(self) -> bool:
        """The key is more likely wrong than right."""
        return self.confidence < DOUBTFUL

    @property
    def second(self) -> Guess | None:
        """The most probable of the other keys."""
        others = self.reply["alternatives"]
        return guess(others[0]) if others else None

    @property
    def compatible(self) -> dict[Key, Harmony]:
        """The keys that mix well with this track's; none with what has no key."""
        return self.key.compatible() if self.tonal else {}

    @property
    def tuning_cents(self) -> float | None:
        cents = self.reply["tuning_cents"]
        return None if cents is None else float(cents)

    @property
    def duration(self) -> float:
        """Seconds of sound."""
        return float(self.reply["duration"])

    @property
    def warnings(self) -> list[Message]:
        return list(self.reply["warnings"])

    @property
    def cached(self) -> bool:
        return bool(self.reply["cached"])

    @property
    def timeline(self) -> list[Message]:
        """The segments; none unless the timeline was asked for."""
        return list(self.reply.get("timeline", []))


def guess(fields: Message) -> Guess:
    """An alternative, a segment, or the key of an intro or outro, as a reply has it."""
    return Guess(_BY_CAMELOT[fields["camelot"]], float(fields["confidence"]))


def code(key: Key, style: KeyStyle) -> str:
    """The key on the wheel: Open Key if that is the notation chosen, Camelot otherwise."""
    return key.open_key if style.notation == "openkey" else key.camelot


def ordered(tracks: Sequence[Track], order: Order) -> list[Track]:
    """``given``: as they are; ``key``: 1A, 1B, 2A ... 12B; ``mix``: few steps on the wheel in all.

    By key, what has no key comes last, first drums and speech, then failures.
    """
    if order == "given":
        return list(tracks)
    with_key = [track for track in tracks if track.analysed and track.tonal]
    without = [track for track in tracks if track.analysed and not track.tonal]
    failed = [track for track in tracks if not track.analysed]
    if order == "key":
        with_key.sort(key=lambda track: (track.key.hour, track.key.camelot))
    else:
        with_key = [with_key[index] for index in smooth_path([track.key for track in with_key])]
    return with_key + without + failed
