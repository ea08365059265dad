"""``--plot``: what was analysed, drawn; one track, or the keys of all."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from keyscan.analyze.tracks import Track
from keyscan.engine.worker import Worker
from keyscan.engine.worker_process import Failure, Work
from keyscan.errors import WorkerFailed
from keyscan.model_options import model_options
from keyscan.plot import NothingToDraw, draw_library, draw_track
from keyscan.server.style_options import key_style
from keyscan.server.worker_options import worker_settings
from keyscan.spectrogram.constant_q import Features

if TYPE_CHECKING:
    from keyscan.analysis import Analysis  # and with it torch


def draw_picture(options: argparse.Namespace, tracks: Sequence[Track]) -> None:
    """Draw what ``options`` name: a single file as a track, everything else as a library.

    Raises:
        PlotError: there is no picture; the class says why.
    """
    style = key_style(options)
    if len(options.paths) > 1 or len(tracks) > 1 or Path(options.paths[0]).is_dir():
        draw_library(options.plot, _name(options.paths), tracks, options.theme, style)
        return
    if not tracks or not tracks[0].analysed:
        raise NothingToDraw(f"{options.plot} is not drawn: there is no key")
    path = tracks[0].path
    features, estimate = _listen_again(options, path)
    draw_track(
        options.plot,
        PurePath(path).name,
        features.spectrogram,
        features.duration,
        estimate,
        options.theme,
        style,
    )


def _listen_again(options: argparse.Namespace, path: str) -> tuple[Features, Analysis]:
    """What a reply has no room for; the file is decoded in a process of its own, as by the server.

    Raises:
        NothingToDraw: the file cannot be read any more.
    """
    from keyscan.model.checkpoint import load_model
    from keyscan.model.estimate import estimate_key

    model = load_model(options.model_path, model_options(options).device)
    worker = Worker(worker_settings(options))
    try:
        worker.start()
        answer = worker.run(Work(path), threading.Event())
    except WorkerFailed as error:
        answer = Failure("worker_failed", str(error))
    finally:
        worker.close()
    if isinstance(answer, Features):
        return answer, estimate_key(model, answer.spectrogram, timeline_until=answer.duration)
    assert isinstance(answer, Failure)  # no cache was asked
    raise NothingToDraw(f"{options.plot} is not drawn: {answer.message}")


def _name(paths: Sequence[str]) -> str:
    """A folder by its own name, even if it was given as ``.``; several one after the other."""
    return ", ".join(Path(path).resolve().name or path for path in paths)
