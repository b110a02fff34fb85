"""Words that wait survive the process, in their order; a file whose words are all answered is empty."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.enums import Liquidity
from app.domain.errors import InvariantBroken
from app.domain.fills import ExecutionReport, ReportKind
from app.execution.inputs import Recall
from app.store import recalls
from app.store.recalls import RecallFile, recalls_path

REPORT = ExecutionReport(
    ReportKind.FILLED,
    "ven_a",
    "01K742SG0004PNT20S6NASR7RN",
    "o1",
    "t1",
    6_000_000,
    3,
    cum_qty_lots=3,
    fee_nano=-5,
    fee_currency="USDT",
    liquidity=Liquidity.MAKER,
    venue_ts_ns=1_760_000_000_000_000_001,
    evidence='stream "trade":t1\n',
)
KEY = ("ven_a", "desk", "BTC/USDT", "t1", True)


def told(n: int) -> list[Recall]:
    return [Recall(replace(REPORT, venue_trade_id=f"t{i}"), KEY if i % 2 else None) for i in range(n)]


def test_they_come_back_as_they_were_and_in_order(tmp_path: Path) -> None:
    path = recalls_path(tmp_path / "journal.db")
    assert path.name == "journal.recalls"
    file = RecallFile(path)
    words = told(7)
    for word in words[:5]:
        file.append(word)
    assert file.read(3) == words[:3]
    for word in words[5:]:
        file.append(word)
    assert file.n_unread == 4
    assert file.read(100) == words[3:]
    assert file.read(100) == []
    assert RecallFile(path).read(100) == words, "what was read and not cleared waits for the next process"


def test_what_is_answered_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.recalls"
    file, words = RecallFile(path), told(3)
    file.append(words[0])
    with pytest.raises(InvariantBroken, match="unread"):
        file.clear()
    file.read(1)
    file.clear()
    assert path.stat().st_size == 0
    file.append(words[1])
    assert file.read(9) == [words[1]]
    assert RecallFile(path).read(9) == [words[1]]


def test_half_a_line_is_no_word(tmp_path: Path) -> None:
    path, words = tmp_path / "journal.recalls", told(3)
    file = RecallFile(path)
    for word in words[:2]:
        file.append(word)
    whole = path.read_bytes()
    for cut in range(len(whole) - 1, whole.index(b"\n"), -7):
        path.write_bytes(whole[:cut])
        again = RecallFile(path)
        again.append(words[2])
        assert again.read(9) == [words[0], words[2]]


def test_lines_longer_than_a_piece_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recalls, "_PIECE_BYTES", 17)
    file, words = RecallFile(tmp_path / "journal.recalls"), told(4)
    for word in words:
        file.append(word)
    assert file.read(2) + file.read(9) == words
    assert RecallFile(tmp_path / "journal.recalls").n_unread == 4


def test_a_line_of_something_else_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "journal.recalls"
    path.write_bytes(b'{"report": 1}\n')
    with pytest.raises(InvariantBroken, match="no recall of this release"):
        RecallFile(path).read(1)


def test_a_full_disk_is_told_and_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, words = RecallFile(tmp_path / "journal.recalls"), told(2)
    file.append(words[0])
    whole_write = recalls.os.pwrite
    monkeypatch.setattr(recalls.os, "pwrite", lambda fd, line, at: whole_write(fd, line[:9], at))
    with pytest.raises(OSError, match="no room"):
        file.append(words[1])
    monkeypatch.undo()
    assert RecallFile(tmp_path / "journal.recalls").read(9) == words[:1]
