"""One measured desk for all that reads it."""

from __future__ import annotations

import pytest

from app.tca.dossier import Dossier, Found, Wanted, compile_dossier
from tests.tca.measured_desk import MeasuredDesk, measured_desk
from tests.worlds import T0_NS


@pytest.fixture(scope="session")
def measured() -> MeasuredDesk:
    return measured_desk()


@pytest.fixture(scope="session")
def dossier(measured: MeasuredDesk) -> Dossier:
    ledger = measured.desk.core.ledger
    found = Found(
        account="desk",
        wanted=Wanted(T0_NS, measured.desk.now_ns),
        records=measured.records,
        symbols=measured.desk.core.world.universe.symbols,
        still=list(ledger.still),
        is_cut=False,
        is_simulated=True,
    )
    return compile_dossier(found)
