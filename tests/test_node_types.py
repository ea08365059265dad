"""The types of the Node client say what the schema of the protocol says, field by field."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.messages import SCHEMA
from tests.server_process import ROOT

PARTS = SCHEMA["$defs"]
INTERFACES = {
    "success": "Success", "failure": "Failure", "ready": "Ready", "pong": "Pong",
    "warning": "Warning", "keyGuess": "KeyGuess", "partKey": "PartKey", "segment": "Segment",
}  # fmt: skip
NAMED = {**INTERFACES, "camelot": "Camelot", "openkey": "OpenKey"}
OPEN_KEY = ("`${Hour}${'m' | 'd'}`", "KeyGuess['openkey']")
LATER = "(string & {})"  # what later servers may have

Field = tuple[bool, set[str]]  # whether it is required, and the members of its type


def source(name: str) -> str:
    """A file of types without its comments."""
    text = (ROOT / "clients" / "node" / name).read_text(encoding="utf-8")
    return re.sub(r"/\*\*.*?\*/", "", text, flags=re.DOTALL)


TYPES = source("index.d.ts")
for _text in OPEN_KEY:
    TYPES = TYPES.replace(_text, "OpenKey")
ALIASES = dict(re.findall(r"^export type (\w+) =([^;]*);", TYPES, re.MULTILINE))


def declared(interface: str) -> dict[str, Field]:
    """The fields of an interface and of the one that it extends."""
    pattern = rf"^export interface {interface}(?: extends (\w+))? {{\n(.*?)^}}"
    found = re.search(pattern, TYPES, re.MULTILINE | re.DOTALL)
    assert found, interface
    fields = declared(found[1]) if found[1] else {}
    for name, optional, text in re.findall(r"^  (\w+)(\??): ([^;]*);", found[2], re.MULTILINE):
        fields[name] = (not optional, members(text))
    return fields


def members(text: str) -> set[str]:
    """The members of a union in TypeScript; those of an array each end with ``[]``."""
    found: set[str] = set()
    for member in filter(None, map(str.strip, text.split("|"))):
        name, array = member.removesuffix("[]"), "[]" if member.endswith("[]") else ""
        found |= {each + array for each in members(ALIASES[name])} if name in ALIASES else {member}
    return found - {LATER, f"{LATER}[]"}


def described(part: str) -> dict[str, Field]:
    """The fields of a part of the schema, as TypeScript has them."""
    schema = PARTS[part]
    return {
        name: (name in schema["required"], typescript(value))
        for name, value in schema["properties"].items()
    }


def typescript(schema: dict[str, Any]) -> set[str]:
    """The members of the type of what ``schema`` allows."""
    match schema:
        case {"$ref": reference}:
            name = reference.rpartition("/")[2]
            return {NAMED[name]} if name in NAMED else typescript(PARTS[name])
        case {"anyOf": parts}:
            return set().union(*map(typescript, parts))
        case {"items": items}:
            return {f"{member}[]" for member in typescript(items)}
        case {"const": str(value)}:
            return {f"'{value}'"}
        case {"const": int()}:
            return {"number"}
        case {"enum": values}:
            return {"null" if value is None else f"'{value}'" for value in values}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {"number" if kind == "integer" else kind for kind in kinds}


@pytest.mark.parametrize(("part", "interface"), INTERFACES.items())
def test_an_interface_has_the_fields_of_the_schema(part, interface):
    fields, types = described(part), declared(interface)
    if "id" in fields:  # the client numbers its requests
        fields["id"] = (True, {"number"})
    for name in ("notations", "spellings"):  # the settings of a server, to be shown by the app
        if name in fields:
            assert types.pop(name) == (True, {"string[]"})
            assert fields.pop(name)[0]
    assert types == fields


def test_the_options_of_a_file_are_those_of_a_request():
    fields = described("analyze")
    options = {name: kinds - {"null"} for name, (required, kinds) in fields.items() if not required}
    del options["type"]
    types = declared("AnalyzeOptions")
    assert types.pop("signal") == (False, {"AbortSignal"})
    assert {name: kinds for name, (_, kinds) in types.items()} == options
    assert not any(required for required, _ in types.values())


def test_keys_are_those_of_the_schema():
    hours = re.search(r"^export type Hour =([^;]*);", source("keys.d.ts"), re.MULTILINE)[1]
    for part, letters in (("camelot", "AB"), ("openkey", "md")):
        keys = {f"{hour.strip()}{letter}" for hour in hours.split("|") for letter in letters}
        assert keys == set(PARTS[part]["enum"])
