"""A receipt that lies in any one number is caught by arithmetic that the router does not share."""

import ast
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bestex_verify.judge as judge_module
from app.domain.enums import Strategy
from app.routing.router import Router
from bestex_verify import judge
from bestex_verify.decode import decode
from bestex_verify.judge import verify_receipt
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, Place, Scene, random_scene

PLACES = [
    Place("a", asks=[(100_000, 50), (100_010, 50), (100_020, 50)], fee_ppm=500, lot=5, tick=10, min_lots=2),
    Place("b", asks=[(100_005, 40), (100_015, 40), (100_025, 9)], fee_ppm=300, tick=5, fixed_nano=50),
]
SCENE = Scene(PLACES, qty_units=100, cap=101_000, mid_half=200_000)


def planned(scene=SCENE):
    return Router().plan(scene.request(), scene.books())


@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR, LINEAR_FINE, INVERSE]))
def test_it_agrees_with_the_router_to_the_nano(seed, symbol):
    scene = random_scene(Random(seed), symbol)
    found = planned(scene)
    verdict, certificate = verify_receipt(found.receipt), found.plan.certificate
    assert verdict.is_valid, verdict.failures
    assert (verdict.objective_nano, verdict.bound_nano) == (certificate.objective_nano, certificate.bound_nano)
    assert (verdict.gap_ubps, verdict.status) == (certificate.gap_ubps, certificate.status.value)
    assert verdict.rivals == tuple((rival.name, rival.cost_nano) for rival in found.plan.alternatives)


def judged(**changes):
    """The verdict on the sound receipt with some of its integers, texts or one venue's terms replaced."""
    read = decode(planned().receipt)
    integers = {**read.integers, **{name: value for name, value in changes.items() if name in read.integers}}
    texts = {**read.texts, **{name: value for name, value in changes.items() if name in read.texts}}
    terms = {name: value for name, value in changes.items() if name in read.places[0].terms}
    places = (replace(read.places[0], terms={**read.places[0].terms, **terms}), *read.places[1:])
    return judge._Judge(replace(read, integers=integers, texts=texts, places=places)).verdict()


def test_the_sound_receipt_is_valid():
    assert judged().is_valid
    assert verify_receipt(planned().receipt).failures == ()


@pytest.mark.parametrize(
    "lie",
    [
        {"objective_nano": 1},
        {"money_nano": 1},
        {"bound_nano": 1},
        {"gap_ubps": 10**9},
        {"status": "within_gap"},
        {"allocated_units": 99},
        {"requested": 99},
        {"requested": 101},
        {"unallocated_code": "below_lot"},
        {"witness_upnano": 0},
        {"price_cap_units": 100_006},
        {"price_cap_units": 100_024},
        {"max_venues": 1},
        {"is_whole_only": 1},
        {"multiplier_nano": 2, "kind": "linear"},
        {"kind": "barter"},
        {"side": "sell"},
        {"price_scale": 1},
        {"fee_ppm": 501},
        {"fixed_nano": 1},
        {"lot_units": 6},
        {"tick_units": 7},
        {"min_qty_lots": 100},
        {"max_qty_lots": 1},
        {"min_notional_nano": 10**15},
        {"capacity_nano": 10},
        {"qty_lots": 11},
        {"limit_ticks": 9_999},
        {"limit_ticks": 10_101},
        {"age_ns": 2_000_000_000},
        {"book_seq": 0},
    ],
    ids=str,
)
def test_a_lie_is_caught(lie):
    assert not judged(**lie).is_valid


def test_a_rivals_cost_is_recomputed():
    read = decode(planned().receipt)
    for i in range(len(read.rivals)):
        rivals = list(read.rivals)
        rivals[i] = replace(rivals[i], cost_nano=rivals[i].cost_nano - 1)
        assert not judge._Judge(replace(read, rivals=tuple(rivals))).verdict().is_valid


def test_levels_cut_before_the_first_dearer_one_are_noticed():
    deep = [replace(place, asks=[*place.asks, (200_000, 5), (300_000, 5)]) for place in PLACES]
    read = decode(planned(replace(SCENE, places=deep, qty_units=60, cap=0)).receipt)
    place = read.places[1]
    assert len(place.levels) < place.terms["n_levels"]
    shorter = replace(place, levels=place.levels[:1])
    verdict = judge._Judge(replace(read, places=(read.places[0], shorter))).verdict()
    assert any("first dearer" in failure for failure in verdict.failures)


def test_an_unsorted_book_is_no_book():
    read = decode(planned().receipt)
    turned = replace(read.places[0], levels=read.places[0].levels[::-1])
    assert not judge._Judge(replace(read, places=(turned, *read.places[1:]))).verdict().is_valid


def test_a_sweep_is_judged_at_its_cap():
    assert verify_receipt(planned(replace(SCENE, strategy=Strategy.SWEEP)).receipt).is_valid


def test_it_imports_the_standard_library_and_itself_alone():
    """A verifier that shared the router's code would share its mistakes."""
    folder = Path(judge_module.__file__).parent
    found = []
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [(path.name, name) for name in names]
    roots = {name.split(".")[0] for _, name in found}
    assert roots <= sys.stdlib_module_names | {"bestex_verify"}, found
