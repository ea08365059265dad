"""Keys of a library too large for one machine, with Spark: one row per track, as Parquet.

``python -m examples.spark LIBRARY OUTPUT`` takes the libraries and writes the rows of
``examples.distributed``, which says what must be reachable from every machine. Every machine needs
a Java runtime, and a Python with the engine, pandas and pyarrow (``PYSPARK_PYTHON``). Spark repeats
the partitions of a lost machine, and writes the rows when all are done: ``OUTPUT`` must not exist.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from examples.distributed import analyse_partition, command_line, manifest_of, schema
from keyscan.options import Effort

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from pyspark.sql import SparkSession  # type: ignore[import-not-found]


def analyse_frames(
    frames: Iterator[pd.DataFrame], timeout: float, effort: Effort
) -> Iterator[pd.DataFrame]:
    """The function for ``mapInPandas``: the rows of frames with a column ``path``."""
    import pyarrow as pa  # type: ignore[import-not-found]

    for frame in frames:
        rows = analyse_partition(frame["path"], timeout, effort)
        yield pa.Table.from_pylist(list(rows), schema()).to_pandas()


def run(
    session: SparkSession, manifest: str, output: str, block: int, timeout: float, effort: Effort
) -> None:
    """Analyse the paths of ``manifest``, in partitions of about ``block`` rows.

    Raises:
        AnalysisException: ``manifest`` has no such column, or ``output`` exists (from Spark).
    """
    from pyspark.sql.pandas.types import from_arrow_schema  # type: ignore[import-not-found]

    library = session.read.parquet(manifest).select("path")
    partitions = max(1, -(-library.count() // block))
    analyse = partial(analyse_frames, timeout=timeout, effort=effort)
    rows = library.repartition(partitions).mapInPandas(analyse, from_arrow_schema(schema()))
    rows.write.parquet(output)


def main() -> int:
    """Returns the exit code 0: every track has a row."""
    parser = command_line("spark", __doc__)
    parser.add_argument(
        "--master",
        default="local[*]",
        help="the Spark cluster; local[2]: two cores here (default: all)",
    )
    options = parser.parse_args()
    if any(find_spec(name) is None for name in ("pyspark", "pandas", "pyarrow")):
        parser.error("Spark is needed: pip install pyspark 'pandas<3' pyarrow")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        parser.error("Spark needs a Java runtime on the PATH or in JAVA_HOME")
    manifest = manifest_of(options.library, options.output, parser)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.errors import AnalysisException  # type: ignore[import-not-found]
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master(options.master).appName("keys").getOrCreate()
    try:
        run(session, manifest, options.output, options.block, options.timeout, options.effort)
    except AnalysisException as error:
        parser.error(str(error))
    finally:
        session.stop()
    return 0


if __name__ == "__main__":
    from examples.spark import main as imported_main  # Python workers import by module name

    sys.exit(imported_main())
