"""The spec, run as PyInstaller runs it, but with its four classes faked: what it asks them for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PyInstaller.utils.hooks import copy_metadata  # imported while the platform is the real one

from hooks.excluded import EXCLUDED, UNCALLED
from tests.server_process import ROOT

SPEC = ROOT / "openkeyscan-analyzer.spec"
NAME = "openkeyscan-analyzer"
PLATFORMS = ("linux", "win32", "darwin")
SIGNING = {"codesign_identity": "CODESIGN_IDENTITY", "entitlements_file": "CODESIGN_ENTITLEMENTS"}
FOUND = [  # by PyInstaller, and whether it has symbols to be rid of
    ("torch/lib/libtorch_cpu.so", "BINARY", True),
    ("_ssl.cpython-311-x86_64-linux-gnu.so", "EXTENSION", True),
    ("numpy.libs/libopenblas.so", "BINARY", False),
    ("libstdc++.so", "SYMLINK", False),
]


class Build:
    """What the spec asked for: arguments by class, and the files that were stripped."""

    def __init__(self, root, monkeypatch, platform):
        self.made = root / "build"
        self.asked = {}
        self.stripped = []
        self.binaries = []
        for name, kind, _ in FOUND:
            source = root / "site-packages" / name
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_text(name)
            self.binaries.append((name, str(source), kind))
        self.made.mkdir()
        self.analysis = SimpleNamespace(
            pure=object(), scripts=object(), datas=object(), binaries=self.binaries
        )
        self.results = {"Analysis": self.analysis, "PYZ": object(), "EXE": object()}
        monkeypatch.setattr(sys, "path", [*sys.path])
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(subprocess, "run", self._run)
        names = ("Analysis", "PYZ", "EXE", "COLLECT")
        classes = {name: self._recorder(name) for name in names}
        code = compile(SPEC.read_text(encoding="utf-8"), str(SPEC), "exec")
        exec(code, {**classes, "SPECPATH": str(ROOT), "workpath": str(self.made)})

    def _recorder(self, name):
        def record(*arguments, **options):
            assert name not in self.asked
            self.asked[name] = SimpleNamespace(arguments=arguments, options=options)
            return self.results.get(name)

        return record

    def _run(self, command, check=False):
        program, path = command
        assert (program, check) == ("strip", True)
        self.stripped.append(str(path))


@pytest.fixture
def build(tmp_path, monkeypatch):
    """``build(platform)`` runs the spec on ``sys.platform``; without an identity to sign with."""
    for variable in SIGNING.values():
        monkeypatch.delenv(variable, raising=False)
    return lambda platform: Build(tmp_path, monkeypatch, platform)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_taken_along(build, platform):
    asked = build(platform).asked["Analysis"]
    assert asked.arguments == (["openkeyscan_analyzer_server.py"],)
    assert asked.options.pop("hiddenimports") == ["keyscan.spectrogram.reference"]
    assert asked.options == {
        "datas": [
            ("keyscan/data", "keyscan/data"),
            ("keyscan/page/*.html", "keyscan/page"),
            ("keyscan/page/*.css", "keyscan/page"),
            ("keyscan/page/*.js", "keyscan/page"),
            *copy_metadata("typing_extensions"),
        ],
        "excludes": [*EXCLUDED, *UNCALLED],
        "hookspath": ["hooks"],
        "runtime_hooks": ["runtime_hooks/prepare.py"],
    }
    for path in ("keyscan/data", "hooks", "runtime_hooks/prepare.py", *asked.arguments[0]):
        assert (ROOT / path).exists()


def test_the_builder_may_ask_for_tags(build, monkeypatch):
    monkeypatch.setenv("KEYSCAN_EXE_WITH", "mutagen,watchdog")
    excluded = build("linux").asked["Analysis"].options["excludes"]
    assert sorted({*EXCLUDED} - {*excluded}) == ["mutagen", "watchdog"]


def test_the_data_are_the_model_and_the_filter_bank():
    assert {path.suffix for path in (ROOT / "keyscan" / "data").iterdir()} >= {".pt", ".npz"}


def test_what_serving_never_needs_is_named_with_a_reason():
    named = {"numba", "llvmlite", "sklearn", "joblib", "pooch", "matplotlib", "nvidia", "triton"}
    assert named <= EXCLUDED.keys()
    assert all({**EXCLUDED, **UNCALLED}.values())


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_exe(build, platform):
    built = build(platform)
    pyz, exe, collect = (built.asked[name] for name in ("PYZ", "EXE", "COLLECT"))
    pure, stand_ins = pyz.arguments
    assert pure is built.analysis.pure
    assert [name for name, _, _ in stand_ins] == list(UNCALLED)
    assert {kind for _, _, kind in stand_ins} == {"PYMODULE"}
    assert {Path(path) for _, path, _ in stand_ins} == {ROOT / "freezing/uncalled/__init__.py"}
    assert exe.arguments == (
        built.results["PYZ"],
        built.analysis.scripts,
        [("X utf8=1", None, "OPTION")],
    )
    assert (exe.options["name"], collect.options["name"]) == (NAME, NAME)
    assert exe.options["console"] is True
    assert exe.options["exclude_binaries"] is True
    assert exe.options["upx"] is False
    assert collect.options["upx"] is False
    assert collect.arguments[0] is built.results["EXE"]
    assert collect.arguments[2] is built.analysis.datas


@pytest.mark.parametrize(
    ("platform", "suffix"), [("linux", None), ("win32", ".ico"), ("darwin", ".icns")]
)
def test_icon_and_version_resource_where_the_platform_has_them(build, platform, suffix):
    built = build(platform)
    icon, version = (built.asked["EXE"].options[name] for name in ("icon", "version"))
    assert (icon and Path(icon).suffix) == suffix
    assert (version is not None) == (platform == "win32")
    for path in filter(None, (icon, version)):
        assert Path(path).parent == built.made
        assert Path(path).stat().st_size


@pytest.mark.parametrize("platform", PLATFORMS)
def test_signing_is_as_the_environment_says(build, platform, monkeypatch):
    for option, variable in SIGNING.items():
        monkeypatch.setenv(variable, f"the {option}")
    options = build(platform).asked["EXE"].options
    assert {name: options[name] for name in SIGNING} == {name: f"the {name}" for name in SIGNING}


def test_without_an_identity_nothing_is_signed(build):
    options = build("darwin").asked["EXE"].options
    assert [options[name] for name in SIGNING] == [None, None]


def test_symbols_are_taken_from_copies_on_linux(build):
    built = build("linux")
    expected = [
        (name, str(built.made / "stripped" / name) if has_symbols else source, kind)
        for (name, source, kind), (*_, has_symbols) in zip(built.binaries, FOUND, strict=True)
    ]
    assert built.asked["COLLECT"].arguments[1] == expected
    assert built.stripped == [
        path for _, path, _ in expected if Path(path).is_relative_to(built.made)
    ]
    for name, path, _ in expected:
        assert Path(path).read_text() == name


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_symbols_are_left_alone_elsewhere(build, platform):
    built = build(platform)
    assert built.asked["COLLECT"].arguments[1] == built.binaries
    assert not built.stripped
