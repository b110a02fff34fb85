"""What a simulated world writes down: events that are due, reports to us, public trades, published books.

Source: docs/simulated-markets.md#time.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Any

from app.kernels import sim_words as w
from app.kernels.jit import kernel
from app.kernels.sim_noise import exponential

World = Any


@kernel("")
def push_event(world: World, at_ns: int, kind_number: int, venue_i: int, a_number: int, b_number: int) -> None:
    """Puts an event among those that are due; a full queue voids the run (IS_FULL)."""
    head, queue = world[w.HEAD], world[w.QUEUE]
    n = head[w.N_QUEUED]
    if n == queue.shape[0]:
        head[w.IS_FULL] = 1
        return
    head[w.SEQ] += 1
    queue[n, w.Q_NS] = at_ns
    queue[n, w.Q_SEQ] = head[w.SEQ]
    queue[n, w.Q_KIND] = kind_number
    queue[n, w.Q_VENUE] = venue_i
    queue[n, w.Q_A] = a_number
    queue[n, w.Q_B] = b_number
    head[w.N_QUEUED] = n + 1
    if n == 0 or at_ns < head[w.DUE_NS]:
        head[w.DUE_NS] = at_ns
        head[w.DUE_ROW] = n


@kernel("")
def pop_event(world: World) -> None:
    """Takes the event that is due first (of equals the one put first) into the world's EVENT."""
    head, queue, event = world[w.HEAD], world[w.QUEUE], world[w.EVENT]
    row = head[w.DUE_ROW]
    last = head[w.N_QUEUED] - 1
    for i in range(w.QUEUE_SIZE):
        event[i] = queue[row, i]
        queue[row, i] = queue[last, i]
    head[w.N_QUEUED] = last
    head[w.DUE_NS] = w.NEVER_NS
    head[w.DUE_ROW] = 0
    seq = 0
    for i in range(last):
        at_ns = queue[i, w.Q_NS]
        if at_ns < head[w.DUE_NS] or (at_ns == head[w.DUE_NS] and queue[i, w.Q_SEQ] < seq):
            head[w.DUE_NS] = at_ns
            head[w.DUE_ROW] = i
            seq = queue[i, w.Q_SEQ]


@kernel("")
def jitter_ns(world: World, venue_i: int, agent_number: int, message_number: int) -> int:
    """Noise on top of a latency, exponential with the venue's mean."""
    mean = world[w.VENUES][venue_i, w.JITTER_NS]
    if mean == 0:
        return 0
    return int(mean * exponential(world[w.HEAD][w.SEED], agent_number + venue_i, message_number, 0))


@kernel("")
def emit(
    world: World,
    kind_number: int,
    row: int,
    price_half_ticks: int,
    qty_lots: int,
    maker_number: int,
    trade_number: int,
    code_number: int,
) -> None:
    """Writes a report and when it reaches us: after the venue's latency, never before an earlier one of the venue."""
    head, venues, own, reports = world[w.HEAD], world[w.VENUES], world[w.OWN], world[w.REPORTS]
    v = own[row, w.VENUE]
    now = head[w.NOW_NS]
    seen = now + venues[v, w.LATENCY_OUT_NS] + jitter_ns(world, v, w.A_LATENCY_OUT, venues[v, w.N_OUT])
    seen = max(seen, venues[v, w.LAST_OUT_NS])
    venues[v, w.LAST_OUT_NS] = seen
    venues[v, w.N_OUT] += 1
    at = head[w.N_REPORTS] % reports.shape[0]
    head[w.N_REPORTS] += 1
    reports[at, w.R_SEEN_NS] = seen
    reports[at, w.R_NS] = now
    reports[at, w.R_KIND] = kind_number
    reports[at, w.R_NUMBER] = own[row, w.NUMBER]
    reports[at, w.R_VENUE] = v
    reports[at, w.R_HALF_TICKS] = price_half_ticks
    reports[at, w.R_LOTS] = qty_lots
    reports[at, w.R_LEFT] = own[row, w.LEFT_LOTS]
    reports[at, w.R_IS_MAKER] = maker_number
    reports[at, w.R_TRADE] = trade_number
    reports[at, w.R_CODE] = code_number
    reports[at, w.R_AHEAD] = own[row, w.AHEAD_LOTS]
    if head[w.WANTS_NEWS] == 1 and seen < head[w.STOP_NS]:
        head[w.STOP_NS] = seen


@kernel("")
def print_trade(
    world: World,
    venue_i: int,
    sign: int,
    price_half_ticks: int,
    qty_lots: int,
    own_maker_lots: int,
    own_taker_number: int,
) -> None:
    """Writes a public trade; its number is that of all trades before it."""
    head, prints = world[w.HEAD], world[w.PRINTS]
    at = head[w.N_PRINTS] % prints.shape[0]
    prints[at, w.P_NS] = head[w.NOW_NS]
    prints[at, w.P_TRADE] = head[w.N_PRINTS]
    prints[at, w.P_VENUE] = venue_i
    prints[at, w.P_SIGN] = sign
    prints[at, w.P_HALF_TICKS] = price_half_ticks
    prints[at, w.P_LOTS] = qty_lots
    prints[at, w.P_OWN_MAKER_LOTS] = own_maker_lots
    prints[at, w.P_OWN_TAKER] = own_taker_number
    head[w.N_PRINTS] += 1


@kernel("")
def push_value(world: World, venue_i: int, sign: int) -> None:
    """The value behind the prices will move by the venue's toxicity, in the direction of who traded with us."""
    ppm = world[w.LAWS][venue_i, w.TOXIC_PPM]
    if ppm != 0.0:
        at_ns = world[w.HEAD][w.NOW_NS] + world[w.VENUES][venue_i, w.TOXIC_DELAY_NS]
        push_event(world, at_ns, w.EV_PUSH, venue_i, int(sign * ppm * 1000.0), 0)


@kernel("")
def has_room(world: World) -> bool:
    """Whether reports and prints of one more event fit before the shell reads them."""
    head = world[w.HEAD]
    reports_free = world[w.REPORTS].shape[0] - (head[w.N_REPORTS] - head[w.N_REPORTS_READ])
    prints_free = world[w.PRINTS].shape[0] - (head[w.N_PRINTS] - head[w.N_PRINTS_READ])
    most_reports = w.MOST_LIVE * (w.MOST_REFILLS + 1) + w.WINDOW
    return bool(reports_free > most_reports and prints_free > w.WINDOW + 64)
