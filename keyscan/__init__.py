"""Musical keys for DJ applications: ``from keyscan import analyze``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keyscan.analysis import Analysis
from keyscan.errors import AnalysisError
from keyscan.keys import Key

if TYPE_CHECKING:
    from keyscan.api import analyze

__all__ = ["Analysis", "AnalysisError", "Key", "analyze"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import numpy and torch on first use: the server sets thread variables before.

    Raises:
        StartFailed: one of the libraries cannot be loaded.
    """
    if name != "analyze":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from keyscan.start import check_system, loading

    check_system()
    with loading():
        from keyscan.api import analyze
    return analyze
