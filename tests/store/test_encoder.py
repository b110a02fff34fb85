"""A turn's facts become the same records together as each alone; what could not be read back is never written."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import app.store.encoder
from app.domain.enums import Mode
from app.domain.errors import InvariantBroken
from app.domain.events import EngineStarted, Event, Fact, RoutePlanned
from app.domain.plan import RoutePlan
from app.domain.tabled import tabled_plan
from app.store import plan_text
from app.store.codec import encode, encode_fact
from app.store.encoder import FIRST_READ_BACK, TABLES_MORE_SELDOM, Encoder, Records
from app.store.turns import decode_line
from tests.domain.test_tabled import tabled
from tests.store.logs import story_facts
from tests.store.test_codec import FILL
from tests.worlds import T0_NS

PARTS = {"allocations", "excluded", "alternatives", "cost", "certificate"}  # what a table tells
FACTS, _ = story_facts(400, seed=8)


@pytest.mark.parametrize("every", [1, 3])
def test_a_turns_records_are_those_of_its_facts_alone(every: int) -> None:
    found = Encoder(every).spell(FACTS)
    alone = [encode_fact(fact) for fact in FACTS]
    assert found == Records.of_rows(alone)
    assert found.lines == [fact.record for fact in alone]
    assert (found.first_seq, found.ts_ns) == (FACTS[0].seq, FACTS[-1].ts_ns)
    assert found.accounts == {fact.account: fact.account_seq for fact in FACTS}


def test_turns_that_follow_each_other_are_joined() -> None:
    encoder = Encoder(1)
    parts = [encoder.spell(FACTS[a:b]) for a, b in ((0, 1), (1, 37), (37, len(FACTS)))]
    assert Records.joined(parts) == encoder.spell(FACTS)
    assert Records.joined(parts[:1]) == parts[0]
    assert len(parts[0].lines) == 1  # what was joined is as it was


def test_a_gap_within_a_turn_is_refused_with_its_place() -> None:
    with pytest.raises(InvariantBroken, match="expected_seq=3") as refused:
        Encoder(1).spell([*FACTS[:2], FACTS[3]])
    assert "seq=4" in str(refused.value)


def filled_with(**changes: Any) -> Fact:
    return Fact(1, T0_NS, 1, replace(FILL, **changes))


def test_a_common_fact_is_read_back_at_first_and_one_in_so_many_later() -> None:
    """A price that is no integer gets by between two looks, and never at one."""
    encoder, wrong, n_refused = Encoder(4), filled_with(price_units=1.5), []
    for n in range(1, FIRST_READ_BACK + 13):
        try:
            encoder.spell([wrong])
        except InvariantBroken:
            n_refused.append(n)
    assert n_refused == [*range(1, FIRST_READ_BACK + 1), *(FIRST_READ_BACK + 4 * k for k in (1, 2, 3))]


def test_each_fact_is_read_back_where_the_desk_wants_it_or_its_kind_is_rare() -> None:
    every, some = Encoder(1), Encoder(1_000)
    rare = Fact(1, T0_NS, 0, EngineStarted("", "release", Mode.PAPER, 1.5))  # type: ignore[arg-type]
    for _ in range(FIRST_READ_BACK + 2):
        with pytest.raises(InvariantBroken):
            every.spell([filled_with(price_units=1.5)])
        with pytest.raises(InvariantBroken):
            some.spell([rare])


def planned_with(seq: int, **changes: Any) -> Fact:
    plan = tabled()
    scalars = {n: getattr(plan, n) for n in RoutePlan.__dataclass_fields__ if n not in PARTS} | changes
    return Fact(seq, T0_NS, seq, RoutePlanned("desk", "o", tabled_plan(plan.table, *scalars.values())))


def test_a_table_of_a_turn_is_told_as_it_is_alone_and_read_back_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    plan_text.texts_of([planned_with(1).event])  # type: ignore[list-item]
    assert plan_text.is_ready()
    encoder, n_read_back = Encoder(2), list[int]()
    n_facts = 10 * FIRST_READ_BACK
    facts = [planned_with(seq) if seq % 2 else filled_with(price_units=seq) for seq in range(1, n_facts + 1)]
    facts = [replace(fact, seq=seq) for seq, fact in enumerate(facts, 1)]
    seq_of = {id(fact.event): fact.seq for fact in facts}

    def counted(event: Event) -> bytes:
        n_read_back.append(seq_of[id(event)])
        return encode(event)

    monkeypatch.setattr(app.store.encoder, "encode", counted)
    for start in range(0, n_facts, 40):
        some = facts[start : start + 40]
        assert encoder.spell(some).lines == [encode_fact(fact).record for fact in some]
    tables = [seq for seq in n_read_back if seq % 2]
    later = [seq for seq in tables if seq > 2 * FIRST_READ_BACK + 40]
    assert set(range(1, 2 * FIRST_READ_BACK, 2)) <= set(tables)
    assert {second - first for first, second in pairwise(later)} == {2 * 2 * TABLES_MORE_SELDOM}
    assert len(later) > 20


def test_a_table_with_a_number_of_another_kind_is_never_written() -> None:
    encoder = Encoder(1_000)
    for seq in range(1, FIRST_READ_BACK + 2):
        encoder.spell([planned_with(seq)])
    (line,) = encoder.spell([planned_with(1, wave=2**70)]).lines
    assert decode_line(line) == planned_with(1, wave=2**70)
    for wrong in ({"wave": 1.0}, {"mid_half_units": 2.5}, {"route_id": "\ud800"}, {"allocated_qty_units": "3"}):
        with pytest.raises(InvariantBroken):
            encoder.spell([planned_with(1, **wrong)])


def test_what_has_no_form_or_a_lone_surrogate_is_refused_unread_too() -> None:
    encoder = Encoder(1_000)
    for _ in range(FIRST_READ_BACK):
        encoder.spell([filled_with()])
    assert encoder.spell([filled_with()]).lines == [encode_fact(filled_with()).record]
    for change in ({"price_units": np.int64(3)}, {"venue": "\ud800"}):
        with pytest.raises(InvariantBroken):
            encoder.spell([filled_with(**change)])
