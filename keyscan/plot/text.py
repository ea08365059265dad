"""Numbers as people read them."""

from __future__ import annotations


def percent(share: float) -> str:
    """``"87 %"`` for 0.87; what is neither nothing nor all does not look so."""
    if 0 < share < 0.01:
        return "<1 %"
    if 0.99 < share < 1:
        return ">99 %"
    return f"{100 * share:.0f} %"


def signed(value: float) -> str:
    """``"+3"`` or ``"−3"``, with the sign that typographers use; nothing is ``"0"``."""
    rounded = round(value)
    return f"{rounded:+d}".replace("-", "\N{MINUS SIGN}") if rounded else "0"


def number(count: int) -> str:
    """``"1,234"``"""
    return f"{count:,}"
