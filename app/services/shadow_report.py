"""The shadow's result as Markdown: all rows, losers and exclusions too; fixed decimals, no clock."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.shadow import Excluded
from app.services.replay_report import bps, table
from app.services.shadow_files import BadLine
from app.services.shadow_judge import ShadowReport, ShadowRow, needed_sentence

MAX_LISTED = 50  # of bad lines and of excluded parents, each; the rest is counted


def render_shadow(report: ShadowReport, head: Sequence[str], bad: Sequence[BadLine] = ()) -> str:
    """The whole result. `head`: lines that say what was run on what."""
    lines = ["# Shadow: the incumbent's fills beside Bestex's simulated ones", "", *head, ""]
    lines += [
        "Nothing was sent. Bestex's fills are **simulated** on recorded or received books: IOC at the planned limit "
        "after the delay, the rest by the same rule. Positive differences: Bestex is cheaper.",
        f"{report.n_told:,} parents told, {len(report.excluded):,} excluded. {needed_sentence(report)}",
        f"Scope: {report.evidence}.",
        f"The incumbent left {100 * report.incomplete_frac:.2f} % of the compared parents' notional unfilled in its "
        f"own time; that part is priced for neither. {report.n_late_fills:,} later fills are left out.",
        "",
    ]
    if report.rows:
        lines += _differences(report) + _sides(report) + _prices(report) + _losers(report)
    else:
        lines += ["No parent could be compared: nothing is claimed.", ""]
    lines += _excluded(report.n_by_reason, report.excluded) + _bad(bad)
    return "\n".join(lines)


def _head(row: ShadowRow) -> list[str]:
    return [row.size, row.side, f"{row.n:,}", str(row.n_days)]


def _differences(report: ShadowReport) -> list[str]:
    rows = []
    for row in report.rows:
        interval = "-" if row.low_bps is None or row.high_bps is None else f"[{bps(row.low_bps)}, {bps(row.high_bps)}]"
        rows.append(
            [
                *_head(row),
                bps(row.difference.mean),
                interval,
                bps(row.difference.median),
                bps(row.loss.q95),
                bps(row.loss.cvar95),
                f"{row.n_eff:.0f} / {row.n_blocks:.0f}{' days' if row.is_by_day else ''}",
                f"{row.p_holm:.3f}",
                row.verdict,
            ]
        )
    header = ("size", "side", "parents", "days", "mean bps", "95 %", "median", "loss 95 %", "loss CVaR95")
    return ["## Incumbent less Bestex", "", *table((*header, "N_eff / blocks", "p (Holm)", "row is"), rows)]


def _sides(report: ShadowReport) -> list[str]:
    rows = [
        [*_head(row), name, *(bps(v) for v in (part.mean, part.median, part.q95, part.cvar95))]
        for row in report.rows
        for name, part in (("incumbent", row.incumbent), ("Bestex, simulated", row.own))
    ]
    header = ("size", "side", "parents", "days", "who", "mean bps", "median", "95 %", "CVaR95")
    return ["## All-in cost against the arrival mid", "", *table(header, rows)]


def _prices(report: ShadowReport) -> list[str]:
    rows = [[name, bps(incumbent), bps(own)] for name, incumbent, own in report.prices]
    if not rows:
        return []
    return ["## Mean cost against the four prices (bps)", "", *table(("price", "incumbent", "Bestex, simulated"), rows)]


def _losers(report: ShadowReport) -> list[str]:
    losing = [f"{row.size}, {row.side}: {bps(row.difference.mean)} bp" for row in report.rows if row.is_loser]
    lines = ["## Where Bestex loses", "", f"Rows: {'; '.join(losing) or 'none'}.", ""]
    rows = [
        [item.parent_id, item.symbol, item.side.value, f"{item.notional_nano / 1e9:,.0f}", bps(item.difference_bps)]
        for item in report.worst
    ]
    if rows:
        lines += table(("worst parents", "symbol", "side", "notional", "incumbent - Bestex bps"), rows)
    return lines


def _excluded(counts: dict[str, int], excluded: Sequence[Excluded]) -> list[str]:
    lines = ["## Excluded", "", "; ".join(f"{reason} {n:,}" for reason, n in counts.items()) or "None.", ""]
    rows = [[item.parent_id, item.reason.value, item.detail] for item in excluded[:MAX_LISTED]]
    if rows:
        lines += table(("parent", "reason", "detail"), rows)
    if len(excluded) > MAX_LISTED:
        lines += [f"And {len(excluded) - MAX_LISTED:,} more.", ""]
    return lines


def _bad(bad: Sequence[BadLine]) -> list[str]:
    if not bad:
        return []
    lines = ["## Lines that were not taken", "", f"{len(bad):,} lines.", ""]
    lines += [f"* {item}" for item in bad[:MAX_LISTED]]
    if len(bad) > MAX_LISTED:
        lines.append(f"* and {len(bad) - MAX_LISTED:,} more")
    return [*lines, ""]
