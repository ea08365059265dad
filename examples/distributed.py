"""Keys of a library too large for one machine, with Ray Data: one row per track, as Parquet.

``python -m examples.distributed LIBRARY OUTPUT``, where ``LIBRARY`` is a folder, a text file with
one path per line, or a Parquet file or folder (``.parquet``) with a column ``path``. All machines
read Parquet in parts, so that its list may exceed the memory of one machine. Paths must be unique
and valid on every machine, as must this checkout (``PYTHONPATH``) and ``OUTPUT``, a shared drive or
an object store. A rerun skips the rows already written and repeats unfinished blocks (Ray's
checkpoints, in ``OUTPUT-done``).

``analyse_partition`` does not depend on Ray: ``examples.spark`` runs it on Spark.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, get_args

from keyscan import AnalysisError
from keyscan.batch.files import find_files
from keyscan.batch.results import Failed
from keyscan.engine.engine import Engine
from keyscan.engine.task import Outcome, Task
from keyscan.options import Effort, EngineOptions, ModelOptions, WorkerOptions
from keyscan.parser import count, seconds
from keyscan.runtime import THREAD_VARIABLES, usable_cores

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-not-found]

Row = dict[str, Any]
TIMEOUT = 120.0  # seconds
_BOOKKEEPING_CPUS = 2


def analyse_partition(
    paths: Iterable[str], timeout: float = TIMEOUT, effort: Effort = "full"
) -> Iterator[Row]:
    """Analyse files one after the other; yields exactly one row per file, in their order.

    A row has the fields of ``schema``: the result of ``keyscan.analyze``, or ``code`` and ``error``
    of a failure. The process keeps its model and its decoding process for the next partition. A
    file that takes longer than ``timeout`` seconds fails.

    Raises:
        StartFailed: the engine cannot start on this machine.
    """
    engine = _engine(timeout)
    for path in paths:
        yield engine.row(path, effort)


class OneByOne:
    """An engine that analyses one file at a time and uses one core.

    Decoding has the server's limits: a decoder that crashes ends only its own process.
    """

    def __init__(self, timeout: float) -> None:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # every core has an engine
        worker = WorkerOptions(timeout=timeout)
        options = EngineOptions(ModelOptions(), worker, workers=1, cache=None)
        engine = Engine(options, on_startup=lambda name, seconds: None)
        engine.load()
        self._tasks: SimpleQueue[Task] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        engine.serve(self._tasks.get, lambda _, outcome: self._outcomes.put(outcome))

    def row(self, path: str, effort: Effort = "full") -> Row:
        """The row of a file, as in ``schema``."""
        self._tasks.put(Task(path=path, effort=effort))
        found = self._outcomes.get().result
        if isinstance(found, AnalysisError):
            return {"path": path, "status": "error", "code": found.code, "error": str(found)}
        return {
            "path": path,
            "status": "success",
            "code": "ok",
            "camelot": found.camelot,
            "open_key": found.open_key,
            "key": found.name,
            "confidence": found.confidence,
            "tonal": found.tonal,
            "tuning_cents": found.tuning_cents,
            "duration": found.duration,
            "analysed_seconds": found.analysed_seconds or found.duration,
            "warnings": [warning.code for warning in found.warnings],
        }


@cache
def _engine(timeout: float) -> OneByOne:
    return OneByOne(timeout)


class Analyst:
    """The class of a Ray actor: ``analyse_partition`` on a block of the library."""

    def __init__(self, timeout: float, effort: Effort) -> None:
        _engine(timeout)
        self._timeout = timeout
        self._effort = effort

    def __call__(self, block: pa.Table) -> pa.Table:
        import pyarrow as pa

        rows = analyse_partition(block["path"].to_pylist(), self._timeout, self._effort)
        return pa.Table.from_pylist(list(rows), schema())


def schema() -> pa.Schema:
    """The schema of the output; unknown values are null."""
    import pyarrow as pa

    text = ("path", "status", "code", "error", "camelot", "open_key", "key")
    return pa.schema(
        [
            *((name, pa.string()) for name in text),
            ("confidence", pa.float32()),
            ("tonal", pa.bool_()),
            ("tuning_cents", pa.float32()),
            ("duration", pa.float64()),
            ("analysed_seconds", pa.float64()),
            ("warnings", pa.list_(pa.string())),
        ]
    )


def write_manifest(library: Path, manifest: Path) -> None:
    """Write the paths of a folder or a text file as Parquet, each once, for all machines.

    A byte of a name that is not UTF-8 becomes ``\\xff``, and the file will not be found.

    Raises:
        OSError: the list cannot be read.
    """
    import pyarrow as pa
    from pyarrow import parquet  # type: ignore[import-not-found]

    if library.is_dir():
        paths = []
        for found in find_files([str(library.absolute())], recursive=True):
            if isinstance(found, Failed):
                print(f"{found.path}: {found.error}", file=sys.stderr)
            else:
                paths.append(os.fsencode(found))
    else:
        paths = library.read_bytes().splitlines()
    names = [path.decode(errors="backslashreplace") for path in dict.fromkeys(paths) if path]
    manifest.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table({"path": pa.array(names, pa.string())}), manifest)


def run(
    manifest: str, output: str, actors: int, block: int, timeout: float, effort: Effort
) -> None:
    """Analyse the paths of ``manifest`` that ``output`` lacks, in files of ``block`` rows."""
    import ray  # type: ignore[import-not-found]
    from ray.data.checkpoint import CheckpointConfig  # type: ignore[import-not-found]

    ray.data.DataContext.get_current().checkpoint_config = CheckpointConfig(
        "path", f"{output}-done", delete_checkpoint_on_success=False
    )
    library = ray.data.read_parquet(manifest, columns=["path"])
    blocks = library.repartition(target_num_rows_per_block=block)
    rows = blocks.map_batches(
        Analyst,
        fn_constructor_args=[timeout, effort],
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=1,
    )
    rows.write_parquet(output, mode="append")


def command_line(name: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of ``python -m examples.NAME``, with the arguments that Ray and Spark share."""
    parser = argparse.ArgumentParser(
        prog=f"examples.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("library", help="a folder, a text file of paths, or Parquet with a column 'path'")
    add("output", help="the folder for the rows")
    add("--block", type=count, default=200, help="tracks per file (default: %(default)s)")
    add("--timeout", type=seconds, default=TIMEOUT, help="seconds per file (default: %(default)g)")
    add(
        "--effort",
        choices=get_args(Effort),
        default="full",
        help="adaptive: analyse parts of a file while they suffice (default: %(default)s)",
    )
    return parser


def manifest_of(library: str, output: str, parser: argparse.ArgumentParser) -> str:
    """The Parquet with the paths of ``library``, which is written beside ``output`` if needed."""
    if library.endswith(".parquet"):
        return library
    manifest = f"{output}-manifest.parquet"
    try:
        write_manifest(Path(library), Path(manifest))
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    return manifest


def main() -> int:
    """Returns the exit code 0: every track has a row."""
    parser = command_line("distributed", __doc__)
    add = parser.add_argument
    add("--address", default="local", help="address of a Ray cluster (default: this machine)")
    add(
        "--actors",
        type=count,
        default=usable_cores(),
        help="processes, one CPU each (default: %(default)s)",
    )
    options = parser.parse_args()
    if any(find_spec(name) is None for name in ("ray", "pyarrow")):
        parser.error("Ray Data is needed: pipenv sync --categories distributed")
    manifest = manifest_of(options.library, options.output, parser)
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no statistics are sent
    if options.address == "local":  # Ray reserves CPUs for reading and writing
        ray.init("local", num_cpus=options.actors + _BOOKKEEPING_CPUS, include_dashboard=False)
    else:
        ray.init(options.address)
    run(manifest, options.output, options.actors, options.block, options.timeout, options.effort)
    return 0


if __name__ == "__main__":
    from examples.distributed import main as imported_main  # actors import by module name

    sys.exit(imported_main())
