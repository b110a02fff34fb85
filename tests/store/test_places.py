"""The coarse index never hides a fact, is nearly never written, and is made again after a crash."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from random import Random

import pytest

from app.store.journal import JournalReader, store_turn
from app.store.journal_schema import open_writer
from app.store.places import MAX_WAITING_ACCOUNTS, TURNS_A_PLACE, Place, Places, PlacesCheck, find_place, reach
from app.store.turns import Turn, accounts_text
from tests.store.journals import APART, write_journal
from tests.store.logs import story_facts, turns
from tests.store.tampering import tamper


def row(first_seq: int, n_facts: int, accounts: dict[str, int]) -> Turn:
    return Turn(first_seq, first_seq + n_facts - 1, 5, accounts_text(dict(accounts)), bytes(32 * n_facts), b"", b"{}")


def grow(connection: sqlite3.Connection, places: Places, n_turns: int, random: Random) -> list[tuple[str, int, int]]:
    """Rows of random accounts; (account, account_seq, the row's first seq) of every fact of an account."""
    told = []
    (seq,) = connection.execute("select coalesce(max(last_seq), 0) from turns").fetchone()
    last: dict[str, int] = {}
    for (accounts,) in connection.execute("select accounts from turns").fetchall():
        last |= {name: max(n, last.get(name, 0)) for name, n in json.loads(accounts).items()}
    for _ in range(n_turns):
        now: dict[str, int] = {}
        n_facts = random.randint(1, 9)
        for _ in range(n_facts):
            account = random.choice(["", "busy", "busy", "busy", "seldom"] if random.random() < 0.1 else ["", "busy"])
            if account:
                last[account] = now[account] = last.get(account, 0) + 1
                told.append((account, last[account], seq + 1))
        turn = row(seq + 1, n_facts, now)
        store_turn(connection, turn, places.note(turn))
        seq += n_facts
    return told


@pytest.mark.parametrize("seed", range(6))
def test_it_never_points_behind_a_fact_and_what_it_promises_is_there(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    connection = open_writer(tmp_path / "journal.db")
    told: list[tuple[str, int, int]] = []
    for _ in range(4):  # a writer after the other: what the one left unwritten the next one writes
        told += grow(connection, Places(connection), random.randint(1, 150), random)
        check = PlacesCheck(connection)
        assert not [fact for fact in told if check.is_hidden(*fact)]
        for account, account_seq, first_seq in told:
            place = find_place(connection, account, account_seq - 1)
            assert place.first_seq <= first_seq
            if place.last_account_seq is not None:
                assert (account, place.last_account_seq) in {fact[:2] for fact in told}
    n_rows = connection.execute("select count(*) from places").fetchone()[0]
    n_turns = connection.execute("select count(*) from turns").fetchone()[0]
    assert n_rows <= 3 * (n_turns // TURNS_A_PLACE) + 3
    connection.close()


def test_it_is_written_with_every_sixty_fourth_row(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "journal.db")
    places = Places(connection)
    noted = [places.note(row(n, 1, {"desk": n})) for n in range(1, 2 * TURNS_A_PLACE + 1)]
    written = [(n, rows) for n, rows in enumerate(noted, 1) if rows]
    assert written == [
        (64, [("desk", 64, 1), ("", 64, 65)]),
        (128, [("desk", 128, 65), ("", 128, 129)]),
    ]
    connection.close()


def test_many_accounts_are_written_earlier(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "journal.db")
    places = Places(connection)
    assert places.note(row(1, 255, {f"a{n}": 1 for n in range(MAX_WAITING_ACCOUNTS - 1)})) == []
    assert len(places.note(row(256, 1, {"one more": 1}))) == MAX_WAITING_ACCOUNTS + 1
    connection.close()


def test_a_log_of_facts_of_no_account_is_skipped_too(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "journal.db")
    assert (reach(connection), find_place(connection, "desk", 0)) == (0, Place(0, None))
    places = Places(connection)
    for n in range(1, TURNS_A_PLACE + 1):
        turn = row(n, 1, {})
        store_turn(connection, turn, places.note(turn))
    assert (reach(connection), find_place(connection, "desk", 0)) == (65, Place(65, None))
    connection.close()


def test_rows_stored_without_it_are_made_up_for(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "journal.db")
    for n in range(1, 200):
        store_turn(connection, row(n, 1, {"desk": n}), [])
    last = row(200, 1, {"desk": 200})
    store_turn(connection, last, Places(connection).note(last))
    assert find_place(connection, "desk", 100) == Place(65, 128)
    assert find_place(connection, "desk", 199) == Place(193, None)
    check = PlacesCheck(connection)
    assert not [n for n in range(1, 201) if check.is_hidden("desk", n, n)]
    connection.close()


@pytest.mark.parametrize(
    "statement",
    ["delete from places", "delete from places where account = 'desk-a'", "update places set first_seq = 1"],
)
def test_pages_do_not_depend_on_how_much_is_written(tmp_path: Path, statement: str) -> None:
    """None of it, or a cautious one, costs reading only; a lost row below its reach does hide, and verify finds it."""
    facts, receipts = story_facts(1_400, seed=3)
    path = tmp_path / "journal.db"
    write_journal(path, turns(facts, receipts), APART)
    mine = [fact for fact in facts if fact.account == "desk-a"]
    reader = JournalReader(path)
    pages = [reader.read_account("desk-a", after, 50) for after in range(0, len(mine), 50)]
    reader.close()
    assert [fact for page in pages for fact in page] == mine
    tamper(path, statement)
    reader = JournalReader(path)
    again = [reader.read_account("desk-a", after, 50) for after in range(0, len(mine), 50)]
    reader.close()
    assert (again == pages) == ("account" not in statement)
