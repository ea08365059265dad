"""``openkeyscan-analyzer analyze``: files in; results, a summary and an exit code out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from keyscan.analysis import Analysis
from keyscan.batch.documents import csv_lines, json_document, m3u_lines
from keyscan.batch.progress import Progress, terminal_width
from keyscan.batch.results import (
    Result,
    RunSummary,
    analyses,
    failures,
    ordered,
    summarize,
    summary_lines,
)
from keyscan.batch.session import Batch, StartEngine, is_one_file
from keyscan.batch.table import table
from keyscan.display import shown
from keyscan.errors import NothingToDraw, PlotError, StartFailed
from keyscan.keys import KeyStyle
from keyscan.options import AnalyzeOptions, ThemeName
from keyscan.output import check_writable, replaced, write_text
from keyscan.profiling import profiling_enabled

EXIT_OK, EXIT_FAILED = 0, 1


class Plot(Protocol):
    """What draws pictures; each raises ``PlotError``. ``keyscan.plot`` is one."""

    def check_picture(self, path: Path) -> None: ...

    def draw_track(
        self, path: Path, analysis: Analysis, theme: ThemeName, style: KeyStyle
    ) -> None: ...

    def draw_library(
        self,
        path: Path,
        name: str,
        analyses: Sequence[Analysis],
        failures: Sequence[str],
        theme: ThemeName,
        style: KeyStyle,
    ) -> None: ...


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
        batch.run(start_engine)
        progress.close()
        code = _report(options, batch, progress, stdout, plot)
    except OSError as error:
        where = "stdout" if options.output is None else shown(str(options.output))
        progress.write(f"keyscan: {where} cannot be written: {error.strerror}\n")
    except (PlotError, StartFailed) as error:
        progress.write(f"keyscan: {shown(str(error))}\n")
    except KeyboardInterrupt:
        pass  # the signal's number is the exit code
    finally:
        progress.close()
        batch.kill()
    signal = batch.interruption.number
    return code if signal is None else 128 + signal


def _report(
    options: AnalyzeOptions, batch: Batch, progress: Progress, stdout: int, plot: Plot
) -> int:
    """Write the results, the summary and the picture; the exit code."""
    results = batch.results
    summary = summarize(
        results,
        files=len(batch.found),
        seconds=batch.seconds,
        leave_out_cached=options.changed_only,
    )
    _write(options, results, summary, stdout)
    if not batch.found and batch.interruption.number is None:
        folders = ", ".join(map(shown, options.paths))
        progress.write(f"keyscan: no audio files in {folders}\n")
        return EXIT_FAILED
    if not options.quiet:
        lines = summary_lines(summary, options.style)
        progress.write("".join(f"{line}\n" for line in lines))
    if options.plot is not None:
        draw_picture(options.plot, options, results, batch.track, plot)
    return EXIT_FAILED if summary.failed else EXIT_OK


def _write(
    options: AnalyzeOptions, results: Sequence[Result], summary: RunSummary, stdout: int
) -> None:
    """Write the results to the descriptor ``stdout`` or the file that ``options`` name.

    Raises:
        OSError: they cannot be written.
    """
    if options.changed_only:
        results = [
            result for result in results if not (isinstance(result, Analysis) and result.cached)
        ]
    results = ordered(results, options.sort)
    if options.output is None:
        if os.name != "nt":
            os.set_blocking(stdout, True)  # another process that has the pipe may have changed it
        stream = os.fdopen(stdout, "wb", buffering=0, closefd=False)
        write_text(_text(options, results, summary, terminal_width(stdout)), stream)
    else:
        with replaced(options.output) as file:
            write_text(_text(options, results, summary, terminal_width(file.fileno())), file)


def _text(
    options: AnalyzeOptions, results: Sequence[Result], summary: RunSummary, width: int | None
) -> Iterator[str]:
    match options.format:
        case "json":
            return json_document(results, summary, options.style)
        case "csv":
            return csv_lines(results, options.style)
        case "m3u":
            return m3u_lines(results, options.style)
        case "table":
            return (f"{line}\n" for line in table(analyses(results), options.style, width))


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
        # a folder by its own name, even if it was given as "."
        name = ", ".join(Path(given).resolve().name or given for given in options.paths)
        codes = [failure.error.code for failure in failures(results)]
        plot.draw_library(path, name, analyses(results), codes, options.theme, options.style)
