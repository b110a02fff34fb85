"""What is said of a decision that kernels/decide.py made: a table of integers, and the columns of its receipt.

The table holds the children in the order of their first level's cost, a reason for each venue left out, the rivals, the
split of the cost and the books' places: all that a plan says in numbers. Once written it is judged from its own rows.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.cost import (
    ABOVE,
    FIXED_NANO,
    IS_INVERSE,
    LIMIT_UNITS,
    LOT_UNITS,
    MIN_UNITS,
    N_RULES,
    N_TERMS,
    NUM,
    SIDE,
    SIGN,
    money_of,
)
from app.kernels.decide import (
    ANSWER,
    BEST,
    CHOSEN,
    CHOSEN_WALK,
    FACTS,
    FIRST,
    FOUND,
    LEVELS,
    N_ADMITTED,
    N_LEVELS,
    PLACES,
    PRICE,
    QTY,
    REACH,
    ROOM,
    RULE,
    SCALE,
    SEEN,
    SENT,
    TABLE,
    TERMS,
    TOTAL,
    UNIT_NANO,
    UNITS,
    WALK,
    WANTED,
    WISH,
    WORK,
    N,
)
from app.kernels.decide import NANO as NANO_AT
from app.kernels.jit import kernel
from app.kernels.pack import pack_receipt, put_words
from app.kernels.pose import AGE_NS, BEST_ASK, BEST_BID, CAP_UNITS, N_ASKED, N_PLACES, NARROW, SEQ
from app.kernels.prove import DEEPEST, N_FACTS, OWN, TOUCH, WITNESS_UPNANO
from app.kernels.views import cut

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]

# The table's head: venues admitted, plans, children; then of the chosen plan its units, money, fees, fixed costs,
# objective, what is believed beside it, levels read; the split of its cost; the consolidated touch; which plan it is,
# how many venues could take nothing at any price, bits of what does not add up, whether every number is exact.
N_VENUES: Final = 0
N_PLANS: Final = 1
N_CHILDREN: Final = 2
QTY_UNITS: Final = 3
MONEY_NANO: Final = 4
FEE_NANO: Final = 5
FIXED_COST_NANO: Final = 6
OBJECTIVE_NANO: Final = 7
ESTIMATED_NANO: Final = 8
N_READ: Final = 9
SPREAD_NANO: Final = 10
IMPACT_NANO: Final = 11
TOTAL_NANO: Final = 12
BID_UNITS: Final = 13
ASK_UNITS: Final = 14
CHOSEN_I: Final = 15
N_IMPOSSIBLE: Final = 16
BROKEN: Final = 17
IS_EXACT: Final = 18
N_HEAD: Final = 19
# Then its rows, one kind after the other. A child: which venue, lots, units, limit in ticks, worst price, money, fee,
# fixed cost, rank. A venue left out: which, the reason, its limit and its value. A rival: units, cost, venues, which
# venue where it is one. A book: sequence and age.
N_CHILD: Final = 9
N_LEFT_OUT: Final = 4
N_RIVAL: Final = 4
N_BOOK: Final = 2
# Reasons of a venue left out; of an impossible one that has levels within the limit Python says why.
DEARER: Final = 0
MAX_VENUES: Final = 1
BEYOND_LIMIT: Final = 2
IMPOSSIBLE: Final = -1

# Bits of BROKEN, in the order of routing/written.py's words.
BROKEN_QTY: Final = 1
BROKEN_MONEY: Final = 2
BROKEN_OBJECTIVE: Final = 4
BROKEN_SPLIT: Final = 8
BROKEN_VENUES: Final = 16
BROKEN_CHILD: Final = 32

MAX_FLOAT_INTEGER: Final = 2.0**53


@kernel("")
def write_children(nano: Float64, terms: Int64, units: Int64, walk: Int64, sent: Int64, out_answer: Int64) -> int:
    """The rows of the plan's children, ranked by the cost of their first level. Returns how many there are."""
    n_used = 0
    for v in range(units.size):
        if units[v] == 0:
            continue
        at = N_HEAD + n_used * N_CHILD
        while at > N_HEAD and nano[out_answer[at - N_CHILD], TOUCH] > nano[v, TOUCH]:
            out_answer[at] = out_answer[at - N_CHILD]
            at -= N_CHILD
        out_answer[at] = v
        n_used += 1
    for rank in range(n_used):
        row = out_answer[N_HEAD + rank * N_CHILD : N_HEAD + (rank + 1) * N_CHILD]
        v = row[0]
        row[1] = units[v] // terms[v, LOT_UNITS]
        row[2] = units[v]
        row[3] = sent[v, 0]
        row[4] = walk[v, 2]
        row[5] = walk[v, 0]
        row[6] = walk[v, 1]
        row[7] = terms[v, FIXED_NANO]
        row[8] = rank
    return n_used


@kernel("")
def write_left_out(
    nano: Float64,
    terms: Int64,
    units: Int64,
    room_units: Int64,
    first: Int64,
    seen: Int64,
    wanted_units: int,
    cap_units: int,
    max_venues: int,
    n_used: int,
    scale: float,
    start: int,
    out_answer: Int64,
) -> int:
    """The rows of the venues that the plan leaves out, as routing/explain.py tells them. Returns the end."""
    dearest = -np.inf
    for v in range(units.size):
        dearest = max(dearest, nano[v, DEEPEST])
    # The dearest all-in price of one whole quantity that the plan pays, signed as cost.
    ceiling = dearest * scale
    if not abs(ceiling) < NARROW:
        out_answer[IS_EXACT] = 0
        return start
    ceiling_nano = np.int64(round(ceiling))
    is_bound = 0 < max_venues <= n_used
    at = start
    for v in range(units.size):
        if units[v] != 0:
            continue
        own_nano = nano[v, OWN]
        out_answer[at] = v
        is_impossible = room_units[v] <= 0 or terms[v, MIN_UNITS] > wanted_units
        if is_impossible and first[v] == first[v + 1]:
            limit_units = cap_units if cap_units != 0 else terms[v, LIMIT_UNITS]
            out_answer[at + 1], out_answer[at + 2], out_answer[at + 3] = BEYOND_LIMIT, limit_units, seen[v, 0]
            if max(abs(limit_units), abs(seen[v, 0])) >= NARROW:
                out_answer[IS_EXACT] = 0
        elif is_impossible:
            out_answer[at + 1], out_answer[at + 2], out_answer[at + 3] = IMPOSSIBLE, 0, 0
            out_answer[N_IMPOSSIBLE] += 1
        elif is_bound and own_nano < ceiling_nano:
            out_answer[at + 1], out_answer[at + 2], out_answer[at + 3] = MAX_VENUES, max_venues, n_used
        elif abs(own_nano) < NARROW:
            out_answer[at + 1], out_answer[at + 2], out_answer[at + 3] = (
                DEARER,
                abs(ceiling_nano),
                np.int64(abs(own_nano)),
            )
        else:
            out_answer[IS_EXACT] = 0
        at += N_LEFT_OUT
    return at


@kernel("")
def write_rivals(units: Int64, total: Int64, start: int, out_answer: Int64) -> int:
    """The rows of all plans of the contest. Returns the end."""
    at = start
    for i in range(total.shape[0]):
        only = -1
        if total[i, 3] == 1:
            for v in range(units.shape[1]):
                if units[i, v] == total[i, 2]:
                    only = v
                    break
        out_answer[at], out_answer[at + 1] = total[i, 2], total[i, 0]
        out_answer[at + 2], out_answer[at + 3] = total[i, 3], only
        at += N_RIVAL
    return at


@kernel("")
def write_books(places: Int64, n: int, start: int, out_answer: Int64) -> None:
    """Sequence and age of each admitted venue's book."""
    for v in range(n):
        out_answer[start + v * N_BOOK] = places[SEQ, v]
        out_answer[start + v * N_BOOK + 1] = places[AGE_NS, v]


@kernel("")
def write_split(bid_units: float, ask_units: float, mid_half_units: int, rule: Int64, out_answer: Int64) -> None:
    """The plan's cost against the benchmark, as routing/explain.py splits it; the head's sums are written."""
    out_answer[BID_UNITS], out_answer[ASK_UNITS] = np.int64(bid_units), np.int64(ask_units)
    qty, touch = out_answer[QTY_UNITS], out_answer[ASK_UNITS if rule[SIDE] > 0 else BID_UNITS]
    product = float(max(touch, mid_half_units)) * qty * rule[NUM] * ABOVE
    if not (max(abs(bid_units), abs(ask_units)) < MAX_FLOAT_INTEGER and product < NARROW):
        out_answer[IS_EXACT] = 0
        return
    touch_money = money_of(touch, qty, rule)
    mid_money = touch_money
    if mid_half_units > 0:
        twice = money_of(mid_half_units, qty, rule)
        mid_money = twice // 2
        if twice & 1 and mid_money & 1:
            mid_money += 1
    sign = rule[SIGN]
    out_answer[FIXED_COST_NANO] = out_answer[OBJECTIVE_NANO] - sign * out_answer[MONEY_NANO] - out_answer[FEE_NANO]
    out_answer[SPREAD_NANO] = sign * (touch_money - mid_money)
    out_answer[IMPACT_NANO] = sign * (out_answer[MONEY_NANO] - touch_money)
    out_answer[TOTAL_NANO] = (
        out_answer[SPREAD_NANO] + out_answer[IMPACT_NANO] + out_answer[FEE_NANO] + out_answer[FIXED_COST_NANO]
    )


@kernel("")
def broken_sums(answer: Int64, facts: Int64, places: Int64, sign: int, out_work: Int64) -> int:
    """Bits of what does not add up in a written table, from its rows alone; out_work: int64[2, n], scratch.

    Each admitted venue is in one row, whole lots of the listing's own size are sent, the children's sums are the
    head's, the objective is the sum of its terms, and so is the split.
    """
    n, n_used, seen = answer[N_VENUES], answer[N_CHILDREN], out_work[0]
    for v in range(n):
        seen[v] = 0
    qty, money, fee, fixed, broken = 0, 0, 0, 0, 0
    at = N_HEAD
    for _ in range(n_used):
        v = answer[at]
        seen[v] += 1
        if answer[at + 1] < 1 or answer[at + 1] * facts[2, places[1, v]] != answer[at + 2]:
            broken |= BROKEN_CHILD
        qty += answer[at + 2]
        money += answer[at + 5]
        fee += answer[at + 6]
        fixed += answer[at + 7]
        at += N_CHILD
    for _ in range(n - n_used):
        seen[answer[at]] += 1
        at += N_LEFT_OUT
    for v in range(n):
        if seen[v] != 1:
            broken |= BROKEN_VENUES
    if qty != answer[QTY_UNITS]:
        broken |= BROKEN_QTY
    if money != answer[MONEY_NANO]:
        broken |= BROKEN_MONEY
    if answer[OBJECTIVE_NANO] != sign * money + fee + fixed:
        broken |= BROKEN_OBJECTIVE
    if (
        answer[SPREAD_NANO] + answer[IMPACT_NANO] + fee + fixed != answer[TOTAL_NANO]
        or answer[FEE_NANO] != fee
        or answer[FIXED_COST_NANO] != fixed
    ):
        broken |= BROKEN_SPLIT
    return broken


@kernel("")
def explain_plan(ints_inplace: Int64, floats: Float64, n_plans: int, mid_half_units: int, max_venues: int) -> None:
    """Writes the table at ANSWER of a decision that was held, proven and has a best plan, and judges it.

    Only of price contracts; where a number may leave int64 or a float's integers IS_EXACT is 0.
    """
    ints, n, m, best = ints_inplace, ints_inplace[N], ints_inplace[N_ADMITTED], ints_inplace[BEST]
    rule, places = ints[ints[RULE] : ints[RULE] + N_RULES], cut(ints, ints[PLACES], N_PLACES, n)
    terms, nano = cut(ints, ints[TERMS], m, N_TERMS), cut(floats, ints[NANO_AT], m, 3)
    units, walk = ints[ints[CHOSEN] : ints[CHOSEN] + m], cut(ints, ints[CHOSEN_WALK], m, 4)
    total, out = cut(ints, ints[TOTAL], n_plans, 6), ints[ints[ANSWER] :]
    for i in range(N_HEAD):
        out[i] = 0
    out[IS_EXACT] = 1
    out[N_VENUES], out[N_PLANS], out[CHOSEN_I] = m, n_plans, best
    out[OBJECTIVE_NANO], out[MONEY_NANO], out[QTY_UNITS] = total[best, 0], total[best, 1], total[best, 2]
    out[ESTIMATED_NANO] = total[best, 5]
    for v in range(m):
        out[FEE_NANO] += walk[v, 1]
        out[N_READ] += walk[v, 3]
    n_used = write_children(nano, terms, units, walk, cut(ints, ints[SENT], m, 2), out)
    out[N_CHILDREN] = n_used
    room, at = ints[ints[ROOM] : ints[ROOM] + m], N_HEAD + n_used * N_CHILD
    if n_used < m:
        first, seen = ints[ints[FIRST] : ints[FIRST] + m + 1], cut(ints, ints[SEEN], m, 2)
        wanted_units, cap_units, scale = ints[WANTED], ints[ints[WISH] + CAP_UNITS], floats[SCALE]
        at = write_left_out(
            nano, terms, units, room, first, seen, wanted_units, cap_units, max_venues, n_used, scale, at, out
        )
    at = write_rivals(cut(ints, ints[UNITS], n_plans, m), total, at, out)
    write_books(places, m, at, out)
    write_split(floats[REACH + BEST_BID], floats[REACH + BEST_ASK], mid_half_units, rule, out)
    facts, work = cut(ints, ints[FACTS], N_FACTS, n), cut(ints, ints[WORK], 2, m)
    if out[IS_EXACT] != 0:
        out[BROKEN] = broken_sums(out, facts, places, rule[SIGN], work)


@kernel("")
def pack_columns(
    ints_inplace: Int64, floats: Float64, n_plans: int, horizon_nano: float, start: int, out_bytes: UInt8
) -> int:
    """Packs the receipt's columns from `start` on. Returns the end."""
    ints, n, m = ints_inplace, ints_inplace[N], ints_inplace[N_ADMITTED]
    first = ints[ints[FIRST] : ints[FIRST] + m + 1]
    n_flat = first[m]
    return int(
        pack_receipt(
            cut(ints, ints[TABLE], N_ASKED, n),
            cut(ints, ints[PLACES], N_PLACES, n),
            cut(ints, ints[FACTS], N_FACTS, n),
            first,
            ints[ints[PRICE] : ints[PRICE] + n_flat],
            ints[ints[QTY] : ints[QTY] + n_flat],
            floats[ints[UNIT_NANO] : ints[UNIT_NANO] + n_flat],
            cut(ints, ints[SENT], m, 2),
            ints[ints[CHOSEN] : ints[CHOSEN] + m],
            cut(ints, ints[UNITS], n_plans, m),
            ints[ints[WALK] : ints[WALK] + n_plans * m * 4].reshape((n_plans, m, 4)),
            horizon_nano,
            ints[ints[RULE] + SIDE],
            cut(ints, ints[WORK], 2, m),
            cut(ints, ints[LEVELS], 2, ints[N_LEVELS]),
            out_bytes,
            start,
        )
    )


@kernel("")
def horizon_of(witness_upnano: int) -> float:
    """As routing/receipt.py: the unit cost up to which a stranger needs the levels."""
    witness_nano = witness_upnano * 1e-6
    return witness_nano + 2.0 + abs(witness_nano) * 1e-9


@kernel("")
def write_answer(
    ints_inplace: Int64, floats: Float64, n_plans: int, mid_half_units: int, max_venues: int, out_bytes: UInt8
) -> int:
    """Table and receipt of a decision that was held, proven and has a best plan, in a workspace's buffers.

    The bytes: the rivals' costs, a width and a column of int64; then the receipt's columns (docs/receipts.md). Returns
    how many they are: 0 where the table's IS_EXACT is 0, for nothing is said then. Source: docs/kernels.md#answer.
    """
    if ints_inplace[ints_inplace[RULE] + IS_INVERSE] != 0:
        return 0
    explain_plan(ints_inplace, floats, n_plans, mid_half_units, max_venues)
    if ints_inplace[ints_inplace[ANSWER] + IS_EXACT] == 0:
        return 0
    work = ints_inplace[ints_inplace[LEVELS] : ints_inplace[LEVELS] + n_plans]
    for i in range(n_plans):
        work[i] = ints_inplace[ints_inplace[TOTAL] + 6 * i]
    out_bytes[0] = 8
    put_words(work, n_plans, out_bytes[1:], 8)
    horizon_nano = horizon_of(ints_inplace[FOUND + WITNESS_UPNANO])
    return int(pack_columns(ints_inplace, floats, n_plans, horizon_nano, 1 + 8 * n_plans, out_bytes))


@kernel("int64(int64[::1], float64[::1], int64, float64, uint8[::1])")
def pack_answer(ints: Int64, floats: Float64, n_plans: int, horizon_nano: float, out_bytes: UInt8) -> int:
    """The receipt's columns (docs/receipts.md), to which levels up to `horizon_nano` matter. Returns how many bytes.

    Of a decision that another has made: read are units and walks of `n_plans` plans, the chosen one and what is sent
    of it. Source: docs/kernels.md#answer.
    """
    return int(pack_columns(ints, floats, n_plans, horizon_nano, 0, out_bytes))
