"""What every schedule keeps, whatever it plans: the one contract that each test file of this folder calls."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from app.domain.schedule import PovParameters, Progress, ScheduleParameters, Seen
from app.domain.units import PPM
from app.execution import slicer

TOTAL_LOTS = 1_003
OTHERS_LOTS_PER_S = 400


def seen_at(now_ns: int) -> Seen:
    """Others trade evenly: the instant says all."""
    return Seen(now_ns, now_ns * OTHERS_LOTS_PER_S // 10**9, 100)


def instants(parameters: ScheduleParameters, n_steps: int = 137) -> list[int]:
    """From before the start to well after the end, off the grid of slices."""
    terms = parameters.terms
    span_ns = terms.end_ns - terms.start_ns
    times = {terms.start_ns + k * span_ns * 11 // (n_steps * 10) for k in range(n_steps + 1)}
    return sorted({0, terms.start_ns, terms.end_ns - 1, terms.end_ns, *times})


def run(parameters: ScheduleParameters, times: list[int], *, restarts: bool = False) -> list[tuple[int, int]]:
    """(instant, lots released) of a run; with restarts only the written-down progress lives from step to step."""
    progress = slicer.begin(TOTAL_LOTS, seen_at(times[0]))
    given = []
    for now_ns in times:
        if restarts:
            progress = Progress(**json.loads(json.dumps(asdict(progress))))
        progress, lots = slicer.release(parameters, progress, seen_at(now_ns))
        given.append((now_ns, lots))
    return given


def keeps_the_contract(parameters: ScheduleParameters) -> None:
    times = instants(parameters)
    given = run(parameters, times)
    _sums_to_the_parent(parameters, times, given)
    _never_falls_nor_starts_early(parameters, given)
    assert run(parameters, times, restarts=True) == given, "a restart at any instant changes nothing"
    _is_the_same_whoever_was_away(parameters, times)
    _stays_below_the_cap(parameters, times)
    _paused_it_gives_nothing(parameters, times)


def _sums_to_the_parent(parameters, times, given) -> None:
    total = sum(lots for _, lots in given)
    if isinstance(parameters, PovParameters):
        numerator, denominator = parameters.of_others
        assert total == min(TOTAL_LOTS, seen_at(times[-1]).others_lots * numerator // denominator)
    else:
        assert total == TOTAL_LOTS
        assert sum(lots for now_ns, lots in given if now_ns <= parameters.terms.end_ns) == TOTAL_LOTS


def _never_falls_nor_starts_early(parameters, given) -> None:
    assert all(lots >= 0 for _, lots in given)
    assert all(lots == 0 for now_ns, lots in given if now_ns < parameters.terms.start_ns)
    progress = slicer.begin(TOTAL_LOTS, seen_at(0))
    targets = [slicer.target_lots(parameters, progress, seen_at(now_ns)) for now_ns, _ in given]
    assert targets == sorted(targets)
    assert targets[0] >= 0
    assert targets[-1] <= TOTAL_LOTS


def _is_the_same_whoever_was_away(parameters, times) -> None:
    """Without a cap the clock alone decides: asked once at the end of any outage, all that was missed is due."""
    progress = slicer.begin(TOTAL_LOTS, seen_at(times[0]))
    done = 0
    for now_ns in times[::7]:
        progress, _ = slicer.release(parameters, progress, seen_at(now_ns))
        done = progress.released_lots
        asked_always = sum(lots for at_ns, lots in run(parameters, times) if at_ns <= now_ns)
        assert done == asked_always


def _stays_below_the_cap(parameters, times) -> None:
    for cap_ppm in (100_000, 250_000):
        if isinstance(parameters, PovParameters) and parameters.of_others[0] * PPM > cap_ppm * parameters.of_others[1]:
            continue
        capped = replace(parameters, terms=replace(parameters.terms, cap_ppm=cap_ppm))
        since_lots = seen_at(times[0]).others_lots
        for now_ns, lots in run(capped, times):
            if lots:
                assert lots * PPM <= cap_ppm * (seen_at(now_ns).others_lots - since_lots)
                since_lots = seen_at(now_ns).others_lots


def _paused_it_gives_nothing(parameters, times) -> None:
    """Halted for a third of the time; the rest still comes, by the same end."""
    third = len(times) // 3
    progress = slicer.begin(TOTAL_LOTS, seen_at(times[0]))
    total = 0
    for i, now_ns in enumerate(times):
        if i == third:
            progress = slicer.pause(progress)
        if i == 2 * third:
            progress = slicer.resume(progress, seen_at(now_ns))
        progress, lots = slicer.release(parameters, progress, seen_at(now_ns))
        assert lots == 0 or not third <= i < 2 * third
        total += lots
    if not isinstance(parameters, PovParameters):
        assert total == TOTAL_LOTS
