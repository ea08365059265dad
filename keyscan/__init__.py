"""Musical keys for DJ applications: ``from keyscan import analyze``, or ``Analyzer``."""

from __future__ import annotations

TYPE_CHECKING = False  # that of typing, for which more must be loaded
if TYPE_CHECKING:
    from keyscan.analysis import Analysis
    from keyscan.analyzer import Analyzer
    from keyscan.api import analyze
    from keyscan.errors import AnalysisError, InvalidInput
    from keyscan.keys import Key

__all__ = ["Analysis", "AnalysisError", "Analyzer", "InvalidInput", "Key", "analyze"]
__version__ = "0.1.0"


_MODULES = {
    "Analysis": "analysis",
    "AnalysisError": "errors",
    "Analyzer": "analyzer",
    "InvalidInput": "errors",
    "Key": "keys",
    "analyze": "api",
}
_LOADING = ("Analyzer", "analyze")  # these load numpy, or torch too


def __getattr__(name: str) -> object:
    """Import on first use: the server sets thread variables and says what fails before.

    Raises:
        StartFailed: one of the libraries cannot be loaded.
    """
    if name not in _MODULES and name not in _MODULES.values():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name not in _LOADING:
        module = import_module(f"keyscan.{_MODULES.get(name, name)}")
        return getattr(module, name) if name in _MODULES else module
    from keyscan.start import check_system, loading

    check_system()
    with loading():
        return getattr(import_module(f"keyscan.{_MODULES[name]}"), name)
