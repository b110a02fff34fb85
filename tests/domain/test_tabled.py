"""A plan with a table is a RoutePlan in every respect but when its parts are made."""

import copy
import pickle
import struct
from dataclasses import FrozenInstanceError, asdict, fields, replace

import pytest

from app.domain import quick
from app.domain.enums import ExclusionCode, Side, SolveStatus
from app.domain.plan import Allocation, Alternative, BookUse, Certificate, CostSplit, Exclusion, RoutePlan
from app.domain.tabled import (
    HEAD_WORDS,
    REASONS,
    PlanTable,
    Seal,
    TabledPlan,
    left_out_at,
    n_words,
    receipt_of,
    tabled_plan,
)

SEAL = Seal(
    1_005, 1_000, 7, SolveStatus.OPTIMAL, "one", ("price",), (("fade", 3),), "ab" * 32, 5, 4, 6, is_bound_searched=False
)
LATE = Exclusion("d", ExclusionCode.STALE_BOOK, 1, 2)
SPLIT = CostSplit(11, 12, 13, 14, 50)
ALLOCATIONS = (Allocation("b", 1, 10, 5, 50, 500, 3, 0, 0), Allocation("a", 2, 20, 6, 60, 1_200, 4, 1, 1))
DEARER = Exclusion("c", ExclusionCode.DEARER, 70, 80)
RIVALS = (Alternative("one", 30, 1_005, 2), Alternative("two", 10, 700, 1, "c"))
BOOKS = (BookUse("a", 7, 70), BookUse("b", 8, 80), BookUse("c", 9, -90))


def certify(seal, books):
    return Certificate(*seal[:5], books, *seal[5:])


def tabled():
    head = [0] * HEAD_WORDS
    head[0:3], head[5:7], head[10:13] = [3, 2, 2], [13, 14], [11, 12, 50]
    rows = [1, 1, 10, 5, 50, 500, 3, 0, 0, 0, 2, 20, 6, 60, 1_200, 4, 1, 1]
    rows += [2, REASONS.index(ExclusionCode.DEARER), 70, 80, 30, 1_005, 2, -1, 10, 700, 1, 2, 7, 70, 8, 80, 9, -90]
    words = [*head, *rows]
    assert len(words) == n_words(3, 2, 2)
    assert left_out_at(2) == HEAD_WORDS + 18
    table = PlanTable(struct.pack(f"{len(words)}q", *words), ("a", "b", "c"), ("one", "two"), (LATE,), SEAL, certify)
    scalars = ("r", "o", 1, "BTC/USDT", Side.BUY, 30, None, 30, 1_700, 0, None, None, 120, 59, 60, ())
    return tabled_plan(table, *scalars)


def plain():
    return RoutePlan(
        *("r", "o", 1, "BTC/USDT", Side.BUY, 30, None, 30, 1_700, 0, None, None, 120, 59, 60),
        ALLOCATIONS,
        (LATE, DEARER),
        RIVALS,
        SPLIT,
        certify(SEAL, BOOKS),
    )


def test_it_is_the_plan_of_its_rows():
    for field in fields(RoutePlan):
        assert getattr(tabled(), field.name) == getattr(plain(), field.name), field.name


def test_its_receipt_is_named_without_a_certificate():
    made = tabled()
    assert receipt_of(made) == receipt_of(plain()) == SEAL.receipt_sha256
    with pytest.raises(AttributeError):  # nobody has looked at it
        object.__getattribute__(made, "certificate")


def test_it_equals_a_plain_plan_from_both_sides():
    assert tabled() == plain()
    assert plain() == tabled()
    assert hash(tabled()) == hash(plain())
    assert repr(tabled()) == repr(plain())
    assert tabled() != replace(plain(), wave=2)
    assert replace(plain(), wave=2) != tabled()
    assert tabled() != "a plan"


def test_a_part_is_made_once():
    plan = tabled()
    assert plan.certificate is plan.certificate
    assert plan.allocations is plan.allocations


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda plan: pickle.loads(pickle.dumps(plan))])
def test_a_copy_is_a_plain_plan(copied):
    found = copied(tabled())
    assert type(found) is RoutePlan
    assert found == plain()


def test_a_changed_one_is_a_plain_plan():
    assert type(replace(tabled(), wave=2)) is RoutePlan
    assert replace(tabled(), wave=2) == replace(plain(), wave=2)
    assert asdict(tabled()) == asdict(plain())


def test_it_is_frozen_and_has_no_other_names():
    plan = tabled()
    assert isinstance(plan, TabledPlan)
    with pytest.raises(FrozenInstanceError):
        plan.wave = 2
    with pytest.raises(AttributeError, match="nobody"):
        _ = plan.nobody


def test_a_maker_of_some_names_leaves_the_others():
    make = quick.maker_of(BookUse, "venue", "age_ns")
    made = make("a", age_ns=3)
    assert (type(made), made.venue, made.age_ns) == (BookUse, "a", 3)
    with pytest.raises(AttributeError):
        _ = made.book_seq
