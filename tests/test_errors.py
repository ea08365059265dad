"""Every code that a client can see is documented, and is one class."""

from __future__ import annotations

import pickle
import re

import pytest

from keyscan import errors
from tests.server_process import ROOT

CLASSES = [
    found
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, errors.AnalysisError)
]
WITHOUT_REPLY = (errors.AnalysisError, errors.InvalidInput)
WITH_CODES = [found for found in CLASSES if found not in WITHOUT_REPLY]


def test_the_table_of_codes_is_what_the_classes_say():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("| error code | meaning |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE))
    assert rows == {found.code: " ".join(found.__doc__.split()) for found in WITH_CODES}


def test_each_class_has_a_code_of_its_own():
    assert tuple(found.code for found in WITH_CODES) == errors.ERROR_CODES
    assert len(set(errors.ERROR_CODES)) == len(WITH_CODES)


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_crosses_a_pipe(kind):
    error = kind("why")
    error.warnings = (errors.AnalysisWarning("truncated", "m"),)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.code, str(copy)) == (kind, kind.code, "why")
    assert copy.warnings == error.warnings


def test_no_reply_has_the_code_of_a_wrong_argument():
    assert errors.InvalidInput.code not in errors.ERROR_CODES
    assert issubclass(errors.InvalidInput, ValueError)
