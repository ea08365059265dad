"""``openkeyscan-analyzer analyze``: files in; results, a summary and an exit code out."""

from __future__ import annotations

import argparse
import logging

from keyscan.analyze.interruption import Interruption
from keyscan.analyze.picture import draw_picture
from keyscan.analyze.progress import Progress
from keyscan.analyze.results import write_results
from keyscan.analyze.session import Batch, BuildServer
from keyscan.analyze.summary import summary_lines
from keyscan.display import shown
from keyscan.output import check_writable
from keyscan.plot import PlotError, check_picture
from keyscan.server.profiling import profiling_enabled
from keyscan.server.style_options import key_style

EXIT_OK, EXIT_FAILED = 0, 1


def run(options: argparse.Namespace, stdout: int, build_server: BuildServer) -> int:
    """Analyse what ``options`` name, and write it to the descriptor ``stdout``; the exit code.

    Raises:
        What ``build_server`` raises.
    """
    interruption = Interruption()
    progress = Progress(bar=not (options.quiet or profiling_enabled()))
    logging.basicConfig(stream=progress, level=logging.WARNING, format="keyscan: %(message)s")
    try:
        code = _run(options, stdout, build_server, interruption, progress)
    except OSError as error:
        where = "stdout" if options.output is None else shown(str(options.output))
        progress.write(f"keyscan: {where} cannot be written: {error.strerror}\n")
        code = EXIT_FAILED
    except PlotError as error:
        progress.write(f"keyscan: {shown(str(error))}\n")
        code = EXIT_FAILED
    except KeyboardInterrupt:
        code = EXIT_FAILED
    finally:
        progress.close()
        interruption.kill()
    return interruption.exit_code or code


def _run(
    options: argparse.Namespace,
    stdout: int,
    build_server: BuildServer,
    interruption: Interruption,
    progress: Progress,
) -> int:
    if options.output is not None:
        check_writable(options.output)
    if options.plot is not None:
        check_picture(options.plot)
    batch = Batch(progress)
    try:
        batch.find(options)
        batch.analyse(options, interruption, build_server)
    except KeyboardInterrupt:  # what is done is printed all the same
        interruption.kill()
    progress.close()
    summary = write_results(options, batch, stdout)
    if not batch.found and interruption.number is None:
        folders = ", ".join(map(shown, options.paths))
        progress.write(f"keyscan: no audio files in {folders}\n")
        return EXIT_FAILED
    if not options.quiet:
        lines = summary_lines(summary, key_style(options))
        progress.write("".join(f"{line}\n" for line in lines))
    if options.plot is not None:
        draw_picture(options, batch.tracks)
    return EXIT_FAILED if summary.failed else EXIT_OK
