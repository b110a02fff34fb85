"""Cycles that gain and paths that cost least over conversions between assets: values in, values out.

The search is in float64; a cycle that leaves this file was multiplied out in exact fractions, so none is called a gain
that is none. A cycle is an opportunity, not an order: rates are those of one unit, sizes are another solver's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import BadRequest
from app.kernels import paths
from app.kernels.status import OK

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
# Below this a gain is the noise of the rates' own last digit.
LEAST_GAIN: Final = 1e-12
MAX_HOPS: Final = paths.EXACT_HOPS


@dataclass(frozen=True, slots=True)
class Conversions:
    """Columns, one row a conversion: one unit of `source_i` buys `ratio` x (1 - `fee_frac`) of `target_i`.

    `gas_units` is what a conversion costs whatever its size, in units of its target; None for nothing.
    """

    n_assets: int
    source_i: Int64Array
    target_i: Int64Array
    ratio: Float64Array
    fee_frac: Float64Array
    gas_units: Float64Array | None = None


@dataclass(frozen=True, slots=True)
class Cycle:
    """Assets in order, back to the first; `gain_frac` is what a unit gains; `is_best` among all of `max_hops` hops."""

    assets: tuple[int, ...]
    gain_frac: float
    is_best: bool


@dataclass(frozen=True, slots=True)
class Path:
    """Assets in order and what arrives, after fees, each hop's own cost and gas."""

    assets: tuple[int, ...]
    amount_units: float


def best_cycle(conversions: Conversions, *, max_hops: int = MAX_HOPS) -> Cycle | None:
    """The simple cycle that gains most per unit, exact up to `max_hops` (4 or 6); a longer one where only it gains."""
    if max_hops not in (4, MAX_HOPS):
        raise BadRequest("invalid_request", f"max_hops must be 4 or {MAX_HOPS}, not {max_hops}")
    n = conversions.n_assets
    after_fee, row = _tables(conversions)
    with np.errstate(divide="ignore"):
        logs = np.log(after_fee)
    potential, found, scratch = np.empty(n), np.full(max(n, MAX_HOPS), -1), np.empty(n, np.int64)
    n_found = paths.any_cycle(logs, potential, scratch, found)
    if n_found == 0:
        return None
    found[n_found:] = -1
    nodes = found.copy()
    middles = np.empty((n, n, paths.N_MIDDLES)), np.empty((n, n, paths.N_MIDDLES), np.int64)
    bounds = np.empty((n, n)), np.empty((3, n))
    n_nodes = paths.best_cycle(logs, potential, max_hops, *middles, *bounds, scratch, nodes)
    if n_nodes:
        return _checked(nodes[:n_nodes], conversions, row, is_best=True)
    return _checked(found[:n_found], conversions, row, is_best=False)


def best_path(
    conversions: Conversions,
    ends: tuple[int, int],
    *,
    amount_units: float,
    max_hops: int,
    hop_cost_frac: float = 0.0,
) -> Path | None:
    """The way from `ends[0]` to `ends[1]` in at most `max_hops` that brings most, or None.

    Each hop also loses `hop_cost_frac` of what it carries: the price of waiting for one more fill.
    """
    n, (source_i, target_i) = conversions.n_assets, ends
    if source_i == target_i or max_hops < 1 or amount_units <= 0:
        raise BadRequest("invalid_request", "a path needs two assets, a hop and an amount")
    after_fee, row = _tables(conversions)
    gas = np.zeros((n, n)) if conversions.gas_units is None else np.append(conversions.gas_units, 0.0)[row]
    units, before = np.empty((max_hops + 1, n)), np.empty((max_hops + 1, n), np.int64)
    carried = after_fee * (1.0 - hop_cost_frac)
    n_hops = paths.best_path(carried, gas, source_i, target_i, amount_units, units, before)
    if n_hops == 0:
        return None
    assets = [target_i]
    for hop in range(n_hops, 0, -1):
        assets.append(int(before[hop, assets[-1]]))
    return Path(tuple(reversed(assets)), float(units[n_hops, target_i]))


def _tables(conversions: Conversions) -> tuple[Float64Array, Int64Array]:
    """(what one unit buys, 0 where nothing; the conversion that gives it, -1 where none), the best of parallel ones."""
    n = conversions.n_assets
    table, row = np.empty((n, n)), np.empty((n, n), np.int64)
    columns = conversions.source_i, conversions.target_i, conversions.ratio, conversions.fee_frac
    if paths.lay_rates(*columns, table, row) != OK:
        raise BadRequest(
            "invalid_request", f"an asset that is not one of {n}, or a rate that is not above zero after its fee"
        )
    return table, row


def _checked(nodes: Int64Array, conversions: Conversions, row: Int64Array, *, is_best: bool) -> Cycle | None:
    """The cycle with its gain in exact fractions of the given numbers; None where it gains nothing."""
    assets = nodes.tolist()
    numerator = denominator = 1
    for source_i, target_i in zip(assets, assets[1:] + assets[:1], strict=True):
        place = row[source_i, target_i]
        ratio, ratio_den = conversions.ratio[place].item().as_integer_ratio()
        fee, fee_den = conversions.fee_frac[place].item().as_integer_ratio()
        numerator *= ratio * (fee_den - fee)
        denominator *= ratio_den * fee_den
    if numerator <= denominator:
        return None
    gain = (numerator - denominator) / denominator
    return Cycle(tuple(assets), gain, is_best) if gain > LEAST_GAIN else None
