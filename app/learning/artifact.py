"""The text of a calibration: versioned TOML, parsed strictly, written so that the same values give the same bytes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from math import isfinite
from typing import Any, Final, TypeVar, get_type_hints

from app.domain.calibration import (
    QUANTILE_LEVELS,
    Calibration,
    CoverageRow,
    Decay,
    ImpactParameters,
    SkillRow,
    SlippageParameters,
    SymbolCalibration,
    Urgency,
)
from app.domain.errors import BadRequest

FORMAT: Final = "bestex-calibration"
VERSION: Final = 1
_N_COLUMNS: Final = len(QUANTILE_LEVELS) + 1
V = TypeVar("V")


def parse_calibration(text: str) -> Calibration:
    """The calibration that `text` says; raises BadRequest `bad_calibration` for another format or bad values."""
    try:
        plain = tomllib.loads(text)
        if (plain["format"], plain["version"]) != (FORMAT, VERSION):
            raise BadRequest("bad_calibration", f"format {plain['format']} {plain['version']}")
        symbols = tuple(_symbol(entry) for entry in plain["symbols"])
        return Calibration(str(plain["source"]), str(plain["as_of"]), str(plain["digest"]), symbols)
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequest("bad_calibration", f"{type(error).__name__}: {error}") from error


def calibration_text(calibration: Calibration) -> str:
    """TOML of `calibration`; parse_calibration gives it back, floats to six significant digits."""
    lines = [
        "# Estimates of impact and slippage. Written by `bestex calibrate`; see docs/calibration.md.",
        f'format = "{FORMAT}"',
        f"version = {VERSION}",
        f"source = {_value(calibration.source)}",
        f"as_of = {_value(calibration.as_of)}",
        f"digest = {_value(calibration.digest)}",
    ]
    for symbol in calibration.symbols:
        lines += ["", "[[symbols]]"]
        lines += [f"{name} = {_value(getattr(symbol, name))}" for name in ("symbol", "venue", "n_days", "n_parents")]
        lines += ["", "[symbols.impact]", *_members(symbol.impact)]
        lines += [
            "",
            "[symbols.slippage]",
            *_members(symbol.slippage, but=("tables",)),
            "",
            "[symbols.slippage.tables]",
        ]
        for urgency, table in symbol.slippage.tables:
            lines += [f"{urgency.value} = [", *(f"  {_value(row)}," for row in table), "]"]
        for title, rows in (("coverage", symbol.coverage), ("skill", symbol.skill)):
            for row in rows:
                lines += ["", f"[[symbols.{title}]]", *_members(row)]
    return "\n".join(lines) + "\n"


def _members(value: object, but: Sequence[str] = ()) -> list[str]:
    return [f"{f.name} = {_value(getattr(value, f.name))}" for f in fields(value) if f.name not in but]  # type: ignore[arg-type]


def _value(value: object) -> str:
    if isinstance(value, str):
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, float):
        text = f"{value:.6g}"
        return text if "." in text or "e" in text else text + ".0"
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    assert isinstance(value, int), value
    return str(value)


def _symbol(plain: Mapping[str, Any]) -> SymbolCalibration:
    slippage = dict(plain["slippage"])
    tables = tuple(
        (Urgency(u), tuple(tuple(map(float, row)) for row in rows)) for u, rows in slippage["tables"].items()
    )
    knots = {name: tuple(map(float, slippage[name])) for name in ("knots_s", "walk_knots_ppm")}
    law = _record(SlippageParameters, slippage | knots | {"tables": tables})
    impact = _record(ImpactParameters, dict(plain["impact"]))
    _check_law(law)
    _check_impact(impact)
    return SymbolCalibration(
        symbol=str(plain["symbol"]),
        venue=str(plain["venue"]),
        n_days=int(plain["n_days"]),
        n_parents=int(plain["n_parents"]),
        impact=impact,
        slippage=law,
        coverage=tuple(_record(CoverageRow, row) for row in plain.get("coverage", ())),
        skill=tuple(_record(SkillRow, row) for row in plain.get("skill", ())),
    )


def _record(kind: type[V], plain: Mapping[str, Any]) -> V:
    """A frozen value from a table that has exactly its members; numbers finite."""
    hints = get_type_hints(kind)
    if set(plain) != set(hints):
        raise ValueError(f"{kind.__name__} has {sorted(hints)}, found {sorted(plain)}")
    values: dict[str, Any] = {}
    for name, value in plain.items():
        hint = hints[name]
        values[name] = value if isinstance(value, tuple) else hint(value)
        if isinstance(values[name], float) and not isfinite(values[name]):
            raise ValueError(f"{name} is {value}")
    return kind(**values)


def _check_law(law: SlippageParameters) -> None:
    knots = law.knots_s
    _ask(law.sigma_ppm_sqrt_s > 0, "sigma_ppm_sqrt_s > 0")
    walks = law.walk_knots_ppm
    _ask(len(walks) > 1 and walks[0] >= 0 and list(walks) == sorted(set(walks)), "walk_knots_ppm rise from 0 or above")
    _ask(bool(knots) and knots[0] > 0 and list(knots) == sorted(set(knots)), "knots_s rise from above 0")
    _ask({urgency for urgency, _ in law.tables} == set(Urgency), "a table for each urgency")
    for _, table in law.tables:
        _ask(len(table) == len(knots) * len(walks), "a row for each delay and walk")
        for row in table:
            _ask(len(row) == _N_COLUMNS and all(map(isfinite, row)), f"{_N_COLUMNS} finite columns")
            _ask(list(row[:-1]) == sorted(row[:-1]), "quantiles that do not cross")


def _check_impact(impact: ImpactParameters) -> None:
    """Only laws that no round trip can earn from."""
    _ask(impact.flow_nano_per_s > 0 and impact.sigma_ppm_sqrt_s >= 0, "flow above 0, volatility not below")
    _ask(impact.linear_ppm >= 0 and impact.root_ppm >= 0, "impact against the taker")
    _ask(impact.decay_s > 0 and impact.decay_power_frac > 0, "a convex decay")
    _ask(0 <= impact.stays_frac <= 1, "0 <= stays_frac <= 1")
    _ask(impact.decay in set(Decay), "a known decay")


def _ask(is_so: bool, rule: str) -> None:
    if not is_so:
        raise ValueError(f"broken: {rule}")
