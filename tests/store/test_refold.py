"""A log folded in bounded memory is the fold of the log, less what has left; with a snapshot or without."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import InvariantBroken
from app.domain.events import ChildFilled, Fact
from app.execution.ledger import Ledger, fold
from app.execution.reconcile import LAST_WORDS_NS
from app.execution.working_set import adopt, adopt_definition, may_have_left
from app.store.chain import GENESIS
from app.store.journal import JournalReader, SqliteJournal
from app.store.refold import fold_on, kept_by_a_start_ns, refold, write_on
from app.store.snapshot import snapshot_path
from tests.conditionals import oco, taken
from tests.store.logs import Turn, story_facts, turns
from tests.worlds import Desk, make_desk, make_order

HOUR_NS = 3_600_000_000_000


def written(path: Path, told: list[Turn]) -> JournalReader:
    """The file of these turns, begun or gone on with."""
    failures: list[BaseException] = []
    journal = SqliteJournal(path, on_durable=lambda seq: None, on_fatal=failures.append)
    for facts, receipts in told:
        journal.append(facts, receipts)
    journal.close()
    assert not failures
    return JournalReader(path)


def whole_again(ledger: Ledger, facts: list[Fact]) -> Ledger:
    """`ledger` with all that left it put back, from the fold of the whole log."""
    whole = fold(facts)
    for conditional_id, record in whole.definitions.all.items():
        if conditional_id not in ledger.definitions.all:
            adopt_definition(ledger, record)
    for order_id, parent in whole.parents.items():
        if order_id not in ledger.parents:
            adopt(ledger, parent)
    ledger.closed = None
    return ledger


@pytest.mark.parametrize("seed", [51, 52, 53])
@pytest.mark.parametrize("keep_ns", [1, 50_000_000, HOUR_NS])
def test_it_is_the_fold_less_what_left(seed: int, keep_ns: int, tmp_path: Path) -> None:
    facts, receipts = story_facts(1_500, seed)
    path = tmp_path / "journal.db"
    reader = written(path, list(turns(facts, receipts, seed)))
    found = refold(reader, path, keep_ns)
    reader.close()
    whole = fold(facts)
    assert (found.n_folded, found.snapshot_seq) == (len(facts), 0)
    assert found.ledger.open_parents == whole.open_parents
    assert found.ledger.positions == whole.positions
    for parent in whole.parents.values():
        is_here = parent.order_id in found.ledger.parents
        assert is_here or parent.updated_ts_ns + keep_ns <= whole.ts_ns
        assert is_here or may_have_left(found.ledger, parent.account, parent.accepted.order.client_order_id)
    assert len(found.ledger.parents) < len(whole.parents) or keep_ns == HOUR_NS
    assert whole_again(found.ledger, facts) == whole


def test_snapshots_change_nothing_wherever_they_are_taken(tmp_path: Path) -> None:
    facts, receipts = story_facts(1_500, seed=57)
    told, path = list(turns(facts, receipts, 57)), tmp_path / "journal.db"
    step = max(1, len(told) // 6)
    n_folded = 0
    for start in range(0, len(told), step):
        reader = written(path, told[start : start + step])
        found = write_on(reader, path, 1)
        reader.close()
        assert found.snapshot_seq == n_folded
        n_folded = found.ledger.seq
    reader = JournalReader(path)
    found = refold(reader, path, 1)
    assert (found.n_folded, found.snapshot_seq, found.why) == (0, len(facts), "")
    size = snapshot_path(path).stat().st_mtime_ns
    assert write_on(reader, path, 1).n_folded == 0
    assert snapshot_path(path).stat().st_mtime_ns == size  # nothing new, nothing written
    reader.close()
    assert whole_again(found.ledger, facts) == fold(facts)


def told_by(desk: Desk) -> tuple[list[Fact], list[tuple[str, bytes]]]:
    receipts: list[tuple[str, bytes]] = []
    turn_of = desk.turn

    def turn(*items):  # type: ignore[no-untyped-def]
        taken_turn = turn_of(*items)
        receipts.extend(taken_turn.receipts)
        return taken_turn

    desk.turn = turn  # type: ignore[method-assign]
    return desk.facts, receipts


def test_a_start_holds_what_may_still_have_a_last_word(tmp_path: Path) -> None:
    desk = make_desk()
    facts, receipts = told_by(desk)
    ended = []
    for _ in range(40):
        desk.now_ns += LAST_WORDS_NS // 20
        desk.refresh()
        parent, children = desk.accepted(make_order())
        for child in children:
            desk.fill(child)
        ended.append(parent)
    path = tmp_path / "journal.db"
    reader = written(path, [(facts, receipts)])
    short = refold(reader, path, kept_by_a_start_ns(1)).ledger.parents
    reader.close()
    assert list(short) == [p.order_id for p in ended if p.updated_ts_ns > facts[-1].ts_ns - LAST_WORDS_NS]
    assert kept_by_a_start_ns(10 * LAST_WORDS_NS) == 10 * LAST_WORDS_NS


def test_a_late_fill_finds_its_order_in_the_log(tmp_path: Path) -> None:
    desk = make_desk()
    facts, receipts = told_by(desk)
    record, _ = taken(desk, oco())
    first, children = desk.accepted()
    for child in children:
        desk.fill(child)
    for _ in range(300):
        desk.now_ns += 1_000_000
        desk.refresh()
        _, more = desk.accepted(make_order())
        for child in more:
            desk.fill(child)
    desk.fill(children[0], 1, trade_id="late")
    late = [fact for fact in facts if isinstance(fact.event, ChildFilled) and fact.event.is_late]
    assert len(late) == 1
    path = tmp_path / "journal.db"
    reader = written(path, [(facts, receipts)])
    found = refold(reader, path, 1_000_000)
    assert [f.fill.venue_trade_id for f in found.ledger.parents[first.order_id].fills][-1] == "late"
    assert found.ledger.parents[first.order_id] == first
    assert len(found.ledger.parents) < 20
    assert found.ledger.definitions.open.keys() == {record.conditional_id}
    own = reader.order_facts("desk", first.order_id, first.created_ts_ns, late[0].seq)
    assert next(fact.event.KIND for fact in own) == "order_accepted"
    assert own == list(reader.order_facts("desk", first.order_id, 0, late[0].seq))
    assert reader.order_facts("rival", first.order_id, 0, late[0].seq) == []
    assert reader.order_facts("desk", first.order_id, desk.now_ns + 1, late[0].seq) == []
    reader.close()
    assert whole_again(found.ledger, facts) == fold(facts)


def test_a_snapshot_of_another_log_is_not_used(tmp_path: Path) -> None:
    here, there = tmp_path / "journal.db", tmp_path / "other" / "journal.db"
    there.parent.mkdir()
    facts, receipts = story_facts(600, seed=1)
    others, other_receipts = story_facts(600, seed=2)
    written(there, list(turns(others, other_receipts, 2))).close()
    with_reader = JournalReader(there)
    write_on(with_reader, there, 1)
    with_reader.close()
    reader = written(here, list(turns(facts, receipts, 1)))
    snapshot_path(there).rename(snapshot_path(here))
    found = refold(reader, here, 1)
    assert (found.snapshot_seq, found.why) == (0, "of another log")
    snapshot_path(here).write_bytes(snapshot_path(here).read_bytes()[:-1])
    found = refold(reader, here, 1)
    assert "damaged" in found.why
    assert found.n_folded == len(facts)
    reader.close()


def test_a_chain_that_does_not_go_on_is_refused(tmp_path: Path) -> None:
    facts, receipts = story_facts(300, seed=1)
    path = tmp_path / "journal.db"
    reader = written(path, list(turns(facts, receipts, 1)))
    with pytest.raises(InvariantBroken, match="the journal was changed"):
        fold_on(reader, fold(facts[:10]), GENESIS, 1)
    reader.close()
