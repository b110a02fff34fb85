"""What can be made to go wrong at a paper venue, on purpose and by seed. Chances are in ppm of children."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.fills import ExecutionReport, ReportKind
from app.domain.units import PPM


@dataclass(frozen=True, slots=True)
class Faults:
    """None by default.

    `lose_request_ppm`: the order never arrives. `lose_reports_ppm`: it arrives, and nothing of what it does is told.
    Either way the client hears UNKNOWN, or with `is_silent` nothing at all. `n_extra_fills`: each fill report comes
    that many times more. `is_shuffling`: the reports of one order come in any order. `delay_ns`: all reports come
    later. `late_fill_ns`: an order that ends is told as canceled without its last fill, which comes as much after its
    end. `is_holding`: orders are accepted, and neither worked nor told of, until it ends. `reject_code`: every order
    is refused with it. `is_down`: nobody answers anything.
    """

    lose_request_ppm: int = 0
    lose_reports_ppm: int = 0
    is_silent: bool = False
    n_extra_fills: int = 0
    is_shuffling: bool = False
    delay_ns: int = 0
    late_fill_ns: int = 0
    is_holding: bool = False
    reject_code: str = ""
    is_down: bool = False


@dataclass(slots=True)
class Fate:
    """What chance has in store for one child, drawn from its own seed."""

    is_request_lost: bool
    is_untold: bool
    _seed: str
    _chance: random.Random | None = None

    @property
    def chance(self) -> random.Random:
        """Shuffles its reports; seeded when it is first asked for, which costs more than all else of a fate."""
        if self._chance is None:
            self._chance = _drawn(self._seed)[0]
        return self._chance


def fate_of(faults: Faults, seed: int, venue: str, client_id: str) -> Fate:
    """The same for the same seed, venue and client id, whatever else happens."""
    name = f"{seed}:{venue}:{client_id}"
    if not faults.lose_request_ppm and not faults.lose_reports_ppm:
        return Fate(is_request_lost=False, is_untold=False, _seed=name)
    chance, request_ppm, reports_ppm = _drawn(name)
    return Fate(request_ppm < faults.lose_request_ppm, reports_ppm < faults.lose_reports_ppm, name, chance)


def _drawn(name: str) -> tuple[random.Random, int, int]:
    """A generator of `name`, and its first two draws: of the request, of the reports."""
    chance = random.Random(name)
    return chance, chance.randrange(PPM), chance.randrange(PPM)


def n_times(report: ExecutionReport, faults: Faults) -> int:
    """How often a report is told."""
    return 1 + faults.n_extra_fills if report.kind is ReportKind.FILLED else 1


def ended_early(reports: Sequence[ExecutionReport]) -> tuple[list[ExecutionReport], ExecutionReport | None]:
    """(what is told, the fill that comes late) of an order that ended; the end told counts a fill less."""
    places = [i for i, report in enumerate(reports) if report.kind is ReportKind.FILLED]
    if not places:
        return list(reports), None
    late, last = reports[places[-1]], reports[-1]
    early_lots = late.cum_qty_lots - late.qty_lots
    if last is late:
        end = ExecutionReport(
            ReportKind.CANCELED,
            late.venue,
            late.client_id,
            late.venue_order_id,
            cum_qty_lots=early_lots,
            venue_ts_ns=late.venue_ts_ns,
            evidence=late.evidence,
        )
    else:
        end = replace(last, cum_qty_lots=early_lots)
    return [*reports[: places[-1]], end], late
