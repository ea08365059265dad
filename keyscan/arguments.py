"""The arguments of each command become its options; the errors are those of ``keyscan.parser``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from keyscan import help_texts
from keyscan.analysis import DOUBTFUL
from keyscan.audio.formats import is_music
from keyscan.errors import UnknownPictureFormat
from keyscan.keys import NOTATIONS, SPELLINGS, KeyStyle
from keyscan.locations import meant_path
from keyscan.options import (
    MEMORY_LIMIT,
    RECYCLE_MEMORY,
    AnalyzeOptions,
    DoctorOptions,
    Effort,
    EngineOptions,
    ModelOptions,
    Order,
    OutputFormat,
    Precision,
    ServeOptions,
    ThemeName,
    WatchOptions,
    WorkerOptions,
    picture_format,
)
from keyscan.parser import (
    count,
    make_parser,
    memory_size,
    pattern,
    seconds,
    share,
    size,
    stream_number,
)
from keyscan.runtime import usable_cores
from keyscan.tagging.options import TAG_NOTATIONS, TagOptions
from keyscan.usage import suggestion

_NO_TIMELINE = {
    "m3u": "a playlist", "rekordbox-xml": "rekordbox's collection",
    "traktor-nml": "Traktor's collection",
}  # fmt: skip
_NOTATION_GIVEN = [[notation] for notation in TAG_NOTATIONS]


def parse_serve(arguments: Sequence[str]) -> ServeOptions:
    """The options of the server."""
    text = "Tell the musical key of audio files, over JSON lines."
    parser = make_parser(text, help_texts.SERVE, "serve")
    _add_engine_options(parser, "-w", "--workers")
    parser.add_argument("--heartbeat", type=seconds, default=30.0, metavar="SECONDS",
                        help="time between two heartbeats (default: 30)")  # fmt: skip
    found = parser.parse_args(arguments)
    style = KeyStyle(found.notation, found.spelling)
    return ServeOptions(_engine(found), style, found.heartbeat, found.effort)


def parse_analyze(arguments: Sequence[str]) -> AnalyzeOptions:
    """The options of ``analyze``; some combinations are refused."""
    parser = _analyze_parser()
    found = parser.parse_args(_with_tag_notation(parser, arguments))
    output = None if found.output in (None, "-") else Path(found.output)
    if found.output == "":
        parser.error("argument -o/--output: a path must not be empty")
    if "" in found.paths:
        parser.error("argument FILE-OR-FOLDER: a path must not be empty")
    try:
        if found.plot is not None:
            picture_format(found.plot)
    except UnknownPictureFormat as error:
        parser.error(f"argument --plot: {error}")
    if found.html is not None and found.html.suffix.lower() not in (".html", ".htm"):
        parser.error(f"argument --html: {found.html}: a page's name must end in .html or .htm")
    if found.changed_only and found.cache is None:
        parser.error("--changed-only needs --cache FILE, which says what was analysed before")
    if found.timeline and found.format in _NO_TIMELINE:
        parser.error(f"--timeline: {_NO_TIMELINE[found.format]} has no place for it")
    if found.bom and found.format != "csv":
        parser.error("--bom is for --format csv")
    if found.theme is not None and found.plot is None:
        parser.error("--theme is for --plot")
    if output is not None and is_music(output.name):
        parser.error(f"--output {output}: that is the name of a music file")
    sort: Order = found.sort or ("key" if found.format == "m3u" else "given")
    return AnalyzeOptions(
        engine=_engine(found), style=KeyStyle(found.notation, found.spelling),
        paths=tuple(found.paths), format=found.format, output=output, plot=found.plot,
        html=found.html, effort=found.effort,
        theme=found.theme or "light", sort=sort, timeline=found.timeline, recursive=found.recursive,
        changed_only=found.changed_only, quiet=found.quiet, stream=found.stream,
        min_confidence=found.min_confidence, exclude=tuple(found.exclude), bom=found.bom,
        tags=_tag_options(parser, found),
    )  # fmt: skip


def parse_watch(arguments: Sequence[str]) -> WatchOptions:
    """The options of ``watch``."""
    text = "Analyse what appears or changes in folders: a line of JSON for each file, as it comes."
    parser = make_parser(text, help_texts.WATCH, "watch", operands=" FOLDER ...")
    add = parser.add_argument
    add("folders", nargs="*", metavar="FOLDER", help="what to watch, with the folders in it")
    add("--settle", type=seconds, default=2.0, metavar="SECONDS",
        help="analyse a file when it has not changed for this long (default: 2)")  # fmt: skip
    add("--timeline", action="store_true",
        help="tell the key over time as well, and those of intro and outro")  # fmt: skip
    add("--min-confidence", type=share, metavar="P",
        help="leave out keys that are less sure than P, from 0 to 1 (default: leave out none, in "
        f"tags below {DOUBTFUL:g})")  # fmt: skip
    _add_tag_options(parser)
    _add_engine_options(parser, "-j", "--jobs")
    found = parser.parse_args(_with_tag_notation(parser, arguments))
    if "" in found.folders:
        parser.error("argument FOLDER: a path must not be empty")
    style = KeyStyle(found.notation, found.spelling)
    tags = _tag_options(parser, found)
    folders = tuple(found.folders)
    return WatchOptions(
        _engine(found), style, folders, found.settle, found.timeline, found.effort,
        found.min_confidence, tags,
    )  # fmt: skip


def parse_doctor(arguments: Sequence[str]) -> DoctorOptions:
    """The options of the doctor."""
    text = "Tell what decides the speed here: versions, libraries, threads, timings."
    parser = make_parser(text, help_texts.DOCTOR, "doctor")
    add = parser.add_mutually_exclusive_group().add_argument
    add("--compare", nargs=2, type=Path, metavar=("A", "B"),
        help="show two reports side by side, and what explains a difference in speed")  # fmt: skip
    add("--self-test", action="store_true",
        help="analyse a generated track in every format, with both constant-Q engines")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    _add_model_options(parser)
    found = parser.parse_args(arguments)
    compare = None if found.compare is None else (found.compare[0], found.compare[1])
    return DoctorOptions(_model(found), compare, found.self_test, found.json)


def parse_schema(arguments: Sequence[str]) -> None:
    """``schema`` has no options but ``--help``."""
    text = "Print the line protocol of the server as a JSON Schema (draft 2020-12)."
    make_parser(text, help_texts.SCHEMA, command="schema").parse_args(arguments)


# fmt: off
def _analyze_parser() -> argparse.ArgumentParser:
    text = "Tell the musical keys of files and folders: a table, JSON, CSV or a playlist."
    parser = make_parser(text, help_texts.ANALYZE, "analyze", operands=" FILE-OR-FOLDER ...")
    add = parser.add_argument
    add("paths", nargs="*", metavar="FILE-OR-FOLDER", help="what to analyse; playlists too")
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--format", choices=get_args(OutputFormat), default="table",
                         help="what to write (default: table)")
    for name in ("json", "csv", "m3u"):
        formats.add_argument(f"--{name}", action="store_const", const=name, default="table",
                             dest="format", help=f"the same as --format {name}")
    add("--bom", action="store_true",
        help="start CSV with a byte order mark, by which Excel knows UTF-8")
    add("--min-confidence", type=share, metavar="P",
        help="leave out keys that are less sure than P, from 0 to 1 (default: leave out none, in "
        f"tags below {DOUBTFUL:g})")
    add("-o", "--output", metavar="FILE",
        help="write there instead of to stdout; replaces an earlier output, but no other file")
    add("--plot", type=Path, metavar="FILE.svg|FILE.png",
        help="draw a picture as well: of a single file its spectrogram, its key over time and the "
        "probability of each key; otherwise the number of tracks in each key (needs matplotlib)")
    add("--html", type=Path, metavar="FILE.html",
        help="write a page as well: a table to sort and filter, each track's key over time, and "
        "what mixes with it; one file for any browser, which needs no network")
    add("--theme", choices=get_args(ThemeName),
        help="of the picture (default: light)")
    add("--sort", choices=get_args(Order),
        help="the order of tracks: as given (in folders by name), by key, or so that neighbours "
        "mix well (default: given, with --m3u key)")
    add("--timeline", action="store_true",
        help="tell the key over time as well, and those of intro and outro")
    add("--stream", type=stream_number, metavar="N",
        help="analyse this audio stream of every file, counted from 0 (default: the default one)")
    add("--recursive", action=argparse.BooleanOptionalAction, default=True,
        help="look into the folders of a folder (default: yes)")
    add("--exclude", action="append", default=[], type=pattern, metavar="PATTERN",
        help="leave out files and folders of this name, with * and ? for other characters; with "
        "slashes, the end of a path; may be given several times")
    add("--changed-only", action="store_true", help="leave out what the cache already knew")
    add("-q", "--quiet", action="store_true", help="no progress bar and no summary")
    _add_tag_options(parser)
    _add_engine_options(parser, "-j", "--jobs")
    return parser


def _add_tag_options(parser: argparse.ArgumentParser) -> None:
    """The options for keys in tags."""
    add = parser.add_argument_group("keys in tags").add_argument
    add("--write-tags", choices=TAG_NOTATIONS, metavar="|".join(TAG_NOTATIONS), nargs="?",
        const="short", help="write each key into the file's tags, where DJ software reads it: as "
        "8A, 1m, A minor (Am in ID3 tags) or Am (default: short); needs mutagen")
    add("--overwrite", action="store_true",
        help="replace the key that is there, with --comment the comment too")
    add("--comment", action="store_true", help="write the key into the comment as well")
    add("--keep-times", action="store_true", help="keep the times of the files")
    add("--dry-run", action="store_true",
        help="only say which tags would be written, and which cannot be")


def _add_engine_options(parser: argparse.ArgumentParser, *workers: str) -> None:
    """``workers`` are the names of the option for the number of worker processes."""
    add = parser.add_argument
    cores = usable_cores()
    add(*workers, dest="workers", type=count, default=cores, metavar="N",
        help=f"decode up to N files at a time (default: one per CPU core, here {cores})")
    add("--effort", choices=get_args(Effort), default="full",
        help="full: decode all of a track; adaptive: a minute of it, spread over the track, and "
        "all of it only if the key is not yet certain (default: full)")
    add("--timeout", type=seconds, default=WorkerOptions.timeout, metavar="SECONDS",
        help="give up on a file of up to ten minutes after this long; one of twenty minutes has "
        f"twice the time, and so on (default: {WorkerOptions.timeout:g})")
    add("--memory-limit", type=memory_size, metavar="MIB",
        help="give up on a file that needs more memory to decode (default: "
        f"{MEMORY_LIMIT['matrix']}, with --cqt librosa {MEMORY_LIMIT['librosa']})")
    add("--recycle-files", type=size, default=WorkerOptions.recycle_files, metavar="N",
        help=f"replace a worker process after N files (default: {WorkerOptions.recycle_files})")
    add("--recycle-memory", type=size, metavar="MIB",
        help="replace a worker process that has more memory than this after a file (default: "
        f"{RECYCLE_MEMORY['matrix']}, with --cqt librosa {RECYCLE_MEMORY['librosa']})")
    add("--cqt", choices=tuple(MEMORY_LIMIT), default=WorkerOptions.cqt,
        help="constant-Q engine: our matrix product, or librosa.cqt, the slow reference")
    add("--cache", metavar="FILE",
        help="keep answers in this SQLite file, new or made by an earlier run, and analyse no "
        "content twice (default: no cache)")
    add("--notation", choices=NOTATIONS, default=KeyStyle.notation,
        help="what the field 'key' holds: 'A minor', 'Am', '8A', '08A' or '1m' (default: musical)")
    add("--spelling", choices=SPELLINGS, default=KeyStyle.spelling,
        help="black keys as 'F# minor/Gb minor', with sharps, with flats, or by the key's "
        "usual signature, 'F# minor' and 'Eb minor' (default: both; usual in the short notation)")
    _add_model_options(parser)


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-m", "--model-path", "--model_path", type=Path, metavar="FILE",
        help="checkpoint to use instead of the built-in one; may be a state_dict of KeyNet")
    add("--device", default=ModelOptions.device, metavar="NAME",
        help="where the model runs: cpu, cuda, cuda:1, mps (default: cpu)")
    add("--threads", type=count, default=ModelOptions.threads, metavar="N",
        help="CPU threads of the model (default: 1)")
    add("--interop-threads", type=count, default=ModelOptions.interop_threads, metavar="N",
        help="CPU threads between the model's operations (default: 1)")
    add("--precision", choices=get_args(Precision), default=ModelOptions.precision,
        help="of the model's float32 matrix products (default: highest)")
# fmt: on


def _model(found: argparse.Namespace) -> ModelOptions:
    return ModelOptions(
        found.model_path, found.device, found.threads, found.interop_threads, found.precision
    )


def _engine(found: argparse.Namespace) -> EngineOptions:
    memory_limit = (found.memory_limit or MEMORY_LIMIT[found.cqt]) << 20
    recycle_size = (found.recycle_memory or RECYCLE_MEMORY[found.cqt]) << 20
    files = found.recycle_files
    worker = WorkerOptions(found.cqt, found.timeout, memory_limit, files, recycle_size)
    return EngineOptions(_model(found), worker, found.workers, found.cache)


def _with_tag_notation(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> list[str]:
    """``arguments`` with a notation behind ``--write-tags``: what follows may be a path."""
    full = list(arguments)
    for place, text in enumerate(arguments):
        if text == "--":
            break
        behind = full[place + 1 : place + 2]
        if text == "--write-tags" and behind not in _NOTATION_GIVEN:
            full[place] = "--write-tags=short"
            for word in behind:
                if not word.startswith("-") and not os.path.lexists(meant_path(word)):
                    parser.error(f"argument --write-tags: {_neither(word)}")
    return full


def _neither(word: str) -> str:
    """Why ``word`` cannot stand behind ``--write-tags``."""
    known = "camelot (8A), openkey (1m), musical (A minor), short (Am)"
    hint = suggestion([word], TAG_NOTATIONS)
    return f"{word!r} is neither a file or folder nor one of the notations {known}{hint}"


def _tag_options(parser: argparse.ArgumentParser, found: argparse.Namespace) -> TagOptions | None:
    """What ``_add_tag_options`` found; None: no tags are written."""
    if found.write_tags is None:
        for name in ("overwrite", "comment", "keep_times", "dry_run"):
            if getattr(found, name):
                parser.error(f"--{name.replace('_', '-')} needs --write-tags")
        return None
    least = DOUBTFUL if found.min_confidence is None else found.min_confidence
    return TagOptions(
        found.write_tags, found.spelling, found.comment, found.overwrite, found.keep_times,
        found.dry_run, least,
    )  # fmt: skip
