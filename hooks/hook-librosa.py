"""librosa: what ``librosa.cqt`` needs.

Replaces the hook that comes with PyInstaller, which takes all of librosa.
"""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

excludedimports = [
    "librosa.beat",  # no part of a constant-Q, and so all that follows
    "librosa.decompose",
    "librosa.display",
    "librosa.effects",
    "librosa.feature",
    "librosa.onset",
    "librosa.segment",
]

# librosa imports its own modules by name, as its .pyi files say
datas = collect_data_files("librosa", excludes=["**/__pycache__", "util/example_data/*.ogg"])
hiddenimports = [
    "librosa.filters",
    "librosa.sequence",
    *collect_submodules("librosa.core"),
    *collect_submodules("librosa.util"),
]
