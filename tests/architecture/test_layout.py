"""The folder list is the pipeline: a file sits where its noun lives, and its test sits at the same place."""

from __future__ import annotations

import ast

from .conftest import REPOSITORY

BANNED = {"utils", "util", "common", "helpers", "helper", "core", "misc", "managers", "manager", "shared", "base_utils"}


def test_no_room_without_a_noun(house):
    found = [source.path for source in house if BANNED & {part.removesuffix(".py") for part in source.path.split("/")}]
    assert not found, "the noun is missing: name it first"


def test_packages_open_without_code(house):
    """Code in __init__ runs for everyone who imports a neighbour; models gathers its tables for migrations."""
    found = [
        source.path
        for source in house
        if source.path.endswith("__init__.py") and source.text.strip() and source.path != "models/__init__.py"
    ]
    assert not found


def test_every_folder_is_a_package():
    """A folder without __init__ is invisible to the import contracts: whatever lies in it obeys none of them."""
    app = REPOSITORY / "app"
    folders = {path.parent for path in app.rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


def test_every_public_function_has_a_mirror_test(house):
    """A file without its namesake test is tested by luck; looking for it should take no search."""
    missing = []
    for source in house:
        is_public = any(
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
            for node in source.tree.body
        )
        if not is_public or source.path.endswith("__init__.py"):
            continue
        room, _, name = source.path.rpartition("/")
        if not (REPOSITORY / "tests" / room / f"test_{name}").exists():
            missing.append(f"tests/{room}/test_{name}" if room else f"tests/test_{name}")
    assert not missing
