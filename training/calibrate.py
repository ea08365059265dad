"""Fit a checkpoint's temperature to recordings with known keys.

``python -m training.calibrate CHECKPOINT SOURCE... [--votes TABLE AUDIO --agree K]
[--features FILE...] [--short-only] --out FILE``

Writes a copy of the checkpoint with ``temperature``, ``temperature_frames`` and
``temperature_shortest`` (see ``keyscan.model.confidence``), and with ``calibration``, which
describes the data of the fit. The logits do not change; the answer can, of a track that changes
key, because the key over time depends on the confidences. The fit ignores a temperature that the
checkpoint already has; ``--short-only`` keeps it, but for ``temperature_shortest``. The same
checkpoint and sets give the same temperature. With several sets, the error of each is also given at
the temperature that fits the others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from keyscan.errors import AnalysisError, ModelError
from keyscan.keys import KEYS, Key
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.confidence import Temperature
from training.calibration import Outputs, fit_shortest, fit_temperature
from training.datasets import DatasetError, TrackSet, load_spectrogram
from training.files import write_whole
from training.processes import single_threaded
from training.sets import add_features_option, add_set_options, read_sets

_EXCERPTS = (50, 100, 200)  # frames: 10, 20 and 40 seconds from the middle of a recording
_SHORT = (6, 12, 18, 30)  # frames: files of 1.5 to 6 seconds
_PLACES = 6  # of short excerpts, over each recording


@dataclass(frozen=True)
class SetOutputs:
    """The model's outputs for the recordings of a set, for excerpts and for short ones of each.

    ``failed``: the recordings that cannot be analysed, each with the reason.
    """

    whole: Outputs
    excerpts: Outputs
    short: Outputs
    failed: tuple[tuple[Path, str], ...] = ()


def outputs_of(model: KeyModel, tracks: TrackSet, cache: Path | None = None) -> SetOutputs:
    """The model's outputs for every available recording of a set.

    Raises:
        DatasetError: the set has no recording that can be analysed, or an array cannot be read.
        OSError: the cache cannot be written.
    """
    whole, excerpts, short = _Collection(model), _Collection(model), _Collection(model)
    failed = []
    for track in tqdm(tracks.tracks, desc=tracks.name, unit="track", disable=None, leave=False):
        try:
            spectrogram = load_spectrogram(track, cache)
            whole.add(spectrogram, track.key)
        except (AnalysisError, ValueError) as error:
            failed.append((track.path, str(error)))
            continue
        frames = spectrogram.shape[1]
        for length in (length for length in _EXCERPTS if length < frames):
            first = (frames - length) // 2
            excerpts.add(spectrogram[:, first : first + length], track.key)
        for length in (length for length in _SHORT if length < frames):
            for start in np.linspace(0.1, 0.9, _PLACES) * (frames - length):
                short.add(spectrogram[:, int(start) : int(start) + length], track.key)
    if len(failed) == len(tracks.tracks):
        why = f"{failed[0][0]}: {failed[0][1]}" if failed else "none of its audio is there"
        raise DatasetError(f"{tracks.name}: {why}")
    return SetOutputs(whole.outputs(), excerpts.outputs(), short.outputs(), tuple(failed))


class _Collection:
    """Collects the outputs of a model."""

    def __init__(self, model: KeyModel) -> None:
        self._model = model
        self._rows: list[tuple[npt.NDArray[np.float32], int, int]] = []

    def add(self, spectrogram: npt.NDArray[np.float32], key: Key) -> None:
        logits = self._model.logits(spectrogram)
        self._rows.append((logits, key.class_id, spectrogram.shape[1]))

    def outputs(self) -> Outputs:
        return Outputs(
            np.array([row[0] for row in self._rows], np.float64).reshape(-1, len(KEYS)),
            np.array([row[1] for row in self._rows], np.int64),
            np.array([row[2] for row in self._rows], np.int64),
        )


def figures(outputs: Outputs, temperature: Temperature) -> dict[str, float]:
    """Negative log-likelihood and expected calibration error at this temperature."""
    return {
        "nll": round(outputs.negative_log_likelihood(temperature), 4),
        "ece": round(outputs.calibration_error(temperature), 4),
    }


def errors_left_out(
    whole: Sequence[Outputs], excerpts: Sequence[Outputs]
) -> list[dict[str, float] | None]:
    """The calibration errors of each set at the temperature fitted to the others.

    None: nothing can be fitted to the others.
    """
    errors: list[dict[str, float] | None] = []
    for number, parts in enumerate(zip(whole, excerpts, strict=True)):
        others = [[*outputs[:number], *outputs[number + 1 :]] for outputs in (whole, excerpts)]
        try:
            temperature = fit_temperature(*others)
        except ValueError:
            errors.append(None)
            continue
        named = zip(("whole", "excerpts"), parts, strict=True)
        errors.append({
            name: round(part.calibration_error(temperature), 4)
            for name, part in named if len(part.classes)
        })  # fmt: skip
    return errors


@single_threaded
def calibrate(
    path: Path, sets: Sequence[TrackSet], cache: Path | None = None, *, short_only: bool = False
) -> dict[str, Any]:
    """The checkpoint at ``path`` with the fitted temperature and a description of the fit.

    ``short_only``: fit what only short tracks depend on.

    Raises:
        ModelError: it is not a checkpoint of ``training.train``.
        DatasetError, OSError: see ``outputs_of``.
        ValueError: the fit fails; see ``fit_temperature``.
    """
    model = load_model(path)
    if model.info.name != "keyscan":
        raise ModelError(f"{path}: not a checkpoint of training.train")
    outputs = [outputs_of(model, tracks, cache) for tracks in sets]
    for tracks, part in zip(sets, outputs, strict=True):
        for failed, reason in part.failed:
            print(f"{tracks.name}: {failed}: {reason}", file=sys.stderr)
    whole, excerpts = [part.whole for part in outputs], [part.excerpts for part in outputs]
    short = Outputs.joined([part.short for part in outputs])
    temperature = model.temperature if short_only else fit_temperature(whole, excerpts)
    temperature = fit_shortest(temperature, short)
    parts = {"whole": Outputs.joined(whole), "excerpts": Outputs.joined(excerpts), "short": short}
    before = model.temperature if short_only else Temperature()
    calibration: dict[str, Any] = {
        "sets": [
            {"name": tracks.name, "tracks": len(part.whole.classes)}
            for tracks, part in zip(sets, outputs, strict=True)
        ],
        "before": {name: figures(part, before) for name, part in parts.items()},
        "after": {name: figures(part, temperature) for name, part in parts.items()},
    }
    if not short_only:
        for described, errors in zip(
            calibration["sets"], errors_left_out(whole, excerpts), strict=True
        ):
            described["left_out"] = errors
    checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    name = "calibration_short" if short_only else "calibration"
    return checkpoint | temperature.to_checkpoint() | {name: calibration}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    add_set_options(parser)
    add_features_option(parser)
    parser.add_argument("--short-only", action="store_true", help="keep the other temperatures")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="keep spectrograms here between runs")
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)  # the order of additions depends on the number of threads
    try:
        sets = read_sets(parser, arguments)
        for tracks in sets:
            for missing in tracks.missing:
                print(f"{tracks.name}: no such file: {missing}", file=sys.stderr)
        calibrated = calibrate(
            arguments.checkpoint, sets, arguments.cache, short_only=arguments.short_only
        )
        with write_whole(arguments.out) as file:
            torch.save(calibrated, file)
    except (DatasetError, ModelError, OSError, ValueError) as error:
        sys.exit(f"training.calibrate: {error}")
    done = calibrated["calibration_short" if arguments.short_only else "calibration"]
    print(
        f"{sum(part['tracks'] for part in done['sets'])} recordings: "
        f"temperature {calibrated['temperature']:g}, "
        f"twice that at {calibrated['temperature_frames']:g} frames, "
        f"no more below {calibrated['temperature_shortest']:g}"
    )
    for part in ("whole", "excerpts", "short"):
        before, after = (done[when][part] for when in ("before", "after"))
        print(
            f"  {part:8}  negative log-likelihood {before['nll']:.4f} -> {after['nll']:.4f}, "
            f"expected calibration error {100 * before['ece']:.1f} -> {100 * after['ece']:.1f} %"
        )
    for described in done["sets"]:
        if errors := described.get("left_out"):
            shown = ", ".join(f"{name} {100 * error:.1f} %" for name, error in errors.items())
            print(f"  {described['name']}: error at the temperature of the others: {shown}")
        elif len(done["sets"]) > 1 and not arguments.short_only:
            print(f"  {described['name']}: no temperature can be fitted to the others")


if __name__ == "__main__":
    main()
