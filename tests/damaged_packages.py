"""Installed packages with a part that is missing or damaged, for the Python of a child process."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ABSENT = "raise ModuleNotFoundError(\"No module named '{0}'\", name='{0}')"


def package_folder(name: str) -> Path:
    """Where a package is installed; it is not imported."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def linked(source: Path, target: Path, but: str) -> Path:
    """Make ``target`` a folder of links to what is in ``source``; where ``but`` goes, is returned.

    ``but`` is the path of the one file that is not linked.
    """
    target.mkdir(parents=True)
    first, _, rest = but.partition("/")
    for path in source.iterdir():
        if path.name != first:
            (target / path.name).symlink_to(path)
    return linked(source / first, target / first, rest) if rest else target / first


def without_module(root: Path, name: str) -> None:
    """A folder for ``PYTHONPATH`` in which a module cannot be found."""
    (root / f"{name}.py").write_text(ABSENT.format(name))


def without_file(root: Path, package: str, file: str) -> None:
    """A folder for ``PYTHONPATH`` with a package that lacks a file."""
    linked(package_folder(package), root / package, but=file)


def with_damaged_file(root: Path, package: str, file: str, size: int | None) -> None:
    """The same with a file of which only ``size`` bytes are left; None: the bytes are others."""
    source = package_folder(package)
    content = (source / file).read_bytes()
    path = linked(source, root / package, but=file)
    path.write_bytes(b"damaged " * 1000 if size is None else content[:size])
