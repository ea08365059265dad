"""Formatting, lint, types and import rules; all checks run even if one of them fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PYTHON = (sys.executable, "-m")
CHECKS = (
    (*PYTHON, "ruff", "format", "--check", "."),
    (*PYTHON, "ruff", "check", "."),
    (*PYTHON, "mypy", "openkeyscan_analyzer_server.py", "keyscan", "training", "examples",
     "benchmarks", "fuzzing", "hooks", "runtime_hooks", "freezing", ".ci"),
    (str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"),
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(max(subprocess.run(check).returncode for check in CHECKS))
