"""What can keep a picture from being drawn: one class a reason, each with a code."""

from __future__ import annotations


class PlotError(Exception):
    """A picture that cannot be made; ``code`` is stable, the message is for people."""

    code = "plot_failed"


class MissingPlotLibrary(PlotError):
    """matplotlib cannot be imported: it is an optional extra, and the frozen app is without it."""

    code = "plot_unavailable"


class UnknownPictureFormat(PlotError):
    """The name of the picture ends neither in ``.svg`` nor in ``.png``."""

    code = "plot_format_unknown"


class PictureNotWritten(PlotError):
    """The system refuses to write the picture where it was asked for."""

    code = "plot_not_written"


class NothingToDraw(PlotError):
    """The track could not be read."""

    code = "plot_no_track"
