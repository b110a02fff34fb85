"""What is committed speaks of the project only: no machine's path, no registry's address, no decision without a why."""

from __future__ import annotations

import re
import subprocess
from functools import cache

import pytest

from .conftest import REPOSITORY

SECTIONS = ["Context", "Decision", "Consequences", "Alternatives"]
# Assembled, so that this file does not find itself.
MACHINE = re.compile("|".join(["/" + "work/", "/" + "root/", "/" + "tmp/", "/" + r"home/\w+/", "/" + r"Users/\w+/"]))
REGISTRY = re.compile(
    "|".join(
        [r"pypi\." + "org", "pythonhosted" + r"\.org", r"npmjs\." + "org", "index" + "-url =", "--extra-" + "index"]
    )
)
BINARY = {".parquet", ".db", ".gz", ".bin", ".png", ".receipt"}


@cache
def committed():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    paths = [REPOSITORY / name for name in listed]
    return [path for path in paths if path.is_file() and path.suffix not in BINARY]


def lines_with(pattern):
    return [
        f"{path.relative_to(REPOSITORY)}:{number}"
        for path in committed()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_machine_is_named():
    """A path of one machine is a promise that every other machine breaks."""
    assert not lines_with(MACHINE)


def test_no_registry_is_named():
    """Where packages come from is the installer's choice; a lock with hashes does not care."""
    assert not lines_with(REGISTRY)


def test_locks_carry_a_hash_for_every_version():
    for lock in (REPOSITORY / "requirements").glob("*.lock"):
        text = lock.read_text()
        pinned = re.findall(r"^[A-Za-z0-9_.\[\]-]+==\S+", text, re.M)
        blocks = re.split(r"^(?=[A-Za-z0-9_.\[\]-]+==)", text, flags=re.M)[1:]
        assert len(blocks) == len(pinned) >= 3, lock.name
        assert all("--hash=sha256:" in block for block in blocks), lock.name


def test_small_locks_are_parts_of_the_large_one():
    """Were they compiled apart, the demo would run other versions than the ones that were tested."""

    def versions(name):
        text = (REPOSITORY / "requirements" / f"{name}.lock").read_text()
        return set(re.findall(r"^([A-Za-z0-9_.\[\]-]+==[^ ;\\]+)", text, re.M))

    assert versions("kernels") <= versions("core") <= versions("replay") <= versions("dev")
    assert versions("core") <= versions("cex") <= versions("dev")


ADRS = sorted((REPOSITORY / "docs" / "adr").glob("[0-9]*.md"))


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.stem)
def test_a_decision_says_why(path):
    text = path.read_text()
    assert re.match(r"# \d{4} .+", text), "opens with its number and name"
    assert re.findall(r"^## (.+)$", text, re.M) == SECTIONS
    for section in re.split(r"^## .+$", text, flags=re.M)[1:]:
        assert len(section.split()) >= 5, "a section without a sentence"


def test_decisions_are_numbered_without_gaps():
    numbers = [int(path.name[:4]) for path in ADRS]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers, "no decision is recorded"


def test_links_between_documents_lead_somewhere():
    broken = []
    for path in committed():
        if path.suffix != ".md":
            continue
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
            if "://" not in target and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(REPOSITORY)} -> {target}")
    assert not broken
