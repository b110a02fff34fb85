"""From the trades of sources to legs in an order that a wallet can pay, each leg taking what the wallet then holds.

A plan without disagreeing sources runs from token to token without a circle: a token pays once all that flows in is
there, and pays all it has, so that nothing is owed and nothing is left over. In a circle somebody must pay first: the
token that can pay the largest part of what it owes within its circle does, in as many turns as the circle needs.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.kernels.amm import CONCENTRATED, RESERVE0, SHAPE0, SHAPE1, STABLE, output_of, stable_invariant
from app.kernels.dual import DIRECTION, GIVEN, TAKEN
from app.kernels.jit import CALL, kernel

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


@kernel("")
def _pay(
    kind: Int64,
    token: Int64,
    first_seg: Int64,
    seg: Float64,
    i: int,
    direction: int,
    given: float,
    par_inplace: Float64,
    used_inplace: Float64,
    balance_inplace: Float64,
    n_legs: int,
    out_leg: Int64,
    out_leg_units: Float64,
) -> int:
    """Executes one leg at source i as it then stands; fees of curves with reserves stay in them."""
    a = token[i, direction]
    b = token[i, 1 - direction]
    given = min(given, balance_inplace[a])
    if given <= 0.0 or n_legs >= out_leg.shape[0]:
        return n_legs
    if kind[i] >= CONCENTRATED:
        before = 0.0
        if used_inplace[i] > 0.0:
            before = output_of(kind, par_inplace, first_seg, seg, i, direction, used_inplace[i])
        taken = output_of(kind, par_inplace, first_seg, seg, i, direction, used_inplace[i] + given) - before
    else:
        taken = output_of(kind, par_inplace, first_seg, seg, i, direction, given)
        par_inplace[i, RESERVE0 + direction] += given
        par_inplace[i, RESERVE0 + 1 - direction] -= taken
        if kind[i] == STABLE:
            par_inplace[i, SHAPE1] = stable_invariant(par_inplace[i, 0], par_inplace[i, 1], par_inplace[i, SHAPE0])
    used_inplace[i] += given
    balance_inplace[a] -= given
    balance_inplace[b] += taken
    out_leg[n_legs, 0] = i
    out_leg[n_legs, 1] = direction
    out_leg_units[n_legs, 0] = given
    out_leg_units[n_legs, 1] = taken
    return n_legs + 1


@kernel("")
def _mark_circle(k: int, token: Int64, way: Int64, left: Float64, out_mark: Int64) -> None:
    """Marks the tokens from which token k can still be reached."""
    for j in range(out_mark.size):
        out_mark[j] = 0
    out_mark[k] = 1
    is_changed = True
    while is_changed:
        is_changed = False
        for i in range(left.size):
            if left[i] > 0.0:
                d = way[i]
                if out_mark[token[i, 1 - d]] == 1 and out_mark[token[i, d]] == 0:
                    out_mark[token[i, d]] = 1
                    is_changed = True


@kernel("", allocates=True)
def _cancel_circle(
    k: int, token: Int64, way: Int64, flow: Float64, left_inplace: Float64, n_waiting_inplace: Int64
) -> None:
    """Takes one circle through token k out of what is left to pay, as much of it as its thinnest trade has.

    Its other tokens stay balanced; k loses what the circle would have earned.
    """
    m = left_inplace.size
    n = n_waiting_inplace.size
    hop = np.full(n, -1)
    # Towards k from all sides, nearest first: hop[j] is the trade that leads from token j on the way to k.
    is_changed = True
    while is_changed:
        is_changed = False
        for i in range(m):
            a = token[i, way[i]]
            b = token[i, 1 - way[i]]
            if left_inplace[i] > 0.0 and a != k and hop[a] < 0 and (b == k or hop[b] >= 0):
                hop[a] = i
                is_changed = True
    start = -1
    for i in range(m):
        b = token[i, 1 - way[i]]
        if left_inplace[i] > 0.0 and token[i, way[i]] == k and hop[b] >= 0:
            start = i
            break
    if start < 0:
        return
    # One unit into the first trade becomes `unit` at each later one; the least of left / unit empties a trade.
    most = np.inf
    for n_pass in range(2):
        i = start
        unit = 1.0
        for _ in range(n + 1):
            if n_pass == 0:
                most = min(most, left_inplace[i] / unit)
            else:
                left_inplace[i] -= most * unit
                if left_inplace[i] <= 1e-12 * flow[i, GIVEN]:
                    left_inplace[i] = 0.0
                    n_waiting_inplace[token[i, 1 - way[i]]] -= 1
            unit *= flow[i, TAKEN] / flow[i, GIVEN]
            b = token[i, 1 - way[i]]
            if b == k:
                break
            i = hop[b]


@kernel("")
def _first_payer(token: Int64, way: Int64, left: Float64, balance: Float64, out_mark: Int64) -> tuple[int, float]:
    """Token that can pay the largest part of what it owes within its circle, and that part; (-1, 0) if none."""
    best = int(np.int64(-1))
    most = 0.0
    for k in range(balance.size):
        if balance[k] <= 0.0:
            continue
        _mark_circle(k, token, way, left, out_mark)
        owed = 0.0
        for i in range(left.size):
            if left[i] > 0.0 and token[i, way[i]] == k and out_mark[token[i, 1 - way[i]]] == 1:
                owed += left[i]
        if owed > 0.0 and balance[k] / owed > most:
            most = balance[k] / owed
            best = k
    if best >= 0:
        _mark_circle(best, token, way, left, out_mark)
    return best, most


@kernel("", allocates=True)
def _lay_out(
    token: Int64,
    flow: Float64,
    amount: float,
    token_in: int,
    ratio: float,
    way_inplace: Int64,
    left_inplace: Float64,
    n_waiting_inplace: Int64,
) -> None:
    """Direction and input of each trade that is not dust, and how many trades each token waits for."""
    turnover = np.zeros(n_waiting_inplace.size)
    turnover[token_in] = amount
    for i in range(way_inplace.size):
        if flow[i, DIRECTION] >= 0.0:
            way_inplace[i] = int(flow[i, DIRECTION])
            turnover[token[i, 1 - way_inplace[i]]] += flow[i, TAKEN]
    for i in range(way_inplace.size):
        if flow[i, DIRECTION] >= 0.0 and flow[i, GIVEN] > ratio * turnover[token[i, way_inplace[i]]]:
            left_inplace[i] = flow[i, GIVEN]
            n_waiting_inplace[token[i, 1 - way_inplace[i]]] += 1


@kernel("")
def _ready_payer(token: Int64, way: Int64, left: Float64, n_waiting: Int64) -> tuple[int, bool]:
    """(A token that owes and waits for nothing, or -1; whether anything is owed at all)."""
    is_owed = False
    for i in range(left.size):
        if left[i] > 0.0:
            is_owed = True
            if n_waiting[token[i, way[i]]] == 0:
                return token[i, way[i]], True
    return -1, is_owed


@kernel("")
def _pay_token(
    kind: Int64,
    token: Int64,
    first_seg: Int64,
    seg: Float64,
    payer: int,
    part: float,
    token_out: int,
    way: Int64,
    mark: Int64,
    par_inplace: Float64,
    used_inplace: Float64,
    left_inplace: Float64,
    n_waiting_inplace: Int64,
    balance_inplace: Float64,
    n_legs: int,
    out_leg: Int64,
    out_leg_units: Float64,
) -> int:
    """A token pays what it owes to the marked tokens, or `part` of it; returns the number of legs."""
    owed = 0.0
    last = -1
    for i in range(left_inplace.size):
        if left_inplace[i] > 0.0 and token[i, way[i]] == payer and mark[token[i, 1 - way[i]]] == 1:
            owed += left_inplace[i]
            last = i
    is_final = n_waiting_inplace[payer] == 0
    # A token with nothing more to come pays all it has; the wanted token only what the plan says.
    share = balance_inplace[payer] / owed if is_final else min(1.0, part)
    is_whole = is_final
    if payer == token_out or share > 1.0 + 1e-6:
        # More than the plan asks for by more than rounding: the sources are full, the rest stays in the wallet.
        share = min(1.0, share)
        is_whole = False
    for i in range(left_inplace.size):
        if left_inplace[i] <= 0.0 or token[i, way[i]] != payer or mark[token[i, 1 - way[i]]] != 1:
            continue
        given = balance_inplace[payer] if is_whole and i == last else share * left_inplace[i]
        n_legs = _pay(
            kind,
            token,
            first_seg,
            seg,
            i,
            way[i],
            given,
            par_inplace,
            used_inplace,
            balance_inplace,
            n_legs,
            out_leg,
            out_leg_units,
        )
        left_inplace[i] = left_inplace[i] - given if share < 1.0 and not is_final else 0.0
        if left_inplace[i] <= 0.0:
            left_inplace[i] = 0.0
            n_waiting_inplace[token[i, 1 - way[i]]] -= 1
    return n_legs


@kernel(
    "int64(int64[::1], int64[:,::1], float64[:,::1], int64[::1], float64[:,::1], float64[:,::1], float64, int64, int64,"
    " int64, float64, int64[:,::1], float64[:,::1], float64[::1], int64[::1])",
    CALL,
    allocates=True,
)
def order_legs(
    kind: Int64,
    token: Int64,
    par: Float64,
    first_seg: Int64,
    seg: Float64,
    flow: Float64,
    amount_units: float,
    token_in_i: int,
    token_out_i: int,
    n_most: int,
    ratio: float,
    out_leg: Int64,
    out_leg_units: Float64,
    out_balance: Float64,
    out_turns: Int64,
) -> int:
    """Legs in order from the trades `flow` (float64[m, 3] of input, output, direction).

    n_most: turns that circles may take; what is left of them is then taken out of the plan. ratio: trades of less than
    this part of the token's turnover are left out. out_leg: int64[max, 2] of source and direction; out_leg_units:
    float64[max, 2] of input and output; out_balance: float64[n], what the wallet ends with; out_turns: int64[1], turns
    that circles took or would have taken.
    Returns the number of legs. Source: docs/kernels.md#legs.
    """
    m = kind.size
    n = out_balance.size
    now = par.copy()
    used = np.zeros(m)
    left = np.zeros(m)
    way = np.zeros(m, np.int64)
    mark = np.zeros(n, np.int64)
    n_waiting = np.zeros(n, np.int64)
    _lay_out(token, flow, amount_units, token_in_i, ratio, way, left, n_waiting)
    for k in range(n):
        out_balance[k] = 0.0
    out_balance[token_in_i] = amount_units
    n_legs = int(np.int64(0))
    out_turns[0] = 0
    while True:
        payer, is_owed = _ready_payer(token, way, left, n_waiting)
        if not is_owed:
            break
        part = 1.0
        if payer >= 0:
            for k in range(n):
                mark[k] = 1
        else:
            payer, part = _first_payer(token, way, left, out_balance, mark)
            out_turns[0] += 1
            if payer < 0:
                break
            if out_turns[0] > n_most:
                _cancel_circle(payer, token, way, flow, left, n_waiting)
                continue
        n_legs = _pay_token(
            kind,
            token,
            first_seg,
            seg,
            payer,
            part,
            token_out_i,
            way,
            mark,
            now,
            used,
            left,
            n_waiting,
            out_balance,
            n_legs,
            out_leg,
            out_leg_units,
        )
    return n_legs
