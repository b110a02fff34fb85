"""What is found out about plans: their exact cost, their bound, the proof. Filled by routing/verify.py."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain import quick
from app.domain.enums import SolveStatus

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]


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


make_recosted: Final = quick.tupled(Recosted)


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


make_finding: Final = quick.tupled(Finding)


class Proof(NamedTuple):
    """What kernels/prove.py says of one plan, by venue, as it wrote it: `sent` and `nano` live as the problem does.

    `found`: witness, dual value, levels that owe rounding, or None where the witness leaves int64. `is_judged`: whether
    the laws were judged; where not, Python does (`find_violations`). `n_broken`: children that break a law.
    """

    sent: Int64Array
    nano: Float64Array
    found: tuple[int, int, int] | None
    is_judged: bool
    n_broken: int

    @property
    def limit_ticks(self) -> list[int]:
        """Each child's limit, 0 where nothing is sent."""
        ticks: list[int] = self.sent[:, 0].tolist()
        return ticks

    @property
    def laws(self) -> list[int] | None:
        """Bits of the laws that each child breaks; None where Python judges."""
        bits: list[int] = self.sent[:, 1].tolist()
        return bits if self.is_judged else None

    @property
    def touch_nano(self) -> list[float]:
        """All-in cost of a unit of each first level."""
        nano: list[float] = self.nano[:, 0].tolist()
        return nano

    @property
    def own_nano(self) -> list[float]:
        """Each venue's all-in price of a whole quantity, its fixed cost spread."""
        nano: list[float] = self.nano[:, 1].tolist()
        return nano

    @property
    def deepest_nano(self) -> float:
        """The cost of the dearest unit paid."""
        return max(self.nano[:, 2].tolist())  # type: ignore[no-any-return]


make_proof: Final = quick.tupled(Proof)
NO_PROOF: Final = Proof(np.zeros((0, 2), np.int64), np.zeros((0, 3), np.float64), None, is_judged=False, n_broken=0)
