"""A ledger holds what was written, in order, whatever byte the writer died at."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import Side, TimeInForce
from app.domain.errors import InvariantBroken, Unavailable
from app.venues.ledger import (
    AbsentLine,
    AcceptedLine,
    DoneLine,
    FillLine,
    LedgerLine,
    RefusedLine,
    VenueLedger,
    ledger_path,
    read_ledger,
)


def accepted(client_id: str) -> AcceptedLine:
    return AcceptedLine(
        1, client_id, "v-1", "chd", "ord", "desk", "BTC/USDT", Side.BUY, TimeInForce.IOC, 100, 5, 9, 1, 1
    )


def story(client_id: str) -> list[LedgerLine]:
    return [
        accepted(client_id),
        FillLine(2, client_id, "v-1", "t-1", "BTC/USDT", 100, 3, 3, 7, "USDT", 200),
        DoneLine(2, client_id, "v-1", "canceled", 3, "ioc_remainder"),
        RefusedLine(3, client_id, "duplicate_client_id", "again"),
    ]


def opened(path: Path) -> VenueLedger:
    ledger = VenueLedger(path)
    ledger.open()
    return ledger


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    ledger = opened(ledger_path(tmp_path / "new", "v"))
    offsets = ledger.append(story("a"))
    ledger.append([AbsentLine(4, "b", 3)])
    assert read_ledger(ledger.path) == [*story("a"), AbsentLine(4, "b", 3)]
    assert ledger.lines_of("a") == list(zip(offsets, story("a"), strict=True))
    assert ledger.is_known("a")
    assert not ledger.is_known("b")
    assert ledger.is_absent("b")
    ledger.close()
    ledger.close()


def test_an_order_is_open_from_acceptance_to_its_end(tmp_path: Path) -> None:
    ledger = opened(tmp_path / "l")
    ledger.append([accepted("a"), accepted("b")])
    assert [order.client_id for order in ledger.open_orders()] == ["a", "b"]
    ledger.append([DoneLine(2, "a", "v-1", "expired", 0, "fok")])
    assert ledger.is_open("b")
    assert not ledger.is_open("a")
    ledger.close()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3), st.integers(0, 2_000))
def test_a_torn_tail_is_cut_off_and_writing_goes_on(
    tmp_path_factory: pytest.TempPathFactory, n_stories: int, n_cut: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "l"
    ledger = opened(path)
    whole: list[LedgerLine] = []
    for i in range(n_stories):
        whole += story(f"c{i}")
        ledger.append(story(f"c{i}"))
    ledger.close()
    blob = path.read_bytes()
    kept = blob[: max(0, len(blob) - n_cut)]
    path.write_bytes(kept)
    n_whole = kept.count(b"\n")
    assert read_ledger(path) == whole[:n_whole]
    assert path.read_bytes() == kept  # a reader repairs nothing
    again = opened(path)
    again.append([accepted("z")])
    assert read_ledger(path) == [*whole[:n_whole], accepted("z")]
    assert again.n_accepted == sum(isinstance(line, AcceptedLine) for line in whole[:n_whole]) + 1
    again.close()


def test_opening_again_counts_nothing_twice(tmp_path: Path) -> None:
    ledger = opened(tmp_path / "l")
    ledger.append(story("a"))
    ledger.close()
    ledger.open()
    assert (ledger.n_accepted, ledger.n_fills, len(ledger.lines_of("a"))) == (1, 1, 4)
    ledger.close()


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    ledger = opened(tmp_path / "l")
    with pytest.raises(Unavailable):
        opened(tmp_path / "l")
    ledger.append(story("a"))
    ledger.close()
    opened(tmp_path / "l").close()


def test_a_damaged_middle_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "l"
    ledger = opened(path)
    ledger.append(story("a"))
    ledger.close()
    path.write_bytes(path.read_bytes().replace(b'"event":"fill"', b'"event":"fi!l"', 1))
    with pytest.raises(InvariantBroken):
        read_ledger(path)


def test_an_absent_file_has_no_lines(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / "none") == []


def test_the_latest_stories_and_those_read_back_are_the_same(tmp_path: Path) -> None:
    ledger = opened(ledger_path(tmp_path, "v"))
    names = [f"id-{i}" for i in range(300)]
    offsets = {}
    for name in names:
        first, *rest = story(name)
        offsets[name] = ledger.append([first]) + ledger.append(rest)
    told = {name: ledger.lines_of(name) for name in names}
    ledger.append([RefusedLine(9, names[0], "duplicate_client_id", "again")])
    ledger.close()
    again = opened(ledger.path)
    assert told == {name: list(zip(offsets[name], story(name), strict=True)) for name in names}
    assert {name: again.lines_of(name) for name in names[1:]} == {name: told[name] for name in names[1:]}
    assert len(again.lines_of(names[0])) == 5
    again.append([RefusedLine(10, names[-1], "duplicate_client_id", "again")])
    assert len(again.lines_of(names[-1])) == 5
    again.close()
