"""The served calibration: the shape of schemas/calibration.py. Estimates are rounded, money is not among them."""

from __future__ import annotations

from itertools import product
from typing import Any, Final

from app.api.wire.text import money
from app.domain.calibration import MIN_DAYS, Calibration, SymbolCalibration
from app.domain.units import decimal_text

Json = dict[str, Any]
# Digits behind the point: a thousandth of 0.1 bp, and a hundredth of a percent.
_BPS_DECIMALS: Final = 4
_FRAC_DECIMALS: Final = 4
_QUANTILES: Final = ("p05_bps", "p25_bps", "p50_bps", "p75_bps", "p95_bps", "mean_bps")


def calibration_json(calibration: Calibration) -> Json:
    """Every symbol's parameters and their record."""
    return {
        "source": calibration.source,
        "as_of": calibration.as_of,
        "digest": calibration.digest,
        "min_days": MIN_DAYS,
        "symbols": [_symbol(symbol) for symbol in calibration.symbols],
    }


def _symbol(symbol: SymbolCalibration) -> Json:
    return {
        "symbol": symbol.symbol,
        "venue": symbol.venue,
        "n_days": symbol.n_days,
        "n_parents": symbol.n_parents,
        "is_evidence": symbol.n_days >= MIN_DAYS,
        "evidence": symbol.evidence,
        "impact": _impact(symbol),
        "slippage": _slippage(symbol),
        "coverage": [
            {
                "dimension": row.dimension,
                "bucket": row.bucket,
                "n": row.n,
                "n_eff": _rounded(row.n_eff, 1),
                "within50": _rounded(row.within50_frac),
                "within90": _rounded(row.within90_frac),
                "extrapolated": _rounded(row.extrapolated_frac),
            }
            for row in symbol.coverage
        ],
        "skill": [
            {
                "rival": row.rival,
                "scope": row.scope,
                "skill": _rounded(row.skill_frac),
                "low": _rounded(row.low_frac),
                "high": _rounded(row.high_frac),
                "n": row.n,
                "n_eff": _rounded(row.n_eff, 1),
            }
            for row in symbol.skill
        ],
    }


def _impact(symbol: SymbolCalibration) -> Json:
    impact = symbol.impact
    return {
        "flow_kind": impact.flow_kind,
        "flow_per_s": money(impact.flow_nano_per_s),
        "volatility_bps": _bps(impact.sigma_ppm_sqrt_s),
        "linear_bps": _bps(impact.linear_ppm),
        "linear_r2": _rounded(impact.linear_r2_frac),
        "square_root_bps": _bps(impact.root_ppm),
        "square_root_r2": _rounded(impact.root_r2_frac),
        "decay": impact.decay.value,
        "decay_s": _rounded(impact.decay_s),
        "decay_power": _rounded(impact.decay_power_frac),
        "stays": _rounded(impact.stays_frac),
        "n_windows": impact.n_windows,
    }


def _slippage(symbol: SymbolCalibration) -> Json:
    law = symbol.slippage
    return {
        "volatility_bps": _bps(law.sigma_ppm_sqrt_s),
        "volatility_power": _rounded(law.sigma_power_frac),
        "imbalance_bps": _bps(law.imbalance_ppm),
        "table": [
            {"urgency": urgency.value, "delay_ms": _rounded(delay_s * 1000), "walk_bps": _bps(walk_ppm)}
            | {name: _bps(value) for name, value in zip(_QUANTILES, row, strict=True)}
            for urgency, table in law.tables
            for (delay_s, walk_ppm), row in zip(product(law.knots_s, law.walk_knots_ppm), table, strict=True)
        ],
    }


def _bps(ppm: float) -> str:
    return _rounded(ppm / 100, _BPS_DECIMALS)


def _rounded(value: float, decimals: int = _FRAC_DECIMALS) -> str:
    return decimal_text(round(value * 10**decimals), decimals)
