"""The calibration that a process serves, and its report: parameters, coverage, skill, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final

from app.domain.calibration import Calibration, SymbolCalibration
from app.domain.errors import BadRequest
from app.learning.artifact import parse_calibration

SHIPPED_PATH: Final = Path(__file__).parents[1] / "learning" / "parameters" / "binance_20240808.toml"


def load_calibration(path: Path | None = None) -> Calibration:
    """The calibration of a file that `bestex calibrate -o` wrote, or the shipped one; raises BadRequest."""
    chosen = path or SHIPPED_PATH
    try:
        text = chosen.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest("bad_calibration", f"{chosen.name}: {error}") from error
    return parse_calibration(text)


def calibration_report(calibration: Calibration) -> str:
    """Markdown: one section a symbol."""
    lines = [
        "# Calibration of impact and slippage",
        "",
        f"Source: {calibration.source}. As of {calibration.as_of}. Input SHA-256 `{calibration.digest}`.",
        "Costs in bps against the order. Every judgement is out of sample: laws fitted on earlier parents alone.",
    ]
    for symbol in calibration.symbols:
        lines += ["", *_section(symbol)]
    return "\n".join(lines)


def _section(symbol: SymbolCalibration) -> Iterator[str]:
    yield f"## {symbol.symbol} on {symbol.venue}"
    yield ""
    yield f"{symbol.evidence}. {symbol.n_parents:,} parents judged."
    yield ""
    yield from _impact_lines(symbol)
    yield ""
    yield from _law_lines(symbol)
    yield ""
    yield "| interval coverage | bucket | n | N_eff | 50 % | 90 % | extrapolated |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for row in symbol.coverage:
        yield (
            f"| {row.dimension} | {row.bucket} | {row.n:,} | {row.n_eff:.0f} | {row.within50_frac:.1%} "
            f"| {row.within90_frac:.1%} | {row.extrapolated_frac:.0%} |"
        )
    yield ""
    yield "| pinball skill over book walk + | scope | skill | 95 % interval | n | N_eff | |"
    yield "|---|---|---:|---|---:|---:|---|"
    for rival in symbol.skill:
        verdict = (
            "better here" if rival.low_frac > 0 else "worse here" if rival.high_frac < 0 else "no difference shown"
        )
        yield (
            f"| {rival.rival} | {rival.scope} | {rival.skill_frac:.1%} | [{rival.low_frac:.1%}, {rival.high_frac:.1%}] "
            f"| {rival.n:,} | {rival.n_eff:.0f} | {verdict} |"
        )


def _impact_lines(symbol: SymbolCalibration) -> Iterator[str]:
    impact, unit = symbol.impact, 100  # ppm in a basis point
    million = 1e15 / impact.flow_nano_per_s
    shape = f"{impact.decay.value}, {impact.decay_s:.2g} s"
    if impact.decay.value == "power":
        shape += f", power {impact.decay_power_frac:g}"
    yield (
        f"Impact of {impact.flow_kind} ({impact.n_windows} windows of 1 s): flow "
        f"{impact.flow_nano_per_s / 1e15:.4f} M a second, volatility {impact.sigma_ppm_sqrt_s / unit:.2f} bps "
        "per root second."
    )
    yield ""
    yield "| law | bps for a second's flow | bps for 1 M | explained out of sample |"
    yield "|---|---:|---:|---:|"
    linear, root = impact.linear_ppm / unit, impact.root_ppm / unit
    yield f"| linear | {linear:.3f} | {linear * million:.2f} | {impact.linear_r2_frac:.1%} |"
    yield f"| square root | {root:.3f} | {root * million**0.5:.2f} | {impact.root_r2_frac:.1%} |"
    yield ""
    yield f"Propagator: {impact.stays_frac:.0%} stays, the rest fades ({shape})."


def _law_lines(symbol: SymbolCalibration) -> Iterator[str]:
    law = symbol.slippage
    yield (
        f"Slippage law: book walk + {law.imbalance_ppm / 100:.3f} x imbalance x root of the wait + table(delay, walk) "
        f"x volatility^{law.sigma_power_frac:g}; volatility {law.sigma_ppm_sqrt_s / 100:.2f} bps per root second."
    )
    yield ""
    yield "| urgency | delay ms | walk bps | 5 % | 25 % | 50 % | 75 % | 95 % | mean |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for urgency, table in law.tables:
        for (delay_s, walk_ppm), row in zip(product(law.knots_s, law.walk_knots_ppm), table, strict=True):
            values = " | ".join(f"{value / 100:.3f}" for value in row)
            yield f"| {urgency.value} | {delay_s * 1000:g} | {walk_ppm / 100:.3f} | {values} |"
