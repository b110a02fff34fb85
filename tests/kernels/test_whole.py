"""One call decides and says what was decided, or says nothing: what it says, tests/routing/test_written.py holds
against Python."""

from dataclasses import replace

import pytest

from app.kernels import decide, whole
from app.routing import choose
from app.routing.problem import DECIDED, SAID
from app.routing.router import Router
from tests.routing.scenes import INVERSE, Place, Scene

PLACES = [Place("a", asks=[(100, 5), (101, 5)]), Place("b", asks=[(100, 7), (102, 9)], fee_ppm=2_000)]
PLAIN = Scene(PLACES, qty_units=6)


def n_packed(scene, *, benchmark=None):
    own, request = Router(), scene.request()
    step = choose.step_of(request, own._panel)
    laid = own._lay(request, scene.books(), step if benchmark is None else step._replace(mid_half_units=benchmark))
    return laid.results[decide.N_PACKED - decide.N_ADMITTED], laid


def test_what_is_decided_is_said():
    said, laid = n_packed(PLAIN)
    assert said > 0
    assert laid.results[decide.BEST - decide.N_ADMITTED] >= 0


@pytest.mark.parametrize(
    "scene",
    [
        replace(PLAIN, symbol=INVERSE),
        replace(PLAIN, places=[replace(place, is_gapped=True) for place in PLACES]),
        replace(PLAIN, places=[replace(place, capacity_nano=0) for place in PLACES]),
        replace(PLAIN, places=[Place("a", asks=[(2**40, 2**40)])], qty_units=2**39),
    ],
    ids=["inverse", "nobody", "nothing", "wide"],
)
def test_nothing_is_said_where_a_table_cannot_hold_it(scene):
    assert n_packed(scene)[0] == 0


def test_nothing_is_said_without_a_benchmark():
    """Not asked for, and nothing of an older decision is left standing."""
    own, request, books = Router(), PLAIN.request(), PLAIN.books()
    step = choose.step_of(request, own._panel)
    found = [own._lay(request, books, each).results for each in (step, step._replace(mid_half_units=-1), step)]
    packed = [results[decide.N_PACKED - decide.N_ADMITTED] for results in found]
    assert packed[0] == packed[2] > 0
    assert packed[1] == 0
    assert SAID == DECIDED | whole.ANSWER
