"""The options of how keys are written, which the server and ``analyze`` share."""

from __future__ import annotations

import argparse

from keyscan.keys import NOTATIONS, SPELLINGS, KeyStyle


def add_style_options(parser: argparse.ArgumentParser) -> None:
    """Let ``parser`` know the options that ``key_style`` reads."""
    parser.add_argument(
        "--notation",
        choices=NOTATIONS,
        default="musical",
        help="what the field 'key' holds: 'A minor', '8A' or '1m' (default: musical)",
    )
    parser.add_argument(
        "--spelling",
        choices=SPELLINGS,
        default="both",
        help="black keys as 'F# minor/Gb minor', or one of the two (default: both)",
    )


def key_style(options: argparse.Namespace) -> KeyStyle:
    """What a parser with the options of ``add_style_options`` has found."""
    return KeyStyle(options.notation, options.spelling)
