"""Made-up calibrations and books: what tests of estimates stand on."""

from __future__ import annotations

import numpy as np

from app.domain.calibration import (
    Calibration,
    CoverageRow,
    Decay,
    ImpactParameters,
    SkillRow,
    SlippageParameters,
    SymbolCalibration,
    Urgency,
)
from app.shm.books import SymbolBooks

ROW = (-40.0, -10.0, 1.0, 12.0, 50.0, 2.0)


def impact(**changes) -> ImpactParameters:
    values = {
        "flow_kind": "trades",
        "flow_nano_per_s": 10**14,
        "sigma_ppm_sqrt_s": 80.0,
        "linear_ppm": 20.0,
        "linear_r2_frac": 0.3,
        "root_ppm": 60.0,
        "root_r2_frac": 0.5,
        "decay": Decay.POWER,
        "decay_s": 2.0,
        "decay_power_frac": 0.5,
        "stays_frac": 0.25,
        "n_windows": 300,
    }
    return ImpactParameters(**values | changes)


def slippage(**changes) -> SlippageParameters:
    scales = (0.1, 0.1, 0.5, 0.5, 1.0, 1.0)
    table = tuple(tuple(round(value * scale, 6) for value in ROW) for scale in scales)
    values = {
        "sigma_ppm_sqrt_s": 80.0,
        "sigma_power_frac": 0.5,
        "imbalance_ppm": 3.0,
        "knots_s": (0.005, 0.1, 0.25),
        "walk_knots_ppm": (0.0, 20.0),
        "tables": ((Urgency.NOW, table), (Urgency.SOON, table)),
    }
    return SlippageParameters(**values | changes)


def symbol_calibration(n_days: int = 1, **changes) -> SymbolCalibration:
    values = {
        "symbol": "BTC/USDT",
        "venue": "alpha",
        "n_days": n_days,
        "n_parents": 1_000,
        "impact": impact(),
        "slippage": slippage(),
        "coverage": (CoverageRow("size", "50,000", 500, 41.5, 0.52, 0.91, 0.1),),
        "skill": (SkillRow("constant", "all", -0.031, -0.05, -0.01, 1_000, 41.5),),
    }
    return SymbolCalibration(**values | changes)


def calibration(n_days: int = 1) -> Calibration:
    return Calibration("made up", "2026-01-31", "ab" * 32, (symbol_calibration(n_days),))


def books(symbol: str = "BTC/USDT", venues: tuple[str, ...] = ("alpha", "beta"), depth: int = 10) -> SymbolBooks:
    """A tick of 100 around 6,000,000; 1,000 units a level; the second venue ten times as deep."""
    n = len(venues)
    price, qty = np.zeros((n, 2, depth), np.int64), np.zeros((n, 2, depth), np.int64)
    for row in range(n):
        price[row, 0] = 6_000_000 - 100 * np.arange(1, depth + 1)
        price[row, 1] = 6_000_000 + 100 * np.arange(1, depth + 1)
        qty[row] = 1_000 * 10**row
    return SymbolBooks(
        symbol=symbol,
        venues=venues,
        price_units=price,
        qty_units=qty,
        n_levels=np.full((n, 2), depth, np.int64),
        book_seq=np.ones(n, np.int64),
        received_ts_ns=np.ones(n, np.int64),
        venue_ts_ns=np.zeros(n, np.int64),
        is_gapped=np.zeros(n, np.bool_),
    )
