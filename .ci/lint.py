"""Formatting, lint and types, all run even if the first of them complains."""

from __future__ import annotations

import subprocess
import sys

CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy", "openkeyscan_analyzer_server.py", "keyscan", "training", "examples", "benchmarks",
     "fuzzing", "hooks", "runtime_hooks", "freezing", ".ci"),
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(max(subprocess.run([sys.executable, "-m", *check]).returncode for check in CHECKS))
