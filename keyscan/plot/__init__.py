"""Pictures for people: one track, or the keys of a library.

matplotlib, which draws them, is an optional extra, and is imported when a picture is drawn.
"""

from keyscan.plot.library import draw_library
from keyscan.plot.sheet import check_picture
from keyscan.plot.track import draw_track

__all__ = ["check_picture", "draw_library", "draw_track"]
