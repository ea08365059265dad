"""A finding as the source of a function that makes its file, for ``tests/crafted/found.py``."""

from __future__ import annotations

import base64
import re
import textwrap
import zlib
from collections.abc import Sequence

from fuzzing.edits import Edit
from fuzzing.findings import Finding

_WIDTH = 88
_INDENT = "    "
_SHORT = 10  # bytes written as a literal


def name_of(finding: Finding) -> str:
    """The name from format, code and number: ``mp3_timeout_7``."""
    name = re.sub(r"\W", "_", f"{finding.format}_{finding.code}_{finding.number}")
    return name if name.isidentifier() else f"a_{name}"


def source_of(finding: Finding, edits: Sequence[Edit], checksums: bool) -> str:
    """A module with one function: the valid file, and all edits.

    The code is the one found; replace it by the correct one.
    """
    why = finding.why.strip().replace("\\", "/").replace('"', "'")
    body = [line for edit in edits for line in _applied(edit)]
    packed = any("zlib" in line for line in body)
    return "\n".join(
        (
            *(("import base64", "import zlib", "") if packed else ()),
            "from fuzzing.inputs import original",
            *(("from fuzzing.settled import repair_ogg",) if checksums else ()),
            "from tests.crafted.found import Found",
            *("", ""),
            f"def {name_of(finding)}() -> Found:",
            *textwrap.wrap(
                f'"""{why}"""', _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT
            ),
            f'    data = original("{finding.format}")',
            *body,
            *(("    data = repair_ogg(data)",) if checksums else ()),
            '    return Found(data, "decode_failed")  # or the right code',
            "",
        )
    )


def _applied(edit: Edit) -> list[str]:
    head, tail = f"data[:{edit.at}]", f"data[{edit.at + edit.removed}:]"
    inserted = edit.inserted
    if not inserted:
        return [f"    data = {head} + {tail}"]
    if len(inserted) > _SHORT and inserted == inserted[:1] * len(inserted):
        return [f"    data = {head} + {_literal(inserted[:1])} * {len(inserted)} + {tail}"]
    if len(inserted) <= _SHORT:
        return [f"    data = {head} + {_literal(inserted)} + {tail}"]
    packed = base64.b85encode(zlib.compress(inserted, 9)).decode()
    return [
        "    inserted = zlib.decompress(",
        "        base64.b85decode(",
        *(f'            "{packed[at : at + 80]}"' for at in range(0, len(packed), 80)),
        "        )",
        "    )",
        f"    data = {head} + inserted + {tail}",
    ]


def _literal(data: bytes) -> str:
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'
