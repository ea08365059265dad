"""A program that uses ``keyscan.analyze``, as a user writes it: it sets no threads.

``python -m benchmarks.api_program`` reads paths, or ``{"id", "path"}`` lines, from stdin and
replies to each with a key.
"""

from __future__ import annotations

from benchmarks import script
from benchmarks.line_program import serve
from keyscan import analyze


def main() -> None:
    script.parser("api_program", __doc__).parse_args()
    serve(lambda path: analyze(path).name)


if __name__ == "__main__":
    main()
