"""Takes the place of each module in ``hooks.excluded.UNCALLED``, in the exe.

It is a package, since some of these modules are parts of others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """Everything that is imported from here is a function that raises NotImplementedError."""
    if name.startswith("__"):
        raise AttributeError(name)

    def uncalled(*arguments: object, **options: object) -> NoReturn:
        raise NotImplementedError(f"the exe does without {__name__}.{name}")

    return uncalled
