"""Multi-hop routing by prices: minimise what the amount and every source are worth at token prices.

For token prices v, with one unit of the wanted token worth 1, no plan brings more than
    g(v) = v_in amount + sum over sources of the most that trading with the source alone earns at v,
because a plan is a trade with each source whose sum leaves no token owed (Angeris et al., "Optimal routing for constant
function market makers", 2021; Diamandis et al., "An efficient algorithm for optimal routing through CFMMs", 2023).
g is convex, its least value is the optimum, and its gradient is each token's imbalance. In log prices its curvature is
the Laplacian of a network of conductances, so a Newton step costs one factorisation of a matrix as large as there are
tokens. Levels of a book and sources that may stay unused for their fixed cost are worth max(0, c): a kink. Each kink
carries a share in [0, 1] and a proximal term about its last share (method of multipliers), so that the split at a kink
comes out of the balance of tokens, not out of the price.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.amm import BOOK, EDGE, LOG_RATE0, NOTHING, best_trade, book_worth
from app.kernels.elimination import factor_solve
from app.kernels.jit import CALL, kernel
from app.kernels.status import OK

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# What a source may do: nothing, trade freely, or trade if that earns its fixed cost.
CLOSED: Final = 0
FREE: Final = 1
PAYING: Final = 2

GIVEN: Final = 0
TAKEN: Final = 1
DIRECTION: Final = 2

UNPRICED: Final = -400.0  # log price of a token that nobody turns into the wanted one
FLOOR: Final = 40.0  # a price that fell by exp(-40) is nothing: the amount exceeds what there is
N_EASY: Final = 30  # steps that nearly all problems need fewer of
MAX_NEWTON: Final = 300
MAX_ROUNDS: Final = 14
SOFTEST: Final = 1e-2  # relative move of the price over which a kink opens, in the first round and in the last
SHARPEST: Final = 1e-5


@kernel("")
def _trade_worth(
    kind: Int64,
    token: Int64,
    par: Float64,
    first_seg: Int64,
    seg: Float64,
    i: int,
    d: int,
    price: Float64,
    softness: float,
    anchor: Float64,
    out_share: Float64,
) -> tuple[float, float, float, float, float, float]:
    """Source i in direction d: (worth, input, output, curvature at both, at the given, at the taken token)."""
    give = price[token[i, d]]
    take = price[token[i, 1 - d]]
    if kind[i] == BOOK:
        first = first_seg[2 * i + d]
        return book_worth(first, first_seg[2 * i + d + 1], 2 * kind.size, seg, give, take, softness, anchor, out_share)
    given, taken, bend = best_trade(kind, par, first_seg, seg, i, d, give / take)
    return taken * take - given * give, given, taken, -give * bend, give * bend, give * bend


@kernel("")
def _lend(
    i: int,
    is_book: bool,
    token: Int64,
    par: Float64,
    log_price: Float64,
    reach: float,
    price: Float64,
    out_h: Float64,
) -> None:
    """Conductance of a source that does not trade, as `evaluate` says."""
    a = token[i, 0]
    b = token[i, 1]
    step = log_price[a] - log_price[b]
    lent = par[i, EDGE] * price[a]
    if reach < 0.0:
        lent *= -reach
    else:
        away = max(0.0, min(step - par[i, LOG_RATE0], -step - par[i, LOG_RATE0 + 1])) / reach
        lent /= 1.0 + away * away
        if is_book:
            lent *= reach / (reach + 1e-3)
    out_h[a, a] += lent
    out_h[b, b] += lent
    out_h[max(a, b), min(a, b)] -= lent


@kernel("")
def _begin(log_price: Float64, out_price: Float64, out_pull: Float64, out_h: Float64) -> None:
    """Prices from their logarithms; imbalances and curvature at zero."""
    for k in range(log_price.size):
        out_price[k] = math.exp(log_price[k])
        out_pull[k] = 0.0
        for j in range(k + 1):
            out_h[k, j] = 0.0


@kernel("", allocates=True)
def evaluate(
    kind: Int64,
    token: Int64,
    par: Float64,
    first_seg: Int64,
    seg: Float64,
    state: Int64,
    gas: Float64,
    log_price: Float64,
    softness_frac: float,
    reach_frac: float,
    anchor: Float64,
    out_share: Float64,
    out_flow: Float64,
    out_pull: Float64,
    out_h: Float64,
) -> float:
    """Worth of all sources at prices; writes shares, trades, imbalances in value and their curvature in log prices.

    softness_frac: of kinks. reach_frac: a source that does not trade, but would after about such a move of the price,
    lends its conductance, or Newton's steps would run past where it starts to and zigzag; below 0 every such source
    lends that part of its own.
    """
    m = kind.size
    n = log_price.size
    price = np.empty(n)
    _begin(log_price, price, out_pull, out_h)
    worth = 0.0
    for i in range(m):
        out_flow[i, DIRECTION] = -1.0
        out_flow[i, GIVEN] = 0.0
        out_flow[i, TAKEN] = 0.0
        if state[i] == CLOSED:
            continue
        is_book = kind[i] == BOOK
        stiff = 0.0
        if state[i] == PAYING:
            stiff = softness_frac * gas[i]
            worth -= 0.5 * stiff * (anchor[2 * i] * anchor[2 * i] + anchor[2 * i + 1] * anchor[2 * i + 1])
            out_share[2 * i] = 0.0
            out_share[2 * i + 1] = 0.0
        is_bent = False
        for d in range(2):
            a = token[i, d]
            b = token[i, 1 - d]
            if log_price[a] - log_price[b] >= par[i, LOG_RATE0 + d] and not (is_book and softness_frac > 0.0):
                continue
            profit, given, taken, cross, bend_a, bend_b = _trade_worth(
                kind, token, par, first_seg, seg, i, d, price, softness_frac, anchor, out_share
            )
            share = 1.0
            edge = 1e-6
            if state[i] == PAYING:
                profit -= gas[i]
                share = 1.0 if profit > 0.0 else 0.0
                if stiff > 0.0:
                    before = anchor[2 * i + d]
                    share = min(1.0, max(0.0, before + profit / stiff))
                    worth += stiff * share * (before - 0.5 * share)
                    edge = 1.0 / stiff if 0.0 < share < 1.0 else 0.0
                out_share[2 * i + d] = share
            if share <= 0.0 or (is_book and given <= 0.0):
                worth += share * profit
                continue
            # At the price where it starts to trade a source gives nothing yet and has no curvature: it still lends.
            is_bent = is_bent or bend_a > 0.0 or given > 0.0
            give = given * price[a]
            take = taken * price[b]
            worth += share * profit
            out_h[a, a] += share * bend_a + edge * give * give
            out_h[b, b] += share * bend_b + edge * take * take
            out_h[max(a, b), min(a, b)] += share * cross - edge * give * take
            out_flow[i, DIRECTION] = d
            out_flow[i, GIVEN] = share * given
            out_flow[i, TAKEN] = share * taken
            out_pull[a] -= share * give
            out_pull[b] += share * take
        if not is_bent and reach_frac != 0.0:
            _lend(i, is_book, token, par, log_price, reach_frac, price, out_h)
    return worth


@kernel("int64(int64[:,::1], float64[:,::1], int64[::1], int64, float64[::1])", CALL)
def first_prices(token: Int64, par: Float64, state: Int64, token_out_i: int, out_log_price: Float64) -> int:
    """Log price of each token in the wanted one along its best marginal path; UNPRICED without one.

    At these prices nothing trades unless the sources disagree. Returns how many tokens have a price.
    """
    n = out_log_price.size
    for n_most in (n + 1, 6):
        for k in range(n):
            out_log_price[k] = UNPRICED
        out_log_price[token_out_i] = 0.0
        is_changed = True
        n_hops = 0
        while is_changed and n_hops < n + 1:
            is_changed = False
            for i in range(token.shape[0]):
                if state[i] == CLOSED:
                    continue
                for d in range(2):
                    a = token[i, d]
                    b = token[i, 1 - d]
                    if a == token_out_i or out_log_price[b] == UNPRICED or par[i, LOG_RATE0 + d] == NOTHING:
                        continue
                    reached = out_log_price[b] + par[i, LOG_RATE0 + d]
                    if out_log_price[a] == UNPRICED or (n_hops < n_most and reached > out_log_price[a] + 1e-12):
                        out_log_price[a] = reached
                        is_changed = True
            n_hops += 1
        # Still rising after as many rounds as tokens: sources disagree, and few rounds keep that out of the prices.
        if not is_changed:
            break
    n_priced = 0
    for k in range(n):
        if out_log_price[k] != UNPRICED:
            n_priced += 1
    return n_priced


@kernel("")
def _along(token_out: int, pull: Float64, step: Float64) -> tuple[float, float]:
    """(Slope of the value along a step, largest imbalance)."""
    slope = 0.0
    worst = 0.0
    for k in range(pull.size):
        if k != token_out:
            slope += pull[k] * step[k]
            worst = max(worst, abs(pull[k]))
    return slope, worst


@kernel("")
def _aim(n: int, token_out: int, pull: Float64, h_inplace: Float64, out_step: Float64) -> tuple[float, float]:
    """Newton's step; returns (slope along it, its longest part)."""
    for k in range(n):
        out_step[k] = -pull[k]
    factor_solve(n, token_out, h_inplace, out_step)
    slope, _ = _along(token_out, pull, out_step)
    most = 0.0
    for k in range(n):
        if k != token_out:
            most = max(most, abs(out_step[k]))
    return slope, most


@kernel("")
def _next_reach(n_tries: int, most: float, n_cuts: int, reach: float) -> float:
    """How far sources that do not trade lend in the next step."""
    if n_tries < N_EASY:
        return min(-1e-9, 0.1 * reach)
    # Steps that had to be cut ran past sources that start to trade: those near lend until steps are short.
    return max(1e-12, most if n_cuts > 0 or reach < 0.0 else min(most, 0.5 * reach))


@kernel("")
def _newton(
    kind: Int64,
    token: Int64,
    par: Float64,
    first_seg: Int64,
    seg: Float64,
    state: Int64,
    gas: Float64,
    amount: float,
    token_in: int,
    token_out: int,
    softness: float,
    n_most: int,
    edge: float,
    anchor: Float64,
    log_price_inplace: Float64,
    out_share: Float64,
    out_flow: Float64,
    out_work: Float64,
    out_h: Float64,
) -> tuple[int, float, float]:
    """Newton by slopes alone, as rounding hides the value's last progress: (steps, value, largest imbalance)."""
    n = log_price_inplace.size
    pull = out_work[0]
    step = out_work[1]
    trial = out_work[2]
    reach = -edge
    floor = log_price_inplace[token_in] - FLOOR
    for k in range(n):
        trial[k] = log_price_inplace[k]
    least = np.inf
    n_idle = 0
    length = 0.0
    slope = 0.0
    n_cuts = 0
    for n_tries in range(n_most):
        worth = evaluate(
            kind,
            token,
            par,
            first_seg,
            seg,
            state,
            gas,
            trial,
            softness,
            reach,
            anchor,
            out_share,
            out_flow,
            pull,
            out_h,
        )
        at_in = amount * math.exp(trial[token_in])
        value = worth + at_in
        pull[token_in] += at_in
        now, worst = _along(token_out, pull, step)
        if length > 0.0 and now > -0.5 * slope and n_cuts < 12:
            # Beyond the minimum by more than half of what led here: back to where the two slopes cross.
            length *= min(0.7, max(0.1, slope / (slope - now)))
            n_cuts += 1
            if reach < 0.0:
                reach = max(-1.0, 5.0 * reach)
            for k in range(n):
                trial[k] = log_price_inplace[k] + length * step[k]
            continue
        for k in range(n):
            log_price_inplace[k] = trial[k]
        n_idle = n_idle + 1 if worst > 0.5 * least and worst < 1e-6 * value else 0
        least = min(least, worst)
        if worst <= 1e-10 * value or n_most == 1 or n_idle > 5 or trial[token_in] < floor:
            return n_tries, value, worst
        slope, most = _aim(n, token_out, pull, out_h, step)
        length = 1.0 if most <= 2.0 else 2.0 / most
        reach = _next_reach(n_tries, most, n_cuts, reach)
        n_cuts = 0
        for k in range(n):
            trial[k] = log_price_inplace[k] + length * step[k]
    return n_most, value, worst


@kernel("")
def _has_kinks(kind: Int64, state: Int64) -> bool:
    """Whether a source is a book or may stay unused."""
    is_kinked = False
    for i in range(kind.size):
        is_kinked = is_kinked or state[i] == PAYING or (state[i] == FREE and kind[i] == BOOK)
    return is_kinked


@kernel(
    "int64(int64[::1], int64[:,::1], float64[:,::1], int64[::1], float64[:,::1], int64[::1], float64[::1], float64,"
    " int64, int64, float64, float64[::1], float64[::1], float64[:,::1], float64[:,::1], float64[:,::1], float64[::1])",
    CALL,
    allocates=True,
)
def minimise(
    kind: Int64,
    token: Int64,
    par: Float64,
    first_seg: Int64,
    seg: Float64,
    state: Int64,
    gas: Float64,
    amount_units: float,
    token_in_i: int,
    token_out_i: int,
    ratio: float,
    log_price_inplace: Float64,
    anchor_inplace: Float64,
    out_flow: Float64,
    out_work: Float64,
    out_h: Float64,
    out_value: Float64,
) -> int:
    """Prices with the least dual value, and each source's trade at them.

    state: int64[m] of CLOSED, FREE, PAYING; gas: float64[m], fixed cost in the wanted token; ratio: how far prices
    may move at first (1 from first prices, less from those of a near problem).
    log_price_inplace: float64[n]; anchor_inplace: float64[2 m + n_seg], shares of kinks, 0 at first.
    out_flow: float64[m, 3] of input, output, direction (-1: none). out_work: float64[3, n]; out_h: float64[n, n].
    out_value: float64[4]: dual value (a bound on every plan), output of the trades, largest imbalance in value, steps.
    Returns OK. Source: docs/kernels.md#dual.
    """
    m = kind.size
    is_kinked = _has_kinks(kind, state)
    share = np.zeros(anchor_inplace.size)
    spare_share = np.zeros(anchor_inplace.size)
    spare_flow = np.empty((m, 3))
    softness = SOFTEST if is_kinked else 0.0
    edge = ratio
    out_value[0] = np.inf
    out_value[3] = 0.0
    for n_round in range(2 * MAX_ROUNDS):
        # Every other round only looks: the exact dual value at the prices that the softened problem led to.
        is_look = n_round % 2 == 1
        steps, value, worst = _newton(
            kind,
            token,
            par,
            first_seg,
            seg,
            state,
            gas,
            amount_units,
            token_in_i,
            token_out_i,
            0.0 if is_look else softness,
            1 if is_look else MAX_NEWTON,
            edge,
            anchor_inplace,
            log_price_inplace,
            spare_share if is_look else share,
            spare_flow if is_look else out_flow,
            out_work,
            out_h,
        )
        if is_look or not is_kinked:
            out_value[0] = min(out_value[0], value)
        if not is_look:
            out_value[1] = out_work[0, token_out_i] - _paid(state, gas, share)
            out_value[2] = worst
            out_value[3] += steps
            edge = 1e-6
        if not is_kinked:
            break
        if is_look:
            for k in range(share.size):
                anchor_inplace[k] = share[k]
            if out_value[0] - out_value[1] <= 1e-11 * out_value[0]:
                break
            softness = max(SHARPEST, 0.2 * softness)
    out_value[0] += _doubt(token, par, log_price_inplace, out_flow) + 2e-15 * out_value[0]
    return OK


@kernel("")
def _doubt(token: Int64, par: Float64, log_price: Float64, flow: Float64) -> float:
    """Most that rounding may have taken off the dual value: a deep source loses digits of its depth."""
    depth = 0.0
    for i in range(flow.shape[0]):
        if flow[i, DIRECTION] >= 0.0:
            depth += par[i, EDGE] * math.exp(log_price[token[i, 0]])
    return 2e-15 * depth


@kernel("")
def _paid(state: Int64, gas: Float64, share: Float64) -> float:
    """Fixed costs of the shares of sources that may stay unused."""
    total = 0.0
    for i in range(state.size):
        if state[i] == PAYING:
            total += gas[i] * (share[2 * i] + share[2 * i + 1])
    return total
