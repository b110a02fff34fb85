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


@dataclass(slots=True)
class Fate:
    """What chance has in store for one child; `seed` is that of its own stream of chance."""

    is_request_lost: bool
    is_untold: bool
    seed: str

    def shuffle(self, reports: list[ExecutionReport]) -> None:
        """Puts the child's reports into an order of chance."""
        _drawn(self.seed)[0].shuffle(reports)


def fate_of(faults: Faults, seed: int, venue: str, client_id: str) -> Fate:
    """The same for the same seed, venue and client id, whatever else happens."""
    own_seed = f"{seed}:{venue}:{client_id}"
    if not (faults.lose_request_ppm or faults.lose_reports_ppm):
        return Fate(is_request_lost=False, is_untold=False, seed=own_seed)  # making a stream costs as much as a fill
    _, request_ppm, reports_ppm = _drawn(own_seed)
    return Fate(request_ppm < faults.lose_request_ppm, reports_ppm < faults.lose_reports_ppm, own_seed)


def _drawn(seed: str) -> tuple[random.Random, int, int]:
    """A child's stream after its first two draws, and these, in ppm."""
    chance = random.Random(seed)
    return chance, chance.randrange(PPM), chance.randrange(PPM)


def n_times(report: ExecutionReport, faults: Faults) -> int:
    """How often a report is told."""
    return 1 + faults.n_extra_fills if report.kind is ReportKind.FILLED else 1
