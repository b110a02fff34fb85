"""What is found out about plans: their exact cost, their bound, the proof. Filled by routing/verify.py."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain.enums import SolveStatus

Int64Array = npt.NDArray[np.int64]


class Recosted(NamedTuple):
    """A candidate in whole lots (int64[n] units of the problem's venues) with its exact cost.

    `walk` is [n, 4] of money nano, fee nano, worst price units and levels read. `objective_nano` holds the certified
    terms, `estimated_nano` what is believed beside them; candidates are ranked by both.
    """

    name: str
    units: Int64Array
    walk: npt.NDArray[Any]
    qty_units: int
    n_venues: int
    money_nano: int
    objective_nano: int
    is_feasible: bool
    estimated_nano: int = 0

    @property
    def ranked_nano(self) -> int:
        return self.objective_nano + self.estimated_nano


class Finding(NamedTuple):
    """What is proven about a plan: its objective, the estimate beside it, and the bound on both.

    The bound is the witness price's (1e-6 nano per unit), or a whole-lot search's where `is_searched`: that one lies
    between the witness's bound and the plan, which is checked, and is the search's own word for the rest.
    """

    objective_nano: int
    bound_nano: int
    witness_upnano: int
    gap_ubps: int
    status: SolveStatus
    estimated_nano: int = 0
    is_searched: bool = False


class Proof(NamedTuple):
    """What kernels/prove.py says of one plan, by venue.

    `limit_ticks`: 0 where nothing is sent. `laws`: bits of broken laws; None where Python judges (`find_violations`).
    `own_nano`: a whole quantity's all-in price, its fixed cost spread. `touch_nano`: all-in cost of a unit of the first
    level. `deepest_nano`: of the dearest unit paid. `found`: witness, dual value, levels that owe rounding, or None
    where the witness leaves int64.
    """

    limit_ticks: list[int]
    laws: list[int] | None
    touch_nano: list[float]
    own_nano: list[float]
    deepest_nano: float
    found: tuple[int, int, int] | None


NO_PROOF: Final = Proof([], None, [], [], 0.0, None)
