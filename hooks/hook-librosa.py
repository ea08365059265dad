"""librosa: the modules that ``librosa.cqt`` needs.

Replaces PyInstaller's own hook, which collects all of librosa.
"""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

# librosa imports its modules lazily, by the names in its .pyi files, so they are listed here
datas = collect_data_files("librosa", excludes=["**/__pycache__", "util/example_data/*.ogg"])
hiddenimports = [
    "librosa.filters",
    "librosa.sequence",
    *collect_submodules("librosa.core"),
    *collect_submodules("librosa.util"),
]
