"""The options of the command line, parsed and checked here, as frozen dataclasses.

A wrong option ends the process with exit code 2 and a message on stderr; ``--help`` and
``--version`` end it with 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, get_args

from keyscan import __version__
from keyscan.analysis import DOUBTFUL
from keyscan.audio.formats import is_music
from keyscan.errors import UnknownPictureFormat
from keyscan.keys import NOTATIONS, SPELLINGS, KeyStyle
from keyscan.runtime import usable_cores
from keyscan.tagging.options import TAG_NOTATIONS, TagOptions
from keyscan.terminal import wrapped
from keyscan.usage import PRODUCT, program, suggestion

if TYPE_CHECKING:  # numpy, which --help does not wait for
    from keyscan.spectrogram.constant_q import CqtEngine

Precision = Literal["highest", "high", "medium"]
OutputFormat = Literal["table", "csv", "json", "ndjson", "m3u", "rekordbox-xml", "traktor-nml"]
Order = Literal["given", "key", "mix"]
ThemeName = Literal["light", "dark"]

_NO_TIMELINE = {
    "m3u": "a playlist", "rekordbox-xml": "rekordbox's collection",
    "traktor-nml": "Traktor's collection",
}  # fmt: skip
_MEMORY_LIMIT: dict[CqtEngine, int] = {"matrix": 1024, "librosa": 8192}  # MiB
_NOTATION_GIVEN = [[notation] for notation in TAG_NOTATIONS]
_TIMEOUT_SOUND = 600.0  # seconds that --timeout is for
_RECYCLE_MEMORY: dict[CqtEngine, int] = {"matrix": 256, "librosa": 2048}  # MiB


@dataclass(frozen=True)
class ModelOptions:
    """``path`` None is the packaged checkpoint; ``precision`` is that of float32 products."""

    path: Path | None = None
    device: str = "cpu"
    threads: int = 1
    interop_threads: int = 1
    precision: Precision = "highest"


@dataclass(frozen=True)
class WorkerOptions:
    """What a worker process gets: ``timeout`` in seconds per file, sizes in bytes.

    ``timeout`` is for up to ten minutes of sound; more has more time in proportion. A worker is
    replaced after ``recycle_files`` files, or when it has more than ``recycle_size`` after one; it
    never gets more than ``memory_limit``.
    """

    cqt: CqtEngine = "matrix"
    timeout: float = 120.0
    memory_limit: int = _MEMORY_LIMIT["matrix"] << 20
    recycle_files: int = 2000
    recycle_size: int = _RECYCLE_MEMORY["matrix"] << 20

    def timeout_for(self, sound: float) -> float:
        """Seconds that a file with so many seconds of sound may take."""
        return self.timeout * max(sound / _TIMEOUT_SOUND, 1.0)


@dataclass(frozen=True)
class EngineOptions:
    """``workers`` is the number of worker processes; ``cache`` is the path as the user gave it."""

    model: ModelOptions
    worker: WorkerOptions
    workers: int
    cache: str | None


@dataclass(frozen=True)
class ServeOptions:
    """``heartbeat``: seconds between two heartbeats."""

    engine: EngineOptions
    style: KeyStyle
    heartbeat: float


@dataclass(frozen=True)
class AnalyzeOptions:
    """``output`` None is stdout; ``plot``, ``html`` None: no picture, no page.

    ``stream`` None: any. ``tags`` None: no tags are written.
    ``min_confidence``, 0 to 1: outputs leave out keys that are less sure; None: not given.
    ``exclude``: glob patterns of files and folders to leave out. ``bom``: start with a byte order
    mark.
    """

    engine: EngineOptions
    style: KeyStyle
    paths: tuple[str, ...]
    format: OutputFormat
    output: Path | None
    plot: Path | None
    html: Path | None
    theme: ThemeName
    sort: Order
    timeline: bool
    recursive: bool
    changed_only: bool
    quiet: bool
    stream: int | None = None
    min_confidence: float | None = None
    exclude: tuple[str, ...] = ()
    bom: bool = False
    tags: TagOptions | None = None


@dataclass(frozen=True)
class WatchOptions:
    """``settle``: seconds without a change after which a file is analysed; the others as above."""

    engine: EngineOptions
    style: KeyStyle
    folders: tuple[str, ...]
    settle: float
    timeline: bool
    min_confidence: float | None
    tags: TagOptions | None


@dataclass(frozen=True)
class DoctorOptions:
    """Two reports to ``compare``, or a ``self_test``; with neither, a report is made."""

    model: ModelOptions
    compare: tuple[Path, Path] | None
    self_test: bool
    json: bool


def parse_serve(arguments: Sequence[str]) -> ServeOptions:
    """The options of the server."""
    text = "Tell the musical key of audio files, over JSON lines."
    parser = _parser(text, _SERVE_EPILOG, "serve")
    _add_engine_options(parser, "-w", "--workers")
    parser.add_argument("--heartbeat", type=seconds, default=30.0, metavar="SECONDS",
                        help="time between two heartbeats (default: 30)")  # fmt: skip
    found = parser.parse_args(arguments)
    style = KeyStyle(found.notation, found.spelling)
    return ServeOptions(_engine(found), style, found.heartbeat)


def parse_analyze(arguments: Sequence[str]) -> AnalyzeOptions:
    """The options of ``analyze``; some combinations are refused."""
    parser = _analyze_parser()
    found = parser.parse_args(_with_tag_notation(arguments))
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
    if output is not None and is_music(output.name):
        parser.error(f"--output {output}: that is the name of a music file")
    sort: Order = found.sort or ("key" if found.format == "m3u" else "given")
    return AnalyzeOptions(
        engine=_engine(found), style=KeyStyle(found.notation, found.spelling),
        paths=tuple(found.paths), format=found.format, output=output, plot=found.plot,
        html=found.html,
        theme=found.theme, sort=sort, timeline=found.timeline, recursive=found.recursive,
        changed_only=found.changed_only, quiet=found.quiet, stream=found.stream,
        min_confidence=found.min_confidence, exclude=tuple(found.exclude), bom=found.bom,
        tags=_tag_options(parser, found),
    )  # fmt: skip


def parse_watch(arguments: Sequence[str]) -> WatchOptions:
    """The options of ``watch``."""
    text = "Analyse what appears or changes in folders: a line of JSON for each file, as it comes."
    parser = _parser(text, _WATCH_EPILOG, "watch", operands=" FOLDER ...")
    add = parser.add_argument
    add("folders", nargs="+", metavar="FOLDER", help="what to watch, with the folders in it")
    add("--settle", type=seconds, default=2.0, metavar="SECONDS",
        help="analyse a file when it has not changed for this long (default: 2)")  # fmt: skip
    add("--timeline", action="store_true",
        help="tell the key over time as well, and those of intro and outro")  # fmt: skip
    add("--min-confidence", type=share, metavar="P",
        help="leave out keys that are less sure than P, from 0 to 1 (default: leave out none, in "
        f"tags below {DOUBTFUL:g})")  # fmt: skip
    _add_tag_options(parser)
    _add_engine_options(parser, "-j", "--jobs")
    found = parser.parse_args(_with_tag_notation(arguments))
    if "" in found.folders:
        parser.error("argument FOLDER: a path must not be empty")
    style = KeyStyle(found.notation, found.spelling)
    tags = _tag_options(parser, found)
    folders = tuple(found.folders)
    return WatchOptions(
        _engine(found), style, folders, found.settle, found.timeline, found.min_confidence, tags
    )


def parse_doctor(arguments: Sequence[str]) -> DoctorOptions:
    """The options of the doctor."""
    text = "Tell what decides the speed here: versions, libraries, threads, timings."
    parser = _parser(text, _DOCTOR_EPILOG, "doctor")
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
    _parser(text, _SCHEMA_EPILOG, command="schema").parse_args(arguments)


def count(text: str) -> int:
    """The type of an option that is a number of workers or threads."""
    return _whole(text, 256, "from 1 to 256")


def seconds(text: str) -> float:
    """The type of an option that is a time."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1e6:  # the longest wait for a lock that every system allows
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, not {text!r}")
    return value


def share(text: str) -> float:
    """The type of an option that is a probability."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, not {text!r}")
    return value


def picture_format(path: Path) -> Literal["svg", "png"]:
    """The format that the extension of ``path`` stands for.

    Raises:
        UnknownPictureFormat: it is neither ``.svg`` nor ``.png``.
    """
    extension = path.suffix.lower()
    if extension in (".svg", ".png"):
        return "svg" if extension == ".svg" else "png"
    raise UnknownPictureFormat(f"{path}: a picture's name must end in .svg or .png")


class _Parser(argparse.ArgumentParser):
    """Its errors suggest which option or value a mistyped one may mean."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            known = [name for action in self._actions for name in action.option_strings]
            mistyped = [word.partition("=")[0] for word in unknown if word.startswith("-")]
            hint = suggestion(mistyped, known)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return found

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += suggestion([str(value)], map(str, action.choices or ()))
            raise


class _Help(argparse.HelpFormatter):
    """Fits paragraphs to the terminal, but for those with indented lines, which are examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        parts = text.strip().split("\n\n")
        return "\n\n".join(
            part if "\n  " in part else "\n".join(wrapped(" ".join(part.split()), width))
            for part in parts
        )


def _parser(
    description: str, epilog: str, command: str, operands: str = ""
) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"{program()} {command}", usage=f"%(prog)s [OPTION ...]{operands}",
        description=description, epilog=epilog,
        formatter_class=_Help, allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument(
        "--version", action="version", version=f"{PRODUCT} {__version__}",
        help="print the version and exit",
    )  # fmt: skip
    return parser


# fmt: off
def _analyze_parser() -> argparse.ArgumentParser:
    text = "Tell the musical keys of files and folders: a table, JSON, CSV or a playlist."
    parser = _parser(text, _ANALYZE_EPILOG, "analyze", operands=" FILE-OR-FOLDER ...")
    add = parser.add_argument
    add("paths", nargs="+", metavar="FILE-OR-FOLDER", help="what to analyse; playlists too")
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
    add("--theme", choices=get_args(ThemeName), default="light",
        help="of the picture (default: light)")
    add("--sort", choices=get_args(Order),
        help="the order of tracks: as given (in folders by name), by key, or so that neighbours "
        "mix well (default: given, with --m3u key)")
    add("--timeline", action="store_true",
        help="tell the key over time as well, and those of intro and outro")
    add("--stream", type=_stream, metavar="N",
        help="analyse this audio stream of every file, counted from 0 (default: the default one)")
    add("--recursive", action=argparse.BooleanOptionalAction, default=True,
        help="look into the folders of a folder (default: yes)")
    add("--exclude", action="append", default=[], type=_pattern, metavar="PATTERN",
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
    add("--dry-run", action="store_true", help="only say which tags would be written")


def _add_engine_options(parser: argparse.ArgumentParser, *workers: str) -> None:
    """``workers`` are the names of the option for the number of worker processes."""
    add = parser.add_argument
    cores = usable_cores()
    add(*workers, dest="workers", type=count, default=cores, metavar="N",
        help=f"decode up to N files at a time (default: one per CPU core, here {cores})")
    add("--timeout", type=seconds, default=WorkerOptions.timeout, metavar="SECONDS",
        help="give up on a file of up to ten minutes after this long; one of twenty minutes has "
        f"twice the time, and so on (default: {WorkerOptions.timeout:g})")
    add("--memory-limit", type=_memory_limit, metavar="MIB",
        help="give up on a file that needs more memory to decode (default: "
        f"{_MEMORY_LIMIT['matrix']}, with --cqt librosa {_MEMORY_LIMIT['librosa']})")
    add("--recycle-files", type=_size, default=WorkerOptions.recycle_files, metavar="N",
        help=f"replace a worker process after N files (default: {WorkerOptions.recycle_files})")
    add("--recycle-memory", type=_size, metavar="MIB",
        help="replace a worker process that has more memory than this after a file (default: "
        f"{_RECYCLE_MEMORY['matrix']}, with --cqt librosa {_RECYCLE_MEMORY['librosa']})")
    add("--cqt", choices=tuple(_MEMORY_LIMIT), default=WorkerOptions.cqt,
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
    memory_limit = (found.memory_limit or _MEMORY_LIMIT[found.cqt]) << 20
    recycle_size = (found.recycle_memory or _RECYCLE_MEMORY[found.cqt]) << 20
    files = found.recycle_files
    worker = WorkerOptions(found.cqt, found.timeout, memory_limit, files, recycle_size)
    return EngineOptions(_model(found), worker, found.workers, found.cache)


def _with_tag_notation(arguments: Sequence[str]) -> list[str]:
    """``arguments`` with a notation behind ``--write-tags``: what follows may be a path."""
    full = list(arguments)
    for place, text in enumerate(arguments):
        if text == "--write-tags" and arguments[place + 1 : place + 2] not in _NOTATION_GIVEN:
            full[place] = "--write-tags=short"
    return full


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


def _memory_limit(text: str) -> int:
    if (size := _size(text)) < (least := 200):
        message = f"must be at least {least}, which decoding takes, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    return size


def _size(text: str) -> int:
    return _whole(text, 1 << 31, "from 1")  # files or MiB: no limit in practice


def _pattern(text: str) -> str:
    if not PurePath(text).parts:
        raise argparse.ArgumentTypeError(f"must be the name of a file or folder, not {text!r}")
    return text


def _stream(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 on, not {text!r}")
    return int(text)


def _whole(text: str, most: int, between: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"must be a whole number {between}, not {text!r}")
    return int(text)


_SERVE_EPILOG = """\
Requests are JSON lines on stdin: {"id": 1, "path": "/music/a.mp3"}, with "timeline": true for the
key over time, "stream": 1 for the second audio stream of a file, "priority": true for a file that
goes before all that wait; {"type": "reset"}, {"type": "cancel", "id": 1}, {"type": "ping"}. Replies
are JSON lines on stdout, in the order in which they are ready; logs go to stderr.
PROFILE_PERFORMANCE=1 shows where the time goes.

Exit code: 0 when the input has ended and every request is answered, 1 when the server cannot
start, 2 for a wrong option, 128 + n when signal n stopped it.
"""

_ANALYZE_EPILOG = """\
In a folder, files with the extension of an audio or video format are analysed, except hidden ones
and those in folders of the system; a file that you name yourself is always tried. A playlist that
you name (.m3u, .m3u8, .pls) is a list of files. A file that is given twice, or again through a
link, is analysed once. Failures and their reasons appear on stderr while the work goes on; the
summary counts what was left out.

The table shows for each track: the key on the Camelot wheel (Open Key with --notation openkey) and
by name, its confidence, the second choice, the keys that mix well with it (the relative key, one
step up and one down the wheel, two that lift the energy), cents above A = 440 Hz, the length. On a
terminal it fits the width and has colours, but not with NO_COLOR=1; in a file or pipe it is as wide
as it needs to be, and FORCE_COLOR=1 adds colours.

json is one document: {"tracks": [...], "summary": {...}}; a track is the server's reply with its
path and compatible keys, or the error; ndjson has the same tracks, one a line. csv has a line for
each file, failures too. m3u is an extended M3U8 playlist with absolute paths, sorted by key, the
key in front of each name; with --sort mix neighbours mix well. rekordbox-xml and traktor-nml are
collections, with a playlist, for rekordbox and Traktor to import.

With --cache, a run after Ctrl-C goes on where the last one stopped.

--write-tags writes each key that is sure enough into the tags of its file, where there is none, and
tells so on stderr; nothing else in the file changes. Where mutagen is installed, the keys in tags
are shown beside those found, and the summary counts how many agree.

Examples:
  %(prog)s ~/Music/techno
  %(prog)s --m3u --sort mix --output set.m3u8 ~/Music/techno
  %(prog)s --csv *.mp3 > keys.csv
  %(prog)s --format rekordbox-xml -o keys.xml --exclude Samples ~/Music
  %(prog)s --json --timeline mix.flac | jq '.tracks[].timeline'
  %(prog)s --plot mix.svg mix.flac
  %(prog)s --html library.html ~/Music
  %(prog)s --write-tags --dry-run ~/Music
  %(prog)s --cache ~/keys.sqlite --changed-only ~/Music

Exit code: 0 when every file has been analysed, 1 when one has failed or its tags cannot be written,
there is none, the analyzer cannot start or the results cannot be written, 2 for wrong usage, 130
after Ctrl-C, which still prints what is done (128 + n for signal n). A second Ctrl-C ends at once.
"""

_WATCH_EPILOG = """\
What is in the folders at the start is not analysed: "analyze" does that. A file that is being
written, copied or downloaded is analysed when it has stopped growing, and again after each later
change; hidden files and files without an extension of music are left out. Each line on stdout is
an object as in the "tracks" of "analyze --json". What --write-tags writes is no change.

Examples:
  %(prog)s ~/Music/new > keys.ndjson
  %(prog)s --write-tags --cache ~/keys.sqlite ~/Music

Exit code: 0 when Ctrl-C or SIGTERM has ended it, 1 when the analyzer cannot start, the folders
cannot be watched or a line cannot be written, 2 for wrong usage.
"""

_SCHEMA_EPILOG = """\
Use it to check messages, or to generate types: a line that an app writes is $defs/request, a line
that the server writes is $defs/reply.

Exit code: 0; 1 if the schema cannot be written, 2 for a wrong option.
"""

_DOCTOR_EPILOG = """\
To find out why one installation is slower than another, run "doctor --json > a.json" with one,
"doctor --json > b.json" with the other, and "doctor --compare a.json b.json" with either.

Exit code: 0 when all is well, 1 when reports differ in more than paths, a self-test fails or the
model cannot be used, 2 for a wrong option or a file that is not a report.
"""
