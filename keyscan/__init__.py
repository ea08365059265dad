"""Musical keys for DJ applications: ``from keyscan import analyze``."""

from __future__ import annotations

TYPE_CHECKING = False  # that of typing, for which more must be loaded
if TYPE_CHECKING:
    from keyscan.analysis import Analysis
    from keyscan.api import analyze
    from keyscan.errors import AnalysisError, InvalidInput
    from keyscan.keys import Key

__all__ = ["Analysis", "AnalysisError", "InvalidInput", "Key", "analyze"]
__version__ = "0.1.0"


_MODULES = {
    "Analysis": "analysis",
    "AnalysisError": "errors",
    "InvalidInput": "errors",
    "Key": "keys",
}


def __getattr__(name: str) -> object:
    """Import on first use: the server sets thread variables and says what fails before.

    Raises:
        StartFailed: one of the libraries cannot be loaded.
    """
    if name in _MODULES or name in _MODULES.values():
        from importlib import import_module

        module = import_module(f"keyscan.{_MODULES.get(name, name)}")
        return getattr(module, name) if name in _MODULES else module
    if name != "analyze":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from keyscan.start import check_system, loading

    check_system()
    with loading():
        from keyscan.api import analyze
    return analyze
