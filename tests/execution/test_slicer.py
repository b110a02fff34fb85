"""The laws of a schedule's life; ten thousand random lives whose children all sum to their parent."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.calibration import Decay
from app.domain.enums import Side
from app.domain.errors import BadRequest, InvariantBroken
from app.domain.schedule import (
    CostLaw,
    DisguisedParameters,
    ImpactBelief,
    PovParameters,
    Progress,
    ScheduleTerms,
    ScheduleUrgency,
    Seen,
    ShortfallParameters,
    TwapParameters,
    VolumeBase,
    VwapParameters,
)
from app.domain.units import PPM
from app.execution import slicer

S = 10**9
TERMS = ScheduleTerms(Side.BUY, 0, 10 * S, S)
BELIEFS = [
    ImpactBelief(law, 10.0, 40.0, decay, 3.0, 0.7, 0.2)
    for law, decay in (
        (CostLaw.LINEAR, Decay.EXPONENTIAL),
        (CostLaw.SQUARE_ROOT, Decay.EXPONENTIAL),
        (CostLaw.TRANSIENT, Decay.POWER),
    )
]
SHORTFALL = ShortfallParameters(ScheduleTerms(Side.BUY, 0, 3_600 * S, 60 * S), BELIEFS[0], 100.0, 1e-6)


def any_parameters(rng, side):
    start = rng.randint(0, 20) * S // 4
    span = rng.randint(1, 40) * S
    slice_ns = max(span // rng.randint(1, 12), 1)
    terms = ScheduleTerms(
        side,
        start,
        start + span,
        slice_ns,
        rng.choice(list(ScheduleUrgency)),
        cap_ppm=rng.choice([None, 300_000, 1_000_000]),
        limit_price_ticks=rng.choice([None, 100]),
        would_price_ticks=rng.choice([None, None, 95 if side is Side.BUY else 105]),
        min_clip_lots=rng.choice([1, 1, 7]),
    )
    kind = rng.randrange(4)
    if kind == 0:
        return TwapParameters(terms)
    if kind == 1:
        return VwapParameters(terms, (1, *(rng.randint(0, 9) for _ in range(rng.randint(0, 9)))))
    if kind == 2:
        return PovParameters(terms, rng.choice([10_000, 150_000, 200_000]), rng.choice(list(VolumeBase)))
    return ShortfallParameters(terms, rng.choice(BELIEFS), 20.0, rng.choice([0.0, 1e-5, 1e-3]))


def live(seed):
    """One life under random amendments, pauses, restarts and children that fill in part: (progress, filled lots)."""
    rng = Random(seed)
    side = rng.choice(list(Side))
    parameters = any_parameters(rng, side)
    now_ns = others = filled = 0
    progress = slicer.begin(rng.choice([1, 13, 997, 10**12 + 1]), Seen(0))
    for _ in range(rng.randint(3, 14)):
        now_ns += rng.randint(0, 6 * S)
        others += rng.randint(0, 900)
        seen = Seen(now_ns, others, rng.choice([None, 94, 99, 100, 101, 106]))
        act = rng.randrange(8)
        if act == 0:
            progress = slicer.pause(progress)
        elif act == 1:
            progress = slicer.resume(progress, seen)
        elif act == 2:
            parameters = any_parameters(rng, side)
            total = rng.choice([None, max(progress.released_lots, 1), progress.total_lots + rng.randint(0, 50)])
            progress = slicer.amend(progress, seen, total_lots=total)
        elif act == 3:
            progress = Progress(**json.loads(json.dumps(asdict(progress))))
        before = progress
        progress, lots = slicer.release(parameters, progress, seen)
        check_release(parameters, before, progress, lots, seen)
        unfilled = rng.choice([0, 0, lots // 2, lots])
        progress = slicer.give_back(progress, unfilled)
        filled += lots - unfilled
        assert filled == progress.released_lots <= progress.total_lots
    return complete(progress, side, now_ns, others, filled)


def check_release(parameters, before, after, lots, seen):
    assert lots == after.released_lots - before.released_lots >= 0
    if lots == 0:
        return
    terms = parameters.terms
    assert not before.is_paused
    assert seen.now_ns >= terms.start_ns
    assert terms.limit_price_ticks is None or terms.side.sign * (seen.price_ticks - terms.limit_price_ticks) <= 0
    assert terms.cap_ppm is None or lots * PPM <= terms.cap_ppm * (seen.others_lots - before.mark_others_lots)
    assert lots >= terms.min_clip_lots or after.released_lots == after.total_lots


def complete(progress, side, now_ns, others, filled):
    """Amended to a plain plan that ends, the rest comes."""
    parameters = TwapParameters(ScheduleTerms(side, now_ns, now_ns + 4 * S, S))
    progress = slicer.amend(slicer.resume(progress, Seen(now_ns, others)), Seen(now_ns, others))
    for k in range(5):
        progress, lots = slicer.release(parameters, progress, Seen(now_ns + k * S, others))
        filled += lots
    return progress, filled


def test_children_sum_to_the_parent_in_ten_thousand_lives():
    for seed in range(10_000):
        progress, filled = live(seed)
        assert filled == progress.released_lots == progress.total_lots, seed


def released(parameters, progress, *seen):
    for moment in seen:
        progress, _ = slicer.release(parameters, progress, moment)
    return progress.released_lots


def test_a_parent_has_a_lot():
    with pytest.raises(BadRequest):
        slicer.begin(0, Seen(0))
    with pytest.raises(BadRequest):
        slicer.begin(2**62, Seen(0))


def test_the_cap_counts_from_the_release_before():
    parameters = TwapParameters(replace(TERMS, cap_ppm=100_000))
    progress = slicer.begin(1_000, Seen(0, 500))
    assert released(parameters, progress, Seen(S, 500)) == 0
    assert released(parameters, progress, Seen(S, 1_499)) == 99
    assert released(parameters, progress, Seen(S, 1_500), Seen(2 * S, 1_500), Seen(3 * S, 1_600)) == 110


def test_beyond_the_limit_nothing_is_released_and_at_it_what_was_missed():
    for side, worse in ((Side.BUY, 101), (Side.SELL, 99)):
        parameters = TwapParameters(replace(TERMS, side=side, limit_price_ticks=100))
        progress = slicer.begin(1_000, Seen(0))
        assert released(parameters, progress, Seen(4 * S, 0, worse)) == 0
        assert released(parameters, progress, Seen(4 * S, 0, None)) == 0
        assert released(parameters, progress, Seen(4 * S, 0, 100)) == 500


def test_at_the_would_price_all_is_due_within_the_cap():
    for side, good in ((Side.BUY, 95), (Side.SELL, 105)):
        terms = replace(TERMS, side=side, would_price_ticks=good)
        progress = slicer.begin(1_000, Seen(0))
        assert released(TwapParameters(terms), progress, Seen(0, 0, 100)) == 100
        assert released(TwapParameters(terms), progress, Seen(0, 0, good)) == 1_000
        assert released(TwapParameters(replace(terms, cap_ppm=500_000)), progress, Seen(0, 200, good)) == 100
        pov = PovParameters(replace(terms, cap_ppm=500_000, urgency=ScheduleUrgency.PASSIVE), 10_000)
        assert released(pov, progress, Seen(0, 200, good)) == 100


def test_a_clip_waits_until_it_is_large_enough_or_the_last():
    parameters = TwapParameters(replace(TERMS, min_clip_lots=25))
    progress = slicer.begin(105, Seen(0))
    assert [released(parameters, progress, Seen(k * S)) for k in range(4)] == [0, 0, 32, 42]
    progress = replace(progress, released_lots=100)
    assert released(parameters, progress, Seen(10 * S)) == 105


def test_a_pause_holds_and_its_volume_gives_no_room():
    parameters = TwapParameters(replace(TERMS, cap_ppm=100_000))
    progress = slicer.pause(slicer.begin(1_000, Seen(0)))
    assert slicer.release(parameters, progress, Seen(5 * S, 10_000)) == (progress, 0)
    resumed = slicer.resume(progress, Seen(5 * S, 10_000))
    assert released(parameters, resumed, Seen(5 * S, 10_100)) == 10
    assert slicer.resume(resumed, Seen(9 * S)) == resumed


def test_what_is_left_after_a_pause_is_spread_to_the_same_end():
    parameters = TwapParameters(TERMS)
    progress, _ = slicer.release(parameters, slicer.begin(1_000, Seen(0)), Seen(S))
    progress = slicer.resume(slicer.pause(progress), Seen(6 * S))
    assert [released(parameters, progress, Seen(k * S)) for k in (6, 7, 9)] == [400, 600, 1_000]
    late = slicer.resume(slicer.pause(progress), Seen(99 * S))
    assert released(parameters, late, Seen(99 * S)) == 1_000


def test_an_amendment_plans_the_rest_and_refuses_less_than_is_out():
    parameters = TwapParameters(TERMS)
    progress, _ = slicer.release(parameters, slicer.begin(1_000, Seen(0)), Seen(4 * S))
    with pytest.raises(BadRequest):
        slicer.amend(progress, Seen(5 * S), total_lots=499)
    assert slicer.amend(progress, Seen(5 * S), total_lots=500).total_lots == 500
    amended = slicer.amend(progress, Seen(5 * S), total_lots=1_500)
    assert released(parameters, amended, Seen(5 * S)) == 700


def test_more_than_was_given_out_cannot_come_back():
    progress, lots = slicer.release(TwapParameters(TERMS), slicer.begin(1_000, Seen(0)), Seen(0))
    assert slicer.give_back(progress, lots).released_lots == 0
    for wrong in (lots + 1, -1):
        with pytest.raises(InvariantBroken):
            slicer.give_back(progress, wrong)


CROWD_LOTS = (1, 1, 2, 3, 5, 5, 8, 20)
LONG = ScheduleTerms(Side.BUY, 0, 3_600 * S, 60 * S)


def disguised(plain, seed_bits=7):
    return DisguisedParameters(plain.terms, plain, seed_bits, CROWD_LOTS)


def clips_of(parameters, total_lots, anchor_ns=0, anchor_lots=0):
    """(time, lots) of each clip, found by asking as the engine does: when the next one leaves, and what is due then."""
    progress = Progress(total_lots, anchor_ns, anchor_lots, 0, anchor_lots, 0)
    found, at_ns, out = [], max(anchor_ns, parameters.terms.start_ns) - 1, anchor_lots
    while (at_ns := slicer.next_due_ns(parameters, progress, at_ns)) > 0:
        due = slicer.target_lots(parameters, progress, Seen(at_ns))
        found.append((at_ns, due - out))
        out = due
    return found


@pytest.mark.parametrize("plain", [TwapParameters(LONG), VwapParameters(LONG, (1, 5, 2)), SHORTFALL])
def test_disguised_clips_sum_to_the_parent_and_have_sizes_of_the_market(plain):
    clips = clips_of(disguised(plain), 500)
    assert sum(lots for _, lots in clips) == 500
    assert len(clips) > 40
    assert all(0 <= at_ns < LONG.end_ns for at_ns, _ in clips)
    assert sum(lots not in CROWD_LOTS for _, lots in clips) <= 3  # one is exchanged or grown, two may leave at one time


def test_a_seed_serves_one_parent_and_a_new_anchor_draws_anew():
    twap = TwapParameters(LONG)
    assert clips_of(disguised(twap), 500) == clips_of(disguised(twap), 500)
    assert clips_of(disguised(twap), 500) != clips_of(disguised(twap, 8), 500)
    half_ns, first = LONG.end_ns // 2, clips_of(disguised(twap), 500)
    later = clips_of(disguised(twap), 500, half_ns, 200)
    assert sum(lots for _, lots in later) == 300
    assert later[0][0] >= half_ns
    assert not {at_ns for at_ns, _ in first} & {at_ns for at_ns, _ in later}


def test_a_disguise_follows_the_plain_plans_curve():
    """All volume is in the last quarter: so are the clips. Evenly within a slice, not at its begin."""
    vwap = VwapParameters(ScheduleTerms(Side.BUY, 0, 3_600 * S, 900 * S), (0, 0, 0, 1))
    clips = clips_of(disguised(vwap), 500)
    assert min(at_ns for at_ns, _ in clips) >= 2_700 * S
    within = [(at_ns - 2_700 * S) / (900 * S) for at_ns, _ in clips]
    assert 0.3 < sum(within) / len(within) < 0.7


def test_a_disguise_keeps_cap_limit_end_and_least_clip():
    terms = replace(LONG, cap_ppm=100_000, limit_price_ticks=100, min_clip_lots=3)
    parameters, progress = disguised(TwapParameters(terms)), Progress(500, 0, 0, 0, 0, 0)
    half_ns = LONG.end_ns // 2
    assert slicer.target_lots(parameters, progress, Seen(half_ns, 1_000, 101)) == 0
    assert slicer.target_lots(parameters, progress, Seen(half_ns, 1_000, 100)) == 100
    assert slicer.target_lots(parameters, progress, Seen(half_ns, 20, 100)) == 0  # two lots of room, a clip has three
    assert slicer.target_lots(parameters, progress, Seen(LONG.end_ns, 10_000, 100)) == 500
    free = replace(terms, cap_ppm=None, limit_price_ticks=None)
    assert min(lots for _, lots in clips_of(disguised(TwapParameters(free)), 500)[:-1]) >= 3


def test_volume_has_no_clock_to_be_disguised_along():
    with pytest.raises(BadRequest):
        disguised(PovParameters(LONG, 100_000))


@given(st.integers(1, 400), st.integers(1, PPM), st.integers(0, 10_000), st.integers(0, 10_000))
def test_room_that_rested_unfilled_comes_back_and_the_cap_still_holds(
    total: int, cap_ppm: int, first_others: int, more_others: int
) -> None:
    """Any part of a release may come back: in all no more is out than the cap's part of what others traded."""
    capped = TwapParameters(ScheduleTerms(Side.BUY, 0, 10, 1, cap_ppm=cap_ppm))
    progress = slicer.begin(total, Seen(0))
    progress, lots = slicer.release(capped, progress, Seen(10, first_others))
    for unfilled in (lots, lots // 2):
        back = slicer.regain(capped, slicer.settle(progress, lots - unfilled), unfilled)
        again, more = slicer.release(capped, back, Seen(11, first_others + more_others))
        out = lots - unfilled + more
        assert out <= (first_others + more_others) * cap_ppm // PPM
        assert more >= min(unfilled - 1, total - (lots - unfilled))
        assert again.released_lots == out


def test_without_a_cap_there_is_no_room_to_regain() -> None:
    free = TwapParameters(ScheduleTerms(Side.BUY, 0, 10, 1))
    progress, lots = slicer.release(free, slicer.begin(10, Seen(0)), Seen(10, 50))
    assert slicer.regain(free, progress, lots) == progress
