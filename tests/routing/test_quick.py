"""Values made at once are those that their own constructor makes: equal, frozen, of the same type."""

from dataclasses import FrozenInstanceError

import pytest

from app.domain.enums import ExclusionCode
from app.domain.plan import Allocation, BookUse, Exclusion
from app.routing import quick


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        (Exclusion, [("a", ExclusionCode.DEARER, 1, 2), ("b", ExclusionCode.MIN_QTY, 3, 4)]),
        (BookUse, [("a", 7, 10**9)]),
        (Allocation, [("a", 1, 10, 100, 1_000, 10_000, 5, 0, 0)]),
        (BookUse, []),
    ],
)
def test_they_equal_what_the_constructor_makes(kind, rows):
    made = quick.values(kind, iter(rows))
    assert made == [kind(*row) for row in rows]
    assert [type(value) for value in made] == [kind] * len(rows)
    assert [hash(value) for value in made] == [hash(kind(*row)) for row in rows]


def test_they_are_frozen():
    value = quick.values(BookUse, [("a", 7, 10**9)])[0]
    with pytest.raises(FrozenInstanceError):
        value.book_seq = 8


def test_a_missing_field_is_refused():
    with pytest.raises(TypeError, match="age_ns"):
        quick.values(BookUse, [("a", 7)])


def test_a_maker_makes_what_the_constructor_makes():
    make = quick.maker(Exclusion)
    value = make(venue="a", code=ExclusionCode.DEARER, limit=1, value=2)
    assert value == Exclusion("a", ExclusionCode.DEARER, 1, 2)
    assert type(value) is Exclusion
    with pytest.raises(FrozenInstanceError):
        value.limit = 8
    with pytest.raises(TypeError, match="value"):
        make("a", ExclusionCode.DEARER, 1)
