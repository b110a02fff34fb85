"""Estimates of cost and their record: the shapes of schemas/pretrade.py. Rounded, no money is among them."""

from __future__ import annotations

from typing import Any, Final

from app.domain.calibration import MIN_DAYS
from app.domain.pretrade import UBPS, CostEstimate
from app.domain.units import decimal_text
from app.services.pretrade import ForetoldRow, Record

Json = dict[str, Any]
_NAMES: Final = ("p5", "p25", "p50", "p75", "p95")
_DECIMALS: Final = 4
_UBPS_STEP: Final = UBPS // 10**_DECIMALS


def estimate_json(found: CostEstimate | None) -> Json | None:
    """An estimate; null where there is none."""
    if found is None:
        return None
    return {
        "expected_bps": _ubps(found.expected_ubps),
        "quantiles": {name: _ubps(value) for name, value in zip(_NAMES, found.quantiles_ubps, strict=True)},
        "participation": decimal_text(found.participation_ppm, 6) if found.participation_ppm else None,
        "duration_s": decimal_text(found.duration_ms, 3),
        "basis": found.basis.value,
        "artifact": found.artifact,
        "cell": found.cell,
        "is_extrapolated": found.is_extrapolated,
    }


def pretrade_json(record: Record) -> Json:
    """The law and its record."""
    law = record.law
    return {
        "artifact": law.name,
        "basis": law.basis.value,
        "source": law.source,
        "as_of": law.as_of,
        "digest": law.digest,
        "n": record.n,
        "n_left_out": record.n_left_out,
        "n_days": record.n_days,
        "is_evidence": record.n_days >= MIN_DAYS,
        "rows": [_row(row) for row in record.rows],
    }


def _row(row: ForetoldRow) -> Json:
    return {
        "group": row.group,
        "name": row.name,
        "n": row.n,
        "n_days": row.n_days,
        "within50": _rounded(row.within50_frac),
        "within90": _rounded(row.within90_frac),
        "se50": None if row.se50_frac is None else _rounded(row.se50_frac),
        "se90": None if row.se90_frac is None else _rounded(row.se90_frac),
        "pinball_bps": _rounded(row.pinball_bps),
        "constant_pinball_bps": _rounded(row.constant_pinball_bps),
        "expected_bps": _rounded(row.expected_bps),
        "realised_bps": _rounded(row.realised_bps),
        "worst_se": _rounded(row.n_se_away),
        "is_miss": row.is_miss,
    }


def _ubps(value_ubps: int) -> str:
    return decimal_text(round(value_ubps / _UBPS_STEP), _DECIMALS)


def _rounded(value: float) -> str:
    return decimal_text(round(value * 10**_DECIMALS), _DECIMALS)
