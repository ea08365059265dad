"""``keyscan analyze``: files in; results, a summary and an exit code out."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from keyscan.analysis import Analysis
from keyscan.batch.documents import names_of
from keyscan.batch.results import (
    Failed,
    Result,
    RunSummary,
    analyses,
    failures,
    left_out,
    ordered,
    summarize,
    summary_lines,
    withhold,
)
from keyscan.batch.session import Batch, Progress, StartEngine, is_one_file
from keyscan.batch.writers import WRITERS
from keyscan.batch.writers.report import Report
from keyscan.errors import (
    FileNotFound,
    InvalidPath,
    MissingTagLibrary,
    NoCache,
    NotAFile,
    NothingToDraw,
    PageNotWritten,
    PermissionDenied,
    PlotError,
    ReadFailed,
    StartFailed,
    TargetRefused,
)
from keyscan.keys import KeyStyle
from keyscan.locations import meant_path
from keyscan.options import AnalyzeOptions, ThemeName
from keyscan.output import check_writable, replaced, shown, write_text
from keyscan.page import Entry, check_page, write_page
from keyscan.runtime import profiling_enabled
from keyscan.terminal import Paint, shows_colours, terminal_width

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
_NOT_READ = (FileNotFound, InvalidPath, NotAFile, PermissionDenied, ReadFailed)
"""Why a file was not reached: then a run tells nothing that an older output should give way to."""


class Plot(Protocol):
    """What draws pictures; each raises ``PlotError``. ``keyscan.plot`` is one."""

    def check_picture(self, path: Path) -> None: ...

    def draw_track(
        self, path: Path, analysis: Analysis, theme: ThemeName, style: KeyStyle
    ) -> None: ...

    def draw_library(
        self, path: Path, name: str, analyses: Sequence[Analysis], failures: Sequence[str],
        theme: ThemeName, style: KeyStyle,
    ) -> None: ...  # fmt: skip


def run(options: AnalyzeOptions, stdout: int, start_engine: StartEngine, plot: Plot) -> int:
    """Analyse what ``options`` name, and write it to the descriptor ``stdout``; the exit code."""
    progress = Progress(bar=not (options.quiet or profiling_enabled()))
    logging.basicConfig(stream=progress, level=logging.WARNING, format="keyscan: %(message)s")
    batch = Batch(options, progress)
    code = EXIT_FAILED
    try:
        if options.output is not None:
            check_writable(options.output)
        if options.plot is not None:
            plot.check_picture(options.plot)
        if options.html is not None:
            check_page(options.html)
        batch.run(start_engine)
        progress.close()
        code = _report(options, batch, progress, stdout, plot)
    except OSError as error:
        where = "stdout" if options.output is None else shown(str(options.output))
        progress.write(f"keyscan: {where} cannot be written: {error.strerror}\n")
    except (MissingTagLibrary, NoCache, TargetRefused) as error:
        progress.write(f"keyscan: {shown(str(error))}\n")
        code = EXIT_USAGE
    except (PageNotWritten, PlotError, StartFailed) as error:
        progress.write(f"keyscan: {shown(str(error))}\n")
    except KeyboardInterrupt:
        pass  # the signal's number is the exit code
    finally:
        progress.close()
        batch.kill()
    return code if batch.signal is None else 128 + batch.signal


def _report(
    options: AnalyzeOptions, batch: Batch, progress: Progress, stdout: int, plot: Plot
) -> int:
    """Write the results, the summary, the page and the picture; the exit code."""
    results = [withhold(result, options.min_confidence or 0.0) for result in batch.results]
    summary = summarize(
        results,
        files=len(batch.found),
        seconds=batch.seconds,
        leave_out_cached=options.changed_only,
        skipped=batch.skipped,
    )
    kept = (
        []
        if any(map(_was_read, results))
        else _with_content(options.output, options.plot, options.html)
    )
    for path in kept:
        progress.write(f"keyscan: {shown(str(path))} stays as it was: no file could be read\n")
    omitted = [] if options.output in kept else _write(options, results, summary, stdout)
    for name in map(shown, omitted):
        progress.write(f"keyscan: {name} is left out: {options.format} cannot hold its name\n")
    if not batch.found and batch.signal is None:
        where = ", ".join(map(shown, options.paths))
        text = "; ".join(filter(None, (f"no audio files in {where}", left_out(summary))))
        progress.write(f"keyscan: {text}\n")
        return EXIT_FAILED
    if not options.quiet:
        progress.write_lines(
            summary_lines(summary, options.style, terminal_width(2), progress.paint)
        )
        if summary.not_reached:
            cached = options.engine.cache is not None
            how = "run the same command again" if cached else "use --cache FILE the next time"
            progress.write(f"to continue where this run stopped, {how}\n")
    if options.html is not None and options.html not in kept:
        entries = page_entries(ordered(results, options.sort))
        title = library_name(options.paths)
        write_page(options.html, title, entries, options.style, summary.not_reached)
    if options.plot is not None and options.plot not in kept:
        draw_picture(options.plot, options, results, batch.track, plot)
    failed = summary.failed or summary.tags.get("failed") or omitted
    return EXIT_FAILED if failed else EXIT_OK


def _was_read(result: Result) -> bool:
    return not (isinstance(result, Failed) and isinstance(result.error, _NOT_READ))


def _with_content(*paths: Path | None) -> list[Path]:
    """The files among ``paths`` that hold something."""
    return [path for path in paths if path is not None and path.is_file() and path.stat().st_size]


def _write(
    options: AnalyzeOptions, results: Sequence[Result], summary: RunSummary, stdout: int
) -> list[str]:
    """Write the results to the descriptor ``stdout`` or the file that ``options`` name.

    Returns the paths of tracks that the format cannot hold.

    Raises:
        OSError: they cannot be written.
    """
    if options.changed_only:
        results = [result for result in results if isinstance(result, Failed) or not result.cached]
    if options.html is not None and not options.timeline:  # it is for the page alone
        results = [
            replace(result, timeline=None) if isinstance(result, Analysis) else result
            for result in results
        ]
    results = ordered(results, options.sort)
    with contextlib.ExitStack() as stack:
        if options.output is None:
            descriptor = stdout
        else:
            descriptor = stack.enter_context(replaced(options.output)).fileno()
        paint = Paint(options.output is None and shows_colours(descriptor))
        report = Report(results, summary, options.style, terminal_width(descriptor), paint)
        text = WRITERS[options.format](report)
        write_text(itertools.chain(["\ufeff"] if options.bom else [], text), descriptor)
        return report.omitted


def draw_picture(
    path: Path,
    options: AnalyzeOptions,
    results: Sequence[Result],
    track: Analysis | None,
    plot: Plot,
) -> None:
    """Draw a single file, which is ``track`` if it has a key, or the keys of all ``results``.

    Raises:
        PlotError: there is no picture; the class says why.
    """
    if track is not None:
        plot.draw_track(path, track, options.theme, options.style)
    elif is_one_file(options.paths, len(results)):
        raise NothingToDraw(f"{path} is not drawn: there is no key")
    else:
        name = library_name(options.paths)
        codes = [failure.error.code for failure in failures(results)]
        plot.draw_library(path, name, analyses(results), codes, options.theme, options.style)


def library_name(paths: Sequence[str]) -> str:
    """A folder by its own name, even if it was given as ``.``; several are separated by commas."""
    return ", ".join(Path(given).resolve().name or given for given in map(meant_path, paths))


def page_entries(results: Sequence[Result]) -> list[Entry]:
    """All results as the page shows them, in their order."""
    names = names_of([result.path for result in results])
    return [
        Entry(result.path, name, result.error if isinstance(result, Failed) else result)
        for result, name in zip(results, names, strict=True)
    ]
