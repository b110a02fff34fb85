"""What a table's judge finds in its rows, whatever wrote them; that it is written right, tests/routing/test_written.py
holds against Python."""

import numpy as np
import pytest

from app.kernels import answer
from app.routing import receipt
from app.routing.router import Router
from tests.routing.scenes import Place, Scene

PLACES = [
    Place("a", asks=[(100, 4), (101, 5)], lot=2),
    Place("b", asks=[(100, 6), (102, 9)], fee_ppm=2_000),
    Place("c", asks=[(150, 6)]),
]


def table():
    """A written table with its listings' facts, the places of the admitted and the sign of cost."""
    own, scene = Router(), Scene(PLACES, qty_units=10, mid_half=199)
    own.plan(scene.request(), scene.books())
    space = next(iter(own._workspaces.values()))
    return space.answer.copy(), space.facts, space.places, int(space.rule[1])


def broken(words, facts, places, sign):
    return answer.broken_sums(words, facts, places, sign, np.zeros((2, len(PLACES)), np.int64))


def test_a_written_table_adds_up():
    words, *rest = table()
    assert words[: answer.N_CHILDREN + 1].tolist() == [3, 4, 2]
    assert words[answer.QTY_UNITS] == 10
    assert words[answer.IS_EXACT] == 1
    assert broken(words, *rest) == words[answer.BROKEN] == 0


CHILD, LEFT_OUT = answer.N_HEAD, answer.N_HEAD + 2 * answer.N_CHILD


@pytest.mark.parametrize(
    ("at", "bits"),
    [
        (answer.QTY_UNITS, answer.BROKEN_QTY),
        (answer.MONEY_NANO, answer.BROKEN_MONEY),
        (answer.OBJECTIVE_NANO, answer.BROKEN_OBJECTIVE),
        (answer.FEE_NANO, answer.BROKEN_SPLIT),
        (answer.FIXED_COST_NANO, answer.BROKEN_SPLIT),
        (answer.SPREAD_NANO, answer.BROKEN_SPLIT),
        (answer.TOTAL_NANO, answer.BROKEN_SPLIT),
        (CHILD + 1, answer.BROKEN_CHILD),
        (CHILD + 2, answer.BROKEN_CHILD | answer.BROKEN_QTY),
        (CHILD + 5, answer.BROKEN_MONEY | answer.BROKEN_OBJECTIVE),
        (CHILD + 6, answer.BROKEN_OBJECTIVE | answer.BROKEN_SPLIT),
        (CHILD + 7, answer.BROKEN_OBJECTIVE | answer.BROKEN_SPLIT),
        (LEFT_OUT, answer.BROKEN_VENUES),
    ],
)
def test_each_number_that_must_add_up_is_missed(at, bits):
    words, *rest = table()
    words[at] += 1 if at != LEFT_OUT else -1
    assert broken(words, *rest) == bits


def test_children_stand_in_the_order_of_their_first_level():
    words = table()[0]
    rows = words[CHILD:LEFT_OUT].reshape(2, answer.N_CHILD)
    assert rows[:, -1].tolist() == [0, 1]
    assert rows[:, 0].tolist() == [0, 1]


def test_an_inverse_contract_has_no_table():
    own = Router()
    scene = Scene(PLACES, qty_units=10)
    own.plan(scene.request(), scene.books())
    space = next(iter(own._workspaces.values()))
    space.rule[4] = 1
    assert answer.write_answer(space.ints, space.floats, 4, 0, 0, space.packed) == 0


@pytest.mark.parametrize("witness", [0, 1, -1, 12_345_678, -(2**53) - 1, 2**60 + 1, -(2**61) + 3])
def test_levels_are_told_as_deep_as_python_tells_them(witness):
    assert answer.horizon_of(witness) == receipt.horizon_nano(witness)
