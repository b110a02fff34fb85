"""A problem out of books: who may be looked at, on which terms, the routed levels flat, and everyone's sizes."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.cost import (
    ABOVE,
    CAPACITY_NANO,
    DEN,
    EST_PPM,
    FEE_PPM,
    FIXED_NANO,
    IS_INVERSE,
    LIMIT_UNITS,
    MAX_UNITS,
    MIN_NOTIONAL_NANO,
    N_TERMS,
    NUM,
    PPM,
    SIDE,
    TICK_UNITS,
    lay_levels,
    size_venues,
)
from app.kernels.jit import kernel
from app.kernels.screen import USABLE, screen_books

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# Rows of `asked`, what a request says of each listing: its row in the books, the greatest age of its book, its capacity
# (see CAPACITY_IS_UNITS), the estimate in ppm, whether the order may go there at all, and the capacity as a receipt
# tells it, for it may exceed int64: in units of 2**60, and the rest; then the nano that both are taken from, see
# CAPACITY_ONE_NANO.
ROW: Final = 0
MAX_AGE_NS: Final = 1
CAPACITY: Final = 2
ESTIMATE_PPM: Final = 3
IS_WANTED: Final = 4
CAPACITY_HIGH: Final = 5
CAPACITY_LOW: Final = 6
TOLD_NANO: Final = 7
N_ASKED: Final = 8
CAPACITY_BITS: Final = 60

# Rows of `places`, what became of the listings; all but the first are of the admitted, in their order.
CODE: Final = 0
PICK: Final = 1
BOOK_ROW: Final = 2
SEQ: Final = 3
AGE_NS: Final = 4
N_PLACES: Final = 5

# Entries of `wish`, what a request says of all: cap (0: none), instant, whether capacities are units and not money, how
# many nano of what is told are one of a capacity (0: the three rows are written, not taken from what is told).
CAP_UNITS: Final = 0
NOW_NS: Final = 1
CAPACITY_IS_UNITS: Final = 2
CAPACITY_ONE_NANO: Final = 3
N_WISHES: Final = 4

# Entries of `reach`: of the levels laid, then the consolidated touch, then whether every product fits int64.
HIGHEST: Final = 0
LOWEST: Final = 1
DEPTH: Final = 2
BEST_BID: Final = 3
BEST_ASK: Final = 4
IS_NARROW: Final = 5
N_REACH: Final = 6

# A limit below every price.
UNREACHABLE: Final = -1

# Half of int64's reach, so that a sum of two products never wraps.
NARROW: Final = 2.0**61
# The same of a capacity: more than any book holds.
MOST_CAPACITY: Final = 2**61
# Fixed costs above this are summed by Python: a few of them would leave int64.
MAX_NARROW_FIXED_NANO: Final = 2**56


@kernel("")
def limit_of(cap_units: int, tick_units: int, side: int) -> int:
    """The worst price that a child may be sent at: the cap on the tick, never beyond it; 0: any price that is seen.

    The least price that a tick can say is one tick. So a seller without a cap stops there, for no child of ours reaches
    a bid below it; and where a buyer's cap lies below it every level is out of reach: UNREACHABLE.
    """
    if side > 0:
        return cap_units // tick_units * tick_units or UNREACHABLE if cap_units > 0 else 0
    return -(-max(cap_units, 1) // tick_units) * tick_units


@kernel("")
def fits_int64(reach: Float64, terms: Int64, rule: Int64) -> bool:
    """Whether no product of the settling kernels can leave int64."""
    most_limit, most_notional, most_fixed, most_ppm = 0.0, 0.0, 0, 0.0
    for v in range(terms.shape[0]):
        most_limit = max(most_limit, float(terms[v, LIMIT_UNITS]))
        most_notional = max(most_notional, float(terms[v, MIN_NOTIONAL_NANO]))
        most_fixed = max(most_fixed, terms[v, FIXED_NANO])
        most_ppm = max(most_ppm, abs(float(terms[v, FEE_PPM] + terms[v, EST_PPM])))
    num, den = float(rule[NUM]), float(rule[DEN])
    price, low = max(reach[HIGHEST] * ABOVE, most_limit) + 1.0, max(min(reach[HIGHEST], reach[LOWEST]), 1.0)
    depth, factor = reach[DEPTH] * ABOVE + 1.0, PPM + most_ppm
    if depth * PPM >= NARROW or most_notional * den >= NARROW or most_fixed >= MAX_NARROW_FIXED_NANO:
        return False
    if rule[IS_INVERSE] != 0:
        # A witness is at most the dearest cost, so witness x price x den stays under factor x num x price / low.
        return bool(max(depth * num, 2.0 * factor * num * (price / low + 1.0), price * den) * ABOVE < NARROW)
    if den == 1.0:
        return bool(price * depth * num * ABOVE < NARROW)
    return bool(max(price * depth * num, 2.0 * price * num * factor) * ABOVE < NARROW)


@kernel("")
def take_capacities(one_nano: int, asked_inplace: Int64) -> None:
    """Writes the rows CAPACITY, CAPACITY_HIGH and CAPACITY_LOW of what is told, which is a word without a sign."""
    for k in range(asked_inplace.shape[1]):
        told_nano = np.uint64(asked_inplace[TOLD_NANO, k])
        asked_inplace[CAPACITY, k] = np.int64(min(told_nano // np.uint64(one_nano), np.uint64(MOST_CAPACITY)))
        asked_inplace[CAPACITY_HIGH, k] = np.int64(told_nano >> np.uint64(CAPACITY_BITS))
        asked_inplace[CAPACITY_LOW, k] = np.int64(told_nano & np.uint64((1 << CAPACITY_BITS) - 1))


@kernel("")
def take_terms(standing: Int64, asked: Int64, wish: Int64, side: int, listing_i: int, out_row: Int64) -> None:
    """A listing's standing terms with what this request adds: limit, capacity, estimate."""
    for column in range(N_TERMS):
        out_row[column] = standing[listing_i, column]
    out_row[LIMIT_UNITS] = limit_of(wish[CAP_UNITS], standing[listing_i, TICK_UNITS], side)
    out_row[EST_PPM] = asked[ESTIMATE_PPM, listing_i]
    if wish[CAPACITY_IS_UNITS] != 0:
        out_row[CAPACITY_NANO] = -1
        out_row[MAX_UNITS] = min(standing[listing_i, MAX_UNITS], asked[CAPACITY, listing_i])
    else:
        out_row[CAPACITY_NANO] = asked[CAPACITY, listing_i]


@kernel("")
def pose_problem(
    price_units: Int64,
    qty_units: Int64,
    n_levels: Int64,
    book_seq: Int64,
    received_ts_ns: Int64,
    is_gapped: Bool,
    asked: Int64,
    standing: Int64,
    wish: Int64,
    rule: Int64,
    ratio: float,
    is_rule_narrow: bool,
    out_places: Int64,
    out_terms: Int64,
    out_price_units: Int64,
    out_qty_units: Int64,
    out_unit_nano: Float64,
    out_first: Int64,
    out_seen: Int64,
    out_reach: Float64,
    out_room_units: Int64,
) -> int:
    """The flat problem of every wanted listing whose book may be looked at, in the order of the listings.

    The first six are books as in screen_books. asked: int64[N_ASKED, n]; standing: int64[n, N_TERMS]; wish:
    int64[N_WISHES]; rule, ratio: as in cost.lay_levels; is_rule_narrow: whether num and den fit.
    out_places: int64[N_PLACES, n], written: each listing's code of screen_books, then of the admitted which listing it
    is, its row in the books, its book's sequence and age.
    out_terms: int64[n, N_TERMS]; out_first: int64[n + 1]; out_reach: float64[N_REACH]; the other outputs as in
    lay_levels and size_venues; of all only what belongs to the admitted is written. Where reach[IS_NARROW] stays 0
    nobody has been sized. Returns how many are admitted. Source: docs/kernels.md#pose.
    """
    codes = out_places[0]
    screen_books(
        price_units,
        qty_units,
        n_levels,
        book_seq,
        received_ts_ns,
        is_gapped,
        asked[ROW],
        asked[MAX_AGE_NS],
        wish[NOW_NS],
        rule[SIDE],
        codes,
    )
    n = 0
    for k in range(codes.size):
        if codes[k] == USABLE and asked[IS_WANTED, k] != 0:
            out_places[1, n] = k
            row = asked[ROW, k]
            out_places[2, n] = row
            out_places[3, n] = book_seq[row]
            out_places[4, n] = wish[NOW_NS] - received_ts_ns[row]
            take_terms(standing, asked, wish, rule[SIDE], k, out_terms[n])
            n += 1
    terms = out_terms[:n]
    lay_levels(
        price_units,
        qty_units,
        n_levels,
        out_places[2, :n],
        terms,
        rule,
        ratio,
        out_price_units,
        out_qty_units,
        out_unit_nano,
        out_first,
        out_seen,
        out_reach,
    )
    is_narrow = is_rule_narrow and fits_int64(out_reach, terms, rule)
    out_reach[IS_NARROW] = 1.0 if is_narrow else 0.0
    if is_narrow:
        size_venues(out_first[: n + 1], out_price_units, out_qty_units, terms, rule, out_room_units)
    return n
