"""What can be made to go wrong at a paper venue, on purpose and by seed. Chances are in ppm of children."""

from __future__ import annotations

import random
from dataclasses import dataclass

from app.domain.fills import ExecutionReport, ReportKind
from app.domain.units import PPM


@dataclass(frozen=True, slots=True)
class Faults:
    """None by default.

    `lose_request_ppm`: the order never arrives. `lose_reports_ppm`: it arrives, and nothing of what it does is told.
    Either way the client hears UNKNOWN, or with `is_silent` nothing at all. `n_extra_fills`: each fill report comes
    that many times more. `is_shuffling`: the reports of one order come in any order. `delay_ns`: all reports come
    later. `is_holding`: orders are accepted, and neither worked nor told of, until it ends. `reject_code`: every order
    is refused with it. `is_down`: nobody answers anything.
    """

    lose_request_ppm: int = 0
    lose_reports_ppm: int = 0
    is_silent: bool = False
    n_extra_fills: int = 0
    is_shuffling: bool = False
    delay_ns: int = 0
    is_holding: bool = False
    reject_code: str = ""
    is_down: bool = False


@dataclass(frozen=True, slots=True)
class Fate:
    """What chance has in store for one child; `chance` shuffles its reports."""

    is_request_lost: bool
    is_untold: bool
    chance: random.Random


def fate_of(faults: Faults, seed: int, venue: str, client_id: str) -> Fate:
    """The same for the same seed, venue and client id, whatever else happens."""
    chance = random.Random(f"{seed}:{venue}:{client_id}")
    is_request_lost = chance.randrange(PPM) < faults.lose_request_ppm
    is_untold = chance.randrange(PPM) < faults.lose_reports_ppm
    return Fate(is_request_lost, is_untold, chance)


def n_times(report: ExecutionReport, faults: Faults) -> int:
    """How often a report is told."""
    return 1 + faults.n_extra_fills if report.kind is ReportKind.FILLED else 1
