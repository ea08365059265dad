"""Pictures for people: one track, or the keys of a library.

matplotlib, which draws them, is an optional extra, and is imported when a picture is asked for.
"""

from keyscan.errors import (
    MissingPlotLibrary,
    NothingToDraw,
    PictureNotWritten,
    PlotError,
    UnknownPictureFormat,
)
from keyscan.plot.library import draw_library
from keyscan.plot.picture import check_picture, picture_format
from keyscan.plot.theme import THEME_NAMES, ThemeName
from keyscan.plot.track import draw_track

__all__ = [
    "THEME_NAMES",
    "MissingPlotLibrary",
    "NothingToDraw",
    "PictureNotWritten",
    "PlotError",
    "ThemeName",
    "UnknownPictureFormat",
    "check_picture",
    "draw_library",
    "draw_track",
    "picture_format",
]
