"""The proof of one plan: its price limits, the witness price and its bound, and every law of every child.

Nothing of the search is used but the units: a child is walked again over the books as they were seen, and judged by
the listing's own facts.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.bound import dual_value
from app.kernels.cost import (
    ABOVE,
    AT_LIMIT,
    CEILING_UNITS,
    DEN,
    EST_PPM,
    FEE_PPM,
    FIXED_NANO,
    IS_INVERSE,
    LIMIT_UNITS,
    NUM,
    PPM,
    SIDE,
    SIGN,
    TICK_UNITS,
    USABLE_UNITS,
    fee_of,
    money_of,
    walk_side,
)
from app.kernels.greedy import envelope_costs, merge_levels
from app.kernels.jit import kernel
from app.kernels.pose import CAP_UNITS, CAPACITY, CAPACITY_IS_UNITS, MAX_AGE_NS, NARROW, NOW_NS

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# Rows of `facts`, a listing as a receipt tells it.
FACT_FEE_PPM: Final = 0
FACT_FIXED_NANO: Final = 1
FACT_LOT_UNITS: Final = 2
FACT_TICK_UNITS: Final = 3
FACT_MIN_LOTS: Final = 4
FACT_MIN_NOTIONAL_NANO: Final = 5
FACT_MAX_LOTS: Final = 6
N_FACTS: Final = 7

# Bits of a broken law, in the order of routing/verify.py's names.
LAWS: Final = 13

# From so few levels above it the last level of a merge is found sooner than by merging.
MOST_BACK: Final = 16
NOT_NEAR: Final = -2

# Entries of `found`.
WITNESS_UPNANO: Final = 0
DUAL_NANO: Final = 1
N_ROUNDED: Final = 2
IS_PROVEN: Final = 3
N_FOUND: Final = 4

# Columns of `nano`: a venue's all-in touch; the all-in price of a whole quantity with its fixed cost spread; the unit
# cost of the deepest level that the plan reads there.
TOUCH: Final = 0
OWN: Final = 1
DEEPEST: Final = 2


@kernel("", inlined=True)
def sent_limit(worst_units: int, row: Int64, rule: Int64) -> int:
    """The price of a child in ticks: the cap where all is sent at it, else the tick at or behind its worst level."""
    tick = row[TICK_UNITS]
    if rule[AT_LIMIT] != 0 and row[LIMIT_UNITS] > 0:
        return int(row[LIMIT_UNITS] // tick)
    return int(-(-worst_units // tick) if rule[SIDE] > 0 else worst_units // tick)


@kernel("", inlined=True)
def broken_laws(
    units: int,
    limit_ticks: int,
    claimed: Int64,
    fixed_nano: int,
    listing: Int64,
    asked: Int64,
    wish: Int64,
    rule: Int64,
    prices: Int64,
    qtys: Int64,
    received_ts_ns: int,
    is_barred: bool,
) -> int:
    """Bits of the laws that one child of `units` at `limit_ticks` breaks. claimed: its walk, as in walk_plans.

    listing: int64[7], its facts; asked: int64[N_ASKED] of its listing; prices, qtys: the seen side; is_barred: whether
    its book is gapped or was never there.
    """
    side, cap = rule[SIDE], wish[CAP_UNITS]
    lot, fee_ppm = listing[FACT_LOT_UNITS], listing[FACT_FEE_PPM]
    lots = units // lot
    limit = limit_ticks * listing[FACT_TICK_UNITS]
    money, worst, n_read = walk_side(prices, qtys, units, rule)
    touch = prices[0] if prices.size > 0 else 0
    judged = min(touch, limit)
    is_sized = judged > 0 and units > 0
    notional = money_of(limit if side > 0 else touch, max(units, 0), rule)
    use = notional + fee_of(notional, max(fee_ppm, 0)) + listing[FACT_FIXED_NANO]
    if wish[CAPACITY_IS_UNITS] != 0:
        use = units
    broken = 0
    broken |= (lots < 1 or units != lots * lot) << 0
    broken |= (lots < listing[FACT_MIN_LOTS]) << 1
    broken |= (lots > listing[FACT_MAX_LOTS]) << 2
    broken |= (limit_ticks < 1 or (limit - claimed[2]) * side < 0) << 3
    broken |= (cap > 0 and (limit - cap) * side > 0) << 4
    broken |= (wish[NOW_NS] - received_ts_ns > asked[MAX_AGE_NS]) << 5
    broken |= is_barred << 6
    broken |= (n_read <= 0) << 7
    broken |= (money != claimed[0] or worst != claimed[2]) << 8
    broken |= (fee_of(money, fee_ppm) != claimed[1]) << 9
    broken |= (fixed_nano != listing[FACT_FIXED_NANO]) << 10
    broken |= (not is_sized or money_of(judged, max(units, 0), rule) < listing[FACT_MIN_NOTIONAL_NANO]) << 11
    broken |= (not is_sized or use > asked[CAPACITY]) << 12
    return int(broken)


@kernel("")
def unit_upnano(price_units: int, ppm: int, rule: Int64) -> int:
    """All-in cost of one unit at a price in 1e-6 nano, rounded up; 0 where the product may leave int64."""
    factor = rule[SIGN] * PPM + ppm
    if rule[IS_INVERSE] != 0:
        return int(-((-factor * rule[NUM]) // (price_units * rule[DEN])))
    if abs(float(factor)) * rule[NUM] * price_units * ABOVE >= 2.0 * NARROW:
        return 0
    return int(-((-factor * rule[NUM] * price_units) // rule[DEN]))


@kernel("", allocates=True)
def merged_last(
    first: Int64,
    key: Float64,
    price_units: Int64,
    qty_units: Int64,
    terms: Int64,
    total_units: int,
    out_work: Int64,
    out_heap_key: Float64,
) -> int:
    """The last level of the merge of `total_units`, each venue up to its ceiling; -1 for none."""
    n = first.size - 1
    room, taken = np.empty(n, np.int64), np.empty(n, np.int64)
    for v in range(n):
        room[v] = terms[v, CEILING_UNITS]
    return int(
        merge_levels(first, key, price_units, qty_units, room, total_units, 0.0, -1.0, out_work, out_heap_key, taken)
    )


@kernel("")
def dearest_key(first: Int64, key: Float64, units: Int64, walk: Int64) -> float:
    """The key of the dearest level that a plan reads, above all others where one of its walks was too short."""
    dearest = -np.inf
    for v in range(units.size):
        if units[v] > 0:
            dearest = max(dearest, key[first[v] + walk[v, 3] - 1] if walk[v, 3] > 0 else np.inf)
    return dearest


@kernel("")
def last_below(
    first: Int64, key: Float64, qty_units: Int64, terms: Int64, total_units: int, most_nano: float, out_work: Int64
) -> int:
    """The last level of the merge of `total_units`, found from above: -1 for none, NOT_NEAR where a merge is sooner.

    All levels up to `most_nano` are taken, then given back in the merge's order reversed until what is left is too
    little. A plan in whole lots reads a level or two beyond the relaxation of its quantity, so a few steps do.
    """
    count, units = out_work[0], out_work[1]
    n = first.size - 1
    total = 0
    for v in range(n):
        # Beyond what a venue could give at all its envelope need not rise.
        # Unsigned, as in greedy.sift_down.
        i, end, depth = np.uint64(first[v]), np.uint64(first[v + 1]), 0
        most = min(terms[v, CEILING_UNITS], total_units)
        while i < end and depth < most and key[i] <= most_nano:
            depth += qty_units[i]
            i += np.uint64(1)
        count[v], units[v] = np.int64(i) - first[v], depth
        total += min(depth, most)
    if total < total_units:
        return NOT_NEAR
    for _ in range(MOST_BACK):
        best = -1
        best_key = -np.inf
        for v in range(n):
            if count[v] > 0:
                deepest = key[np.uint64(first[v] + count[v] - 1)]
                if deepest >= best_key:
                    best, best_key = v, deepest
        if best < 0:
            return -1
        last = first[best] + count[best] - 1
        most = min(terms[best, CEILING_UNITS], total_units)
        total += min(units[best] - qty_units[last], most) - min(units[best], most)
        if total < total_units:
            return int(last)
        count[best] -= 1
        units[best] -= qty_units[last]
    return NOT_NEAR


@kernel("")
def marginal_price(
    first: Int64,
    price_units: Int64,
    qty_units: Int64,
    unit_nano: Float64,
    terms: Int64,
    rule: Int64,
    units: Int64,
    walk: Int64,
    total_units: int,
    has_fixed: bool,
    out_work: Int64,
    out_heap_key: Float64,
    out_key: Float64,
) -> int:
    """The all-in price of the plan's last unit in the relaxation, in 1e-6 nano: the witness that proves most; 0: none.

    units, walk: the plan, of `total_units`: where to begin to look.
    """
    key = unit_nano
    if has_fixed:
        key = out_key[: unit_nano.size]
        envelope_costs(first, unit_nano, qty_units, terms, total_units, key)
    most_nano = dearest_key(first, key, units, walk)
    last = last_below(first, key, qty_units, terms, total_units, most_nano, out_work)
    if last == NOT_NEAR:
        last = merged_last(first, key, price_units, qty_units, terms, total_units, out_work, out_heap_key)
    if last < 0:
        return 0
    if key[last] != unit_nano[last]:
        return round(float(key[last]) * PPM)
    v = 0
    while first[v + 1] <= last:
        v += 1
    return unit_upnano(price_units[last], terms[v, FEE_PPM] + terms[v, EST_PPM], rule)


@kernel("")
def highest_of(first: Int64, price_units: Int64) -> int:
    """The highest price of all levels, each venue's being sorted; 1 without any."""
    highest = 1
    for v in range(first.size - 1):
        if first[v] < first[v + 1]:
            highest = max(highest, price_units[first[v]], price_units[first[v + 1] - 1])
    return int(highest)


@kernel("")
def fits_witness(witness_upnano: int, total_units: int, most_price_units: int, rule: Int64) -> bool:
    """Whether witness x quantity and, where money is not exact, witness x price x den stay in int64."""
    witness = (abs(float(witness_upnano)) + PPM) * ABOVE
    if witness * max(total_units, 1) >= NARROW * PPM or witness >= NARROW:
        return False
    if rule[IS_INVERSE] != 0:
        return bool(witness * rule[DEN] * most_price_units < NARROW)
    return bool(rule[DEN] == 1 or witness * rule[DEN] < NARROW)


@kernel("")
def price_venues(
    first: Int64,
    unit_nano: Float64,
    terms: Int64,
    units: Int64,
    walk: Int64,
    wanted_units: int,
    scale: float,
    out_nano: Float64,
) -> None:
    """What venues would cost, for the reasons of those left out: out_nano, float64[n, 3], see TOUCH, OWN, DEEPEST."""
    for v in range(units.size):
        touch = unit_nano[min(first[v], unit_nano.size - 1)] if unit_nano.size > 0 else 0.0
        most = min(max(terms[v, USABLE_UNITS], 1), max(wanted_units, 1))
        out_nano[v, TOUCH] = touch
        out_nano[v, OWN] = float(round((touch + terms[v, FIXED_NANO] / most) * scale))
        out_nano[v, DEEPEST] = unit_nano[first[v] + walk[v, 3] - 1] if units[v] > 0 and walk[v, 3] > 0 else -np.inf


@kernel("")
def judge_children(
    book_price_units: Int64,
    book_qty_units: Int64,
    n_levels: Int64,
    book_seq: Int64,
    received_ts_ns: Int64,
    is_gapped: Bool,
    places: Int64,
    facts: Int64,
    asked: Int64,
    wish: Int64,
    rule: Int64,
    terms: Int64,
    units: Int64,
    walk: Int64,
    out_sent: Int64,
) -> int:
    """Each child's limit and the laws it breaks, into out_sent: see prove_plan. Returns how many break one."""
    side_i = 1 if rule[SIDE] > 0 else 0
    n_broken = 0
    for v in range(units.size):
        out_sent[v, 0] = 0
        out_sent[v, 1] = 0
        if units[v] == 0:
            continue
        out_sent[v, 0] = sent_limit(walk[v, 2], terms[v], rule)
        k, row = places[1, v], places[2, v]
        if rule[IS_INVERSE] == 0:
            n_seen = n_levels[row, side_i]
            out_sent[v, 1] = broken_laws(
                units[v],
                out_sent[v, 0],
                walk[v],
                terms[v, FIXED_NANO],
                facts[:, k],
                asked[:, k],
                wish,
                rule,
                book_price_units[row, side_i, :n_seen],
                book_qty_units[row, side_i, :n_seen],
                received_ts_ns[row],
                is_gapped[row] or book_seq[row] == 0,
            )
        n_broken += out_sent[v, 1] != 0
    return n_broken


@kernel("")
def prove_bound(
    first: Int64,
    price_units: Int64,
    qty_units: Int64,
    unit_nano: Float64,
    terms: Int64,
    rule: Int64,
    units: Int64,
    walk: Int64,
    total_units: int,
    has_fixed: bool,
    out_work: Int64,
    out_heap_key: Float64,
    out_key: Float64,
    out_found: Int64,
) -> None:
    """Witness and bound of a plan that is not empty, written into out_found: see prove_plan."""
    witness = marginal_price(
        first,
        price_units,
        qty_units,
        unit_nano,
        terms,
        rule,
        units,
        walk,
        total_units,
        has_fixed,
        out_work,
        out_heap_key,
        out_key,
    )
    out_found[WITNESS_UPNANO] = witness
    if witness != 0 and fits_witness(witness, total_units, highest_of(first, price_units), rule):
        dual_value(
            first, price_units, qty_units, terms, rule, total_units, witness, out_found[DUAL_NANO : N_ROUNDED + 1]
        )
        out_found[IS_PROVEN] = 1


@kernel("")
def prove_plan(
    book_price_units: Int64,
    book_qty_units: Int64,
    n_levels: Int64,
    book_seq: Int64,
    received_ts_ns: Int64,
    is_gapped: Bool,
    places: Int64,
    facts: Int64,
    asked: Int64,
    wish: Int64,
    rule: Int64,
    first: Int64,
    price_units: Int64,
    qty_units: Int64,
    unit_nano: Float64,
    terms: Int64,
    units: Int64,
    walk: Int64,
    wanted_units: int,
    has_fixed: bool,
    scale: float,
    out_work: Int64,
    out_heap_key: Float64,
    out_key: Float64,
    out_sent: Int64,
    out_nano: Float64,
    out_found: Int64,
) -> int:
    """Limits, laws, witness and bound of one plan (units: int64[n], walk: int64[n, 4]).

    The first six are the seen books, places: int64[N_PLACES, n_listings] of pose_problem, facts: int64[7, n_listings];
    asked, wish, rule and the flat problem as posed. scale: units of one whole quantity. out_sent: int64[n, 2], written:
    limit in ticks and bits of broken laws, 0 where nothing is sent. out_nano: float64[n, 3], see price_venues.
    out_found: int64[N_FOUND], written; IS_PROVEN stays 0 where the witness does not fit and Python has to go on.
    Returns how many children break a law. The laws are those of price contracts: an inverse one is judged in Python.
    """
    n_broken = judge_children(
        book_price_units,
        book_qty_units,
        n_levels,
        book_seq,
        received_ts_ns,
        is_gapped,
        places,
        facts,
        asked,
        wish,
        rule,
        terms,
        units,
        walk,
        out_sent,
    )
    total = 0
    for v in range(units.size):
        total += units[v]
    price_venues(first, unit_nano, terms, units, walk, wanted_units, scale, out_nano)
    for i in range(N_FOUND):
        out_found[i] = 0
    if total == 0:
        out_found[IS_PROVEN] = 1
        return n_broken
    prove_bound(
        first,
        price_units,
        qty_units,
        unit_nano,
        terms,
        rule,
        units,
        walk,
        total,
        has_fixed,
        out_work,
        out_heap_key,
        out_key,
        out_found,
    )
    return n_broken
