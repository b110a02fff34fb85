from __future__ import annotations

import ctypes
import mmap
import re
from pathlib import Path

import pytest

from app.workers import large_pages
from app.workers.large_pages import LARGE_BYTES, gather_large_pages, places

MB = 1 << 20


def line(start: int, end: int, rights: str = "rw-p", name: str = "") -> str:
    return f"{start:x}-{end:x} {rights} 00000000 00:00 0 {name}"


def test_large_pages_lie_whole_within_private_memory_of_no_file() -> None:
    maps = [
        line(5 * MB, 11 * MB),  # 6 to 10
        line(20 * MB, 22 * MB, name="[heap]"),
        line(30 * MB + 4096, 33 * MB),  # no place for one between the multiples of its size
        line(40 * MB, 44 * MB, name="/usr/lib/libpython.so"),
        line(50 * MB, 54 * MB, name="[stack]"),
        line(60 * MB, 64 * MB, "r--p"),
        line(70 * MB, 74 * MB, "rw-s"),
    ]
    assert [place // MB for place in places(maps)] == [6, 8, 20]


def test_what_is_gathered_holds_what_it_held_and_is_counted() -> None:
    heap = mmap.mmap(-1, 4 * LARGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for at in range(0, len(heap), 4096):
        heap[at : at + 4] = (at // 4096).to_bytes(4, "big")
    gathered = gather_large_pages()
    assert gathered % LARGE_BYTES == 0
    assert all(heap[at : at + 4] == (at // 4096).to_bytes(4, "big") for at in range(0, len(heap), 4096))
    told = re.search(r"AnonHugePages:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text())
    assert told is not None
    assert int(told[1]) * 1024 >= gathered


@pytest.mark.parametrize("lacks", ["maps", "madvise"])
def test_another_system_gathers_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lacks: str) -> None:
    if lacks == "maps":
        monkeypatch.setattr(large_pages, "_MAPS", tmp_path / "none")
    else:
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert gather_large_pages() == 0
