"""A parser of a command's arguments: its help and its errors, and the types of values.

A wrong argument ends the process with exit code 2 and a message on stderr; ``--help`` and
``--version`` end it with 0.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import PurePath
from typing import Any

from keyscan import __version__
from keyscan.stdio import print_text
from keyscan.terminal import wrapped
from keyscan.usage import PRODUCT, program, suggestion


class _Parser(argparse.ArgumentParser):
    """Options may stand between operands; errors suggest what a mistyped word may mean.

    A parser has one positional argument at most, of ``nargs="*"``; that none is given is an error,
    which comes after that of a mistyped option.
    """

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        end = words.index("--") if "--" in words else len(words)
        last = words[end + 1 :]  # operands, even those that begin with -
        found, unknown = self.parse_known_intermixed_args(words[:end], namespace)
        positionals = self._get_positional_actions()
        if unknown or (last and not positionals):
            known = [name for action in self._actions for name in action.option_strings]
            mistyped = [word for word in unknown if word.startswith("-")]
            hint = suggestion([word.partition("=")[0] for word in mistyped], known)
            self.error(f"unrecognized arguments: {' '.join(mistyped or unknown + last)}{hint}")
        for action in positionals:
            operands = [*getattr(found, action.dest), *last]
            if not operands:
                self.error(f"the following arguments are required: {action.metavar}")
            setattr(found, action.dest, operands)
        return found

    def _print_message(self, message: str, file: Any = None) -> None:
        """The help and the version, for which the file is stdout, and errors."""
        if file is sys.stderr:
            super()._print_message(message, file)
        elif code := print_text(message, "the help"):
            self.exit(code)

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


def make_parser(
    description: str, epilog: str, command: str, operands: str = ""
) -> argparse.ArgumentParser:
    """A parser of ``command``; ``operands``: what its usage says behind the options."""
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


def memory_size(text: str) -> int:
    """The type of an option that is a limit of memory, in MiB."""
    if (mebibytes := size(text)) < (least := 200):
        message = f"must be at least {least}, which decoding takes, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    return mebibytes


def size(text: str) -> int:
    """The type of an option that is a number of files or of MiB."""
    return _whole(text, 1 << 31, "from 1")  # files or MiB: no limit in practice


def pattern(text: str) -> str:
    """The type of an option that is a glob pattern."""
    if not PurePath(text).parts:
        raise argparse.ArgumentTypeError(f"must be the name of a file or folder, not {text!r}")
    return text


def stream_number(text: str) -> int:
    """The type of an option that is the number of an audio stream."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 on, not {text!r}")
    return int(text)


def _whole(text: str, most: int, between: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"must be a whole number {between}, not {text!r}")
    return int(text)
