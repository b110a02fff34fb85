"""The law of costs that a process asks before an order, and the fit of a desk's own from its log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.domain.calibration import MIN_DAYS
from app.domain.errors import BadRequest
from app.domain.events import Fact
from app.domain.pretrade import UBPS, Basis, PretradeLaw
from app.domain.units import NANO
from app.execution.ledger import fold
from app.learning.pretrade_artifact import parse_pretrade, sealed
from app.learning.pretrade_fit import Sample, coverage, fit
from app.services.engine import Engine
from app.tca.foretold import DAY_NS, ForetoldRow, judge_outcomes

SHIPPED_PATH: Final = Path(__file__).parents[1] / "learning" / "parameters" / "pretrade_simulated.toml"

__all__ = ["ForetoldRow", "Record", "cost_record", "fit_own", "load_pretrade"]


def load_pretrade(path: Path | None = None) -> PretradeLaw:
    """The law of a file, or the shipped one, which simulated parents made; raises BadRequest `bad_calibration`."""
    chosen = path or SHIPPED_PATH
    try:
        text = chosen.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest("bad_calibration", f"{chosen.name}: {error}") from error
    return parse_pretrade(text)


@dataclass(frozen=True, slots=True)
class Record:
    """The law that a process asks, and how its estimates have done on this shard's finished orders."""

    law: PretradeLaw
    n: int
    n_left_out: int
    n_days: int
    rows: tuple[ForetoldRow, ...]


async def cost_record(engine: Engine) -> Record | None:
    """Of every account of the shard together: coverage is about the law, not about a desk. None without a law."""
    estimator = engine.core.world.costs
    if estimator is None:
        return None
    costs = engine.ledger.costs
    outcomes, n_left_out = list(costs.outcomes.values()), costs.n_left_out
    days = {one.done_ts_ns // DAY_NS for one in outcomes}
    rows = await asyncio.to_thread(judge_outcomes, outcomes)
    return Record(estimator.law, len(outcomes), n_left_out, len(days), rows)


def fit_own(facts: Iterable[Fact], source: str) -> tuple[str, PretradeLaw]:
    """(report, law) of a desk's own finished orders: the newest that its log holds with what was asked of them.

    The report is of a law fitted to the earlier two thirds and judged on the rest; the law is of all. Raises BadRequest
    where there are too few.
    """
    outcomes = sorted(fold(facts).costs.outcomes.values(), key=lambda one: one.done_ts_ns)
    samples = [
        Sample(str(one.done_ts_ns // DAY_NS), "own", one.asked.ask(), one.realised_ubps / UBPS) for one in outcomes
    ]
    newest_s = outcomes[-1].done_ts_ns // NANO if outcomes else 0
    as_of = datetime.fromtimestamp(newest_s, UTC).date().isoformat()
    law = sealed(fit(samples, Basis.OWN, source, as_of))
    return _report(samples, law), law


def _report(samples: list[Sample], law: PretradeLaw) -> str:
    n_days = len({sample.cluster for sample in samples})
    lines = [f"# Costs of own orders: {law.name}", "", f"{len(samples):,} finished orders of {n_days} UTC days."]
    if n_days < MIN_DAYS:
        lines.append(f"n = {n_days} day{'s' * (n_days != 1)}, not evidence")
    cut = len(samples) * 2 // 3
    try:
        early = sealed(fit(samples[:cut], law.basis, law.source, law.as_of))
    except BadRequest:
        return "\n".join([*lines, "", "Too few to keep a third back: nothing was judged."])
    paces = {each.pace for each in early.laws}
    late = [sample for sample in samples[cut:] if sample.ask.pace in paces]
    lines += ["", "Fitted to the earlier two thirds, judged on the rest.", ""]
    lines += ["| pace | interval | n | days | covered | SE |", "|---|---|---:|---:|---:|---:|"]
    for row in coverage(late, early, lambda sample: sample.ask.pace.value):
        se = f"{row.se_frac:.1%}" if row.n_clusters > 1 else "one day"
        lines.append(f"| {row.group} | {row.interval} | {row.n:,} | {row.n_clusters} | {row.covered_frac:.1%} | {se} |")
    return "\n".join(lines)
