"""Worker processes that leave the main module of a program alone.

A process that multiprocessing spawns imports the script that started it, so that it finds the
functions of the script. Ours needs none of them, and the script may import torch, open windows or
start an ``Analyzer`` without ``if __name__ == "__main__":``. multiprocessing has no option for
that.
"""

from __future__ import annotations

from functools import cache
from multiprocessing import spawn
from typing import Any

_MAIN = ("init_main_from_name", "init_main_from_path")


@cache
def leave_main_module_alone(ours: str) -> None:
    """From now on, spawned processes with the name ``ours`` do not import the main module."""
    prepared = spawn.get_preparation_data

    def without_main(name: str) -> dict[str, Any]:
        data = prepared(name)
        return {k: v for k, v in data.items() if name != ours or k not in _MAIN}

    spawn.get_preparation_data = without_main
