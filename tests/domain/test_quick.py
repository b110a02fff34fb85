"""Values made at once are those that their own constructor makes: equal, frozen, of the same type."""

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import NamedTuple

import pytest

from app.domain import quick
from app.domain.enums import ExclusionCode
from app.domain.events import Event, RoutePlanned
from app.domain.plan import Allocation, BookUse, Exclusion


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


def test_its_maker_may_write_a_field_of_a_frozen_value():
    value = BookUse("a", 7, 8)
    quick.write(value, "age_ns", 9)
    assert value == BookUse("a", 7, 9)
    with pytest.raises(AttributeError):
        quick.write(value, "no_field", 1)


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


@dataclass(frozen=True, slots=True)
class _Base:
    account: str


def _grown(kind):
    """A small family as the facts are: a slotted base, defaults of both sorts, a field that is worked out."""

    @dataclass(frozen=True, slots=True)
    class Grown(_Base):
        size: int
        parts: dict[str, int] = field(default_factory=dict)
        note: str = "-"
        twice: int = field(init=False)

        def __post_init__(self):
            object.__setattr__(self, "twice", 2 * self.size)

    return kind(Grown)


def test_a_field_over_a_frozen_base_is_set_as_any_other():
    """While the base's own way of setting or deleting is in sight, each field takes several times as long."""
    open_kind = quick._open(RoutePlanned)
    assert {RoutePlanned, Event} <= set(open_kind.__mro__)
    assert (open_kind.__setattr__, open_kind.__delattr__) == (object.__setattr__, object.__delattr__)
    made = quick.maker(RoutePlanned)("acc", "ord", None)
    assert made == RoutePlanned("acc", "ord", None)
    for change in (lambda: setattr(made, "order_id", "x"), lambda: delattr(made, "order_id")):
        with pytest.raises(FrozenInstanceError):
            change()


def test_a_quick_constructor_makes_what_the_slow_one_makes():
    slow, swift = _grown(lambda kind: kind), _grown(quick.quick_init)
    calls = [(("a", 1), {}), (("a", 1, {"x": 2}), {"note": "n"}), ((), {"size": 3, "account": "b"})]
    for args, named in calls:
        was, now = slow(*args, **named), swift(*args, **named)
        assert type(now) is swift
        assert [getattr(was, f.name) for f in fields(slow)] == [getattr(now, f.name) for f in fields(swift)]
    assert swift("a", 1) == swift("a", 1)
    assert swift("a", 1).parts is not swift("a", 1).parts
    assert inspect.signature(swift).parameters.keys() == inspect.signature(slow).parameters.keys()


def test_a_quick_value_is_frozen_and_copies_as_any_other():
    swift = _grown(quick.quick_init)
    value = swift("a", 4)
    with pytest.raises(FrozenInstanceError):
        value.size = 5
    assert copy.deepcopy(value) == value == copy.copy(value)
    assert replace(value, size=5) == swift("a", 5) == quick.changed(value, size=5)
    assert quick.changed(value, size=5).twice == 10


@pytest.mark.parametrize("args", [(), ("a",), ("a", 1, {}, "", 1)])
def test_a_quick_constructor_refuses_what_the_slow_one_refuses(args):
    with pytest.raises(TypeError):
        _grown(quick.quick_init)(*args)


def test_a_changed_value_names_only_fields_of_its_own():
    value = Exclusion("a", ExclusionCode.DEARER, 1, 2)
    assert quick.changed(value, limit=8, venue="b") == Exclusion("b", ExclusionCode.DEARER, 8, 2)
    assert type(quick.changed(value)) is Exclusion
    assert value.limit == 1
    with pytest.raises(TypeError, match="lmit"):
        quick.changed(value, lmit=8)


def test_values_of_the_order_path_pickle():
    value = Exclusion("a", ExclusionCode.DEARER, 1, 2)
    assert pickle.loads(pickle.dumps(value)) == value


def test_a_tuple_with_names_is_what_its_constructor_makes():
    class Pair(NamedTuple):
        first: int
        second: str = ""

    made = quick.tupled(Pair)((1, "b"))
    assert (type(made), made, made.second) == (Pair, Pair(1, "b"), "b")


def test_a_field_may_be_called_as_the_words_of_this_module_are():
    @quick.quick_init
    @dataclass(frozen=True, slots=True)
    class Named:
        kind: str
        value: int = 1

    made = Named("a")
    assert (type(made), made.kind, made.value) == (Named, "a", 1)
    assert quick.maker(Named)("a", 1) == quick.values(Named, [("a", 1)])[0] == made
    assert quick.changed(made, kind="b") == Named("b")
