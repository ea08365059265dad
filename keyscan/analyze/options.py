"""The options of ``analyze``; those of the model and of the decoding processes are the server's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from keyscan.analyze.tracks import ORDERS
from keyscan.audio.formats import is_music
from keyscan.cache.options import add_cache_option
from keyscan.model_options import add_model_options
from keyscan.plot import THEME_NAMES, UnknownPictureFormat, picture_format
from keyscan.server.style_options import add_style_options
from keyscan.server.worker_options import add_worker_options

_HEARTBEAT = 1.0  # seconds: how often the clock on the progress bar moves, if no file is done

_EPILOG = """\
Of a folder are taken the files whose names end as those of audio and video files do, but no hidden
ones; a file that you name yourself is always tried. A file that is given twice, or through a link
once more, is analysed once. Failures are told on stderr with their reasons while the work goes on.

The table, for each track: the key on the Camelot wheel (Open Key with --notation openkey) and by
name, how sure that is, the second choice, cents above A = 440 Hz, the keys that mix well with it,
the length. On a terminal it is as wide as that, in a file or pipe as wide as it needs to be.
--json is one document: {"tracks": [...], "summary": {...}}; a track is the reply of the server with
its path and compatible keys, or the error. --csv has a line a file, failures too. --m3u is an
extended M3U8 playlist with absolute paths, sorted by key, the key in front of each name; with
--sort mix neighbours mix well.

Examples:
  %(prog)s ~/Music/techno
  %(prog)s --m3u --sort mix --output set.m3u8 ~/Music/techno
  %(prog)s --csv *.mp3 > keys.csv
  %(prog)s --json --timeline mix.flac | jq '.tracks[].timeline'
  %(prog)s --plot mix.svg mix.flac
  %(prog)s --cache ~/keys.sqlite --changed-only ~/Music

Exit code: 0 when every file has been analysed, 1 when one has failed, there is none, the analyzer
cannot start or the results cannot be written, 2 for wrong usage, 130 after Ctrl-C, which has what
is done printed (128 + n for signal n). A second Ctrl-C ends at once.
"""


def build_parser() -> argparse.ArgumentParser:
    """All options with their defaults."""
    parser = argparse.ArgumentParser(
        prog="openkeyscan-analyzer analyze",
        description="Tell the musical keys of files and folders: a table, JSON, CSV or a playlist.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(heartbeat=_HEARTBEAT)
    add = parser.add_argument
    add("paths", nargs="+", type=_path, metavar="FILE-OR-FOLDER", help="what to analyse")
    formats = parser.add_mutually_exclusive_group()
    for name, text in {
        "json": "print a JSON document instead of the table",
        "csv": "print CSV",
        "m3u": "print a playlist",
    }.items():
        formats.add_argument(
            f"--{name}", action="store_const", const=name, dest="format", help=text
        )
    parser.set_defaults(format="table")
    add("-o", "--output", type=_output, metavar="FILE", help="write there instead of to stdout")
    add(
        "--plot",
        type=_picture,
        metavar="FILE.svg|FILE.png",
        help="draw a picture as well: of a single file what sounds when, its key over time and how "
        "probable each key is; of anything else how many tracks are in each key (needs matplotlib)",
    )
    add("--theme", choices=THEME_NAMES, default="light", help="of the picture (default: light)")
    add(
        "--sort",
        choices=ORDERS,
        help="the order of tracks: as given and in folders by name, by key, or so that neighbours "
        "mix well (default: given, with --m3u key)",
    )
    add(
        "--timeline",
        action="store_true",
        help="tell the key over time as well, and those of intro and outro",
    )
    add(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether to look into the folders in a folder (default: yes)",
    )
    add_cache_option(parser)
    add(
        "--changed-only",
        action="store_true",
        help="leave out of the output what the cache knew already",
    )
    add("-q", "--quiet", action="store_true", help="no progress bar and no summary")
    add_style_options(parser)
    add_worker_options(parser, ("-j", "--jobs"))
    add_model_options(parser)
    return parser


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; wrong ones end the process with 2."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.changed_only and options.cache is None:
        parser.error("--changed-only needs --cache FILE, which tells what was known before")
    if options.timeline and options.format == "m3u":
        parser.error("--timeline: a playlist has no place for it")
    if options.output is not None and is_music(options.output.name):
        parser.error(f"--output {options.output}: that is the name of a file of music")
    if options.plot is not None and options.plot == options.output:
        parser.error(f"--plot and --output: both are {options.plot}")
    if options.sort is None:
        options.sort = "key" if options.format == "m3u" else "given"
    return options


def _picture(text: str) -> Path:
    try:
        picture_format(path := Path(text))
    except UnknownPictureFormat as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return path


def _output(text: str) -> Path | None:
    return None if text == "-" else Path(text)


def _path(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("a path must not be empty")
    return text
