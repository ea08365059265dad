"""Command-line options for the sets of recordings, shared by the commands."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.datasets import TrackSet, read_features, read_votes
from training.sources import read_giantsteps, read_source


def add_set_options(parser: argparse.ArgumentParser) -> None:
    """``SOURCE... --giantsteps CHECKOUT --audio FOLDER --votes TABLE AUDIO --agree K``."""
    parser.add_argument("sources", type=Path, nargs="*", metavar="SOURCE",
                        help="folder with labels.tsv, or another of training.sources")  # fmt: skip
    parser.add_argument("--giantsteps", type=Path, metavar="CHECKOUT")
    parser.add_argument("--audio", type=Path, help="GiantSteps audio, if not in CHECKOUT/audio")
    parser.add_argument("--votes", type=Path, nargs=2, metavar=("TABLE", "AUDIO"))
    parser.add_argument("--agree", type=int, default=5, help="votes needed for an excerpt")


def add_features_option(parser: argparse.ArgumentParser) -> None:
    """``--features FILE...``, for the commands that need no audio."""
    parser.add_argument("--features", type=Path, nargs="+", default=[], metavar="FILE",
                        help="sets of spectrograms: NAME.npz, with NAME.tsv beside it")  # fmt: skip


def read_sets(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> list[TrackSet]:
    """The sets given by the options above; a usage error if there are none.

    Raises:
        DatasetError: a set cannot be read.
    """
    features: list[Path] = getattr(arguments, "features", [])
    if not (arguments.sources or arguments.giantsteps or arguments.votes or features):
        parser.error("no recordings: give a SOURCE, or one of the options for sets")
    sets = [read_source(source) for source in arguments.sources]
    if not hasattr(arguments, "features"):
        for path in (track.path for found in sets for track in found.tracks if track.member):
            parser.error(f"{path}: spectrograms, but recordings are needed")
    if arguments.giantsteps:
        sets.append(read_giantsteps(arguments.giantsteps, arguments.audio))
    if arguments.votes:
        table, audio = arguments.votes
        sets.append(read_votes(table, audio, arguments.agree))
    sets += [read_features(path) for path in features]
    return sets
