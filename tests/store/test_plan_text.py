"""The text of a plan's table is the text of the plan's values."""

from dataclasses import replace
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import ExclusionCode, UnallocatedCode
from app.domain.errors import InvariantBroken
from app.domain.events import RoutePlanned
from app.domain.plan import Exclusion, RoutePlan
from app.domain.tabled import TabledPlan, tabled_plan
from app.routing.router import Router
from app.store import codec, plan_text
from app.store.unnamed import writer_of
from tests.domain.test_tabled import LATE, plain, tabled
from tests.routing.scenes import LINEAR_FINE, SPOT
from tests.routing.test_written import plain_scene


def told(plan):
    """A plan of the same values without a table."""
    return RoutePlan(*[getattr(plan, name) for name in RoutePlan.__dataclass_fields__])


def texts(plan, account="acc"):
    return codec.encode_unread(RoutePlanned(account, "o", plan)), unnamed(RoutePlanned(account, "o", told(plan)))


def unnamed(event):
    """The bytes of a plan's values."""
    return msgspec.json.encode(writer_of(RoutePlanned)(event))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR_FINE]))
def test_it_is_the_text_of_the_values(seed, symbol):
    scene = plain_scene(Random(seed), symbol)
    plan = Router().plan(scene.request(), scene.books()).plan
    if isinstance(plan, TabledPlan):
        text, values = texts(plan)
        assert text == values


def with_table(**changes):
    """The plan of tests/domain/test_tabled.py with other words in its table."""
    plan = tabled()
    scalars = [getattr(plan, name) for name in RoutePlan.__dataclass_fields__ if name not in PARTS]
    return tabled_plan(plan.table._replace(**changes), *scalars)


PARTS = {"allocations", "excluded", "alternatives", "cost", "certificate"}
ESTIMATE = ("estimated_nano", "estimated_low_nano", "estimated_high_nano")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"left_out": ()},
        {"left_out": (LATE, Exclusion('"q"\\', ExclusionCode.BOOK_GAP, -1, 2**70))},
        {"venues": ('a"\n', "b\\", "ü€\u2028")},
        {"rivals": ("", "x" * 300)},
        {"venues": ("", "b", "c")},
        {"seal": tabled().table.seal._replace(is_bound_searched=True, estimated_terms=(), bound_nano=-(2**70))},
        {"seal": tabled().table.seal._replace(is_bound_searched=True)},
        {"seal": tabled().table.seal._replace(**dict.fromkeys(ESTIMATE, 0))},
        *[{"seal": tabled().table.seal._replace(**(dict.fromkeys(ESTIMATE, 0) | {name: -3}))} for name in ESTIMATE],
    ],
    ids=[
        "as it is",
        "nobody before",
        "somebody before",
        "odd names",
        "long names",
        "no name",
        "a wide seal",
        "a searched bound",
        "no estimate",
        "an estimate alone",
        "a low end alone",
        "a high end alone",
    ],
)
def test_any_name_and_number_is_told_as_it_is(changes):
    text, values = texts(with_table(**changes))
    assert text == values


def test_every_scalar_is_told_as_it_is():
    plan = tabled()
    for changes in (
        {"requested_qty_units": None, "requested_notional_nano": 5, "unallocated_qty_units": None},
        {"unallocated_code": UnallocatedCode.BELOW_LOT, "unallocated_notional_nano": -3, "wave": 2**40},
        {"symbol": 'é"', "route_id": "\x7f\t", "order_id": ""},
    ):
        scalars = {n: getattr(plan, n) for n in RoutePlan.__dataclass_fields__ if n not in PARTS} | changes
        changed = tabled_plan(plan.table, *scalars.values())
        assert changed == replace(plain(), **changes)
        text, values = texts(changed, account='"\\')
        assert text == values


def test_facts_of_several_markets_are_told_each_in_its_place():
    plain_one, other = tabled(), with_table(venues=("x", "y", "z"), left_out=())
    wide = with_table(seal=tabled().table.seal._replace(bound_nano=2**63))
    plans = [plain_one, other, wide, plain_one, told(other), other]
    events = [RoutePlanned(f"acc{i}", "o", plan) for i, plan in enumerate(plans)]
    found = plan_text.texts_of(events)
    values = [unnamed(RoutePlanned(event.account, "o", told(event.plan))) for event in events]
    assert [bool(text) for text in found] == [True, True, False, True, False, True]
    assert [text or value for text, value in zip(found, values, strict=True)] == values
    assert plan_text.texts_of([]) == []


@pytest.mark.parametrize(
    "change", [{"wave": 1.0}, {"mid_half_units": "3"}, {"best_bid_units": 2**63}, {"requested_qty_units": -(2**63)}]
)
def test_a_number_of_another_kind_is_told_another_way(change):
    plan = tabled()
    scalars = {n: getattr(plan, n) for n in RoutePlan.__dataclass_fields__ if n not in PARTS} | change
    assert plan_text.texts_of([RoutePlanned("acc", "o", tabled_plan(plan.table, *scalars.values()))]) == [b""]


def test_a_lone_surrogate_is_refused():
    with pytest.raises(InvariantBroken, match="cannot be written"):
        codec.encode_unread(RoutePlanned("\ud800", "o", tabled()))


def test_a_log_is_the_same_before_and_after_it_is_compiled(monkeypatch):
    event = RoutePlanned("acc", "o", tabled())
    plan_text.texts_of([event])
    assert plan_text.is_ready()
    compiled = codec.encode(event)
    monkeypatch.setattr(plan_text, "texts_of", None)
    with pytest.raises(InvariantBroken):
        codec.encode(event)
    monkeypatch.setattr(plan_text, "is_ready", lambda: False)
    assert codec.encode(event) == compiled


def test_it_reads_back_as_the_plain_plan():
    event = RoutePlanned("acc", "o", tabled())
    found = codec.decode(event.KIND, event.V, codec.encode(event))
    assert type(found.plan) is RoutePlan
    assert found == event
