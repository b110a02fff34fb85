"""What every journal promises, in a file or in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.errors import InvariantBroken, Unavailable
from app.execution.ledger import fold
from app.store.chain import GENESIS
from tests.store.journals import Memory, Sqlite
from tests.store.logs import named_at, story_facts, turns

FACTS, RECEIPTS = story_facts(400)
NAMED = named_at(FACTS)
Either = Sqlite | Memory


@pytest.fixture(params=[Sqlite, Memory], ids=["sqlite", "memory"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Either]:
    opened = request.param(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def full(log: Either) -> Either:
    """A journal that holds the whole story."""
    for facts, receipts in turns(FACTS, RECEIPTS):
        log.journal.append(facts, receipts)
    log.settle()
    return log


def test_what_was_appended_replays_equal_and_in_order(full: Either) -> None:
    assert list(full.reader.replay()) == FACTS


def test_a_replay_folds_to_the_same_ledger(full: Either) -> None:
    assert fold(full.reader.replay()) == fold(FACTS)


def test_durability_is_told_in_order_and_to_the_end(full: Either) -> None:
    assert full.heard.durable == sorted(set(full.heard.durable))
    assert full.heard.durable[-1] == full.journal.durable_seq == len(FACTS)


def test_nothing_is_readable_before_it_is_durable(log: Either) -> None:
    log.journal.append(FACTS[:3], [])
    seen = len(log.reader.read(0, 100))
    assert seen <= log.journal.durable_seq or log.journal.durable_seq == 3
    log.settle()
    assert log.reader.read(0, 100) == FACTS[:3]


@pytest.mark.parametrize(("after", "limit"), [(0, 7), (5, 1), (390, 1_000), (10_000, 5), (0, 0)])
def test_pages_by_seq(full: Either, after: int, limit: int) -> None:
    assert full.reader.read(after, limit) == FACTS[after : after + limit]


@pytest.mark.parametrize(("after", "limit"), [(0, 7), (5, 3), (10_000, 5), (0, 10_000)])
def test_pages_of_one_account_are_gapless(full: Either, after: int, limit: int) -> None:
    mine = [fact for fact in FACTS if fact.account == "desk-a"]
    assert full.reader.read_account("desk-a", after, limit) == mine[after : after + limit]


def test_a_foreign_or_shard_wide_account_has_no_pages(full: Either) -> None:
    assert full.reader.read_account("nobody", 0, 10) == []
    assert full.reader.read_account("", 0, 10) == []


def test_receipts_come_back_as_they_went_in(full: Either) -> None:
    assert RECEIPTS
    assert full.reader.receipts({**NAMED, "f" * 64: 1, "e" * 64: 10**9}) == RECEIPTS


def test_both_journals_have_the_same_head(tmp_path: Path) -> None:
    heads = []
    for seed, kind in enumerate((Sqlite, Memory)):  # cut into turns differently: the chain does not know of turns
        log = kind(tmp_path)
        for facts, receipts in turns(FACTS, RECEIPTS, seed):
            log.journal.append(facts, receipts)
        log.settle()
        heads.append(log.reader.head())
        assert log.reader.hash_at(len(FACTS)) == log.reader.head()[1]
        log.close()
    assert heads[0] == heads[1]


def test_the_hash_of_every_place(full: Either) -> None:
    assert full.reader.hash_at(0) == GENESIS
    assert full.reader.hash_at(len(FACTS) + 1) == b""
    assert len({full.reader.hash_at(seq) for seq in range(len(FACTS) + 1)}) == len(FACTS) + 1


def test_an_empty_journal_has_a_head(log: Either) -> None:
    assert log.reader.head() == (0, GENESIS)
    assert log.reader.read(0, 10) == []
    assert list(log.reader.replay()) == []


def test_nothing_to_append_is_nothing(log: Either) -> None:
    log.journal.append([], [])
    assert log.journal.durable_seq == 0


def test_a_gap_is_refused_and_nothing_of_the_turn_is_kept(log: Either) -> None:
    with pytest.raises(InvariantBroken, match="gap"):
        log.journal.append(FACTS[1:3], [])
    with pytest.raises(InvariantBroken, match="gap"):
        log.journal.append([FACTS[0], FACTS[2]], [])
    log.journal.append(FACTS[:2], [])
    log.settle()
    assert log.reader.read(0, 10) == FACTS[:2]


def test_a_fact_that_cannot_be_written_is_refused_and_nothing_of_the_turn_is_kept(log: Either) -> None:
    bad = replace(FACTS[1], event=replace(FACTS[1].event, actor="\ud800"))
    with pytest.raises(InvariantBroken):
        log.journal.append([FACTS[0], bad], [])
    log.journal.append(FACTS[:2], [])
    log.settle()
    assert log.reader.head()[0] == 2


@pytest.mark.parametrize("n_facts", [0, 2])
def test_a_receipt_that_no_route_names_is_refused(log: Either, n_facts: int) -> None:
    with pytest.raises(InvariantBroken, match="receipt"):
        log.journal.append(FACTS[:n_facts], [("f" * 64, b"x")])
    assert log.journal.free_facts == 65_536


def test_a_receipt_seen_twice_is_stored_once(log: Either) -> None:
    facts, receipts = story_facts(60, seed=4)
    first = next(facts_and for facts_and in turns(facts, receipts) if facts_and[1])
    for some, named in turns(facts, receipts):
        log.journal.append(some, named + named)
    log.settle()
    assert log.reader.receipts(named_at(first[0])) == dict(first[1])


def test_after_close_nothing_is_taken(full: Either) -> None:
    full.journal.close()
    with pytest.raises(Unavailable):
        full.journal.append(FACTS[:1], [])
    assert full.journal.free_facts == 0


@pytest.mark.parametrize("kind", [Sqlite, Memory])
def test_a_queue_has_a_bound_at_the_limit_and_one_beyond(kind: type[Either], tmp_path: Path) -> None:
    log = kind(tmp_path, max_queued_facts=10)
    try:
        assert log.journal.free_facts == 10
        with pytest.raises(Unavailable, match="storage_degraded"):
            log.journal.append(FACTS[:11], [])
        log.journal.append(FACTS[:10], [])
        log.settle()
        assert log.journal.free_facts == 10
        log.journal.append(FACTS[10:19], [])
    finally:
        log.close()
