"""librosa: what ``librosa.cqt`` needs.

Replaces the hook that comes with PyInstaller, which takes all of librosa.
"""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

# librosa imports its own modules by name, as its .pyi files say: what is not named is not taken
datas = collect_data_files("librosa", excludes=["**/__pycache__", "util/example_data/*.ogg"])
hiddenimports = [
    "librosa.filters",
    "librosa.sequence",
    *collect_submodules("librosa.core"),
    *collect_submodules("librosa.util"),
]
