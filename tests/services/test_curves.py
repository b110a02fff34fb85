"""The learned curve survives: bins that are over are facts, a start reads them, a stop tells the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.bootstrap import Process
from app.domain.enums import Side
from app.domain.timing_facts import VolumeBin, VolumeLearned
from app.domain.trade import TradePrint
from app.learning.volume_curve import BIN_NS
from app.services.curves import CurveKeeper, curve_hours
from app.services.tape import Tape
from app.settings import Settings
from app.store.journal import JournalReader
from tests.api.gateway import open_gateway
from tests.worlds import T0_NS

DAY_START_NS = T0_NS - T0_NS % (288 * BIN_NS)


def trade(at_ns: int, qty_units: int) -> TradePrint:
    return TradePrint("ven_a", "BTC/USDT", 6_000_000, qty_units, Side.BUY, at_ns, at_ns)


def told(facts: list[object]) -> list[VolumeLearned]:
    return [event for event in facts if isinstance(event, VolumeLearned)]


async def test_a_bin_is_told_once_it_is_over_and_a_new_process_begins_with_it() -> None:
    async with open_gateway() as gateway:
        tape = Tape()
        keeper = CurveKeeper(gateway.engine, tape)
        tape.take([trade(DAY_START_NS, 0), trade(DAY_START_NS + BIN_NS // 2, 600)])
        await keeper.tell()
        assert gateway.engine.ledger.volumes == {}
        tape.take([trade(DAY_START_NS + BIN_NS * 3 // 2, 3_000)])
        await keeper.tell()
        await keeper.tell()
        (fact,) = told([f.event for f in gateway.journal.read(0, 10_000)])
        assert fact.symbol == "BTC/USDT"
        (first,) = fact.bins
        assert (first.bin_i, first.watched_ms) == (0, 300_000)
        assert first.seen_qty_units == 600 + 1_500
        await keeper.tell(is_all=True)
        assert sorted(gateway.engine.ledger.volumes["BTC/USDT"]) == [0, 1]
        later = Tape()
        second = CurveKeeper(gateway.engine, later)
        await second.open()
        await second.close()
        start, end = DAY_START_NS, DAY_START_NS + 12 * BIN_NS
        assert later.curve("BTC/USDT", start, end) == tape.curve("BTC/USDT", start, end)
        assert len(set(later.curve("BTC/USDT", start, end))) > 1
        assert later.news("BTC/USDT", is_all=True) == ()


async def test_what_is_of_no_listed_symbol_is_left() -> None:
    async with open_gateway() as gateway:
        tape = Tape()
        odd = TradePrint("ven_a", "NO/SUCH", 1, 5, None, T0_NS, T0_NS)
        tape.take([odd, TradePrint("ven_a", "NO/SUCH", 1, 5, None, T0_NS, T0_NS + 10**9)])
        await CurveKeeper(gateway.engine, tape).tell(is_all=True)
        assert gateway.engine.ledger.volumes == {}


async def test_a_real_process_keeps_its_curve_over_a_restart(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    process = Process(settings)
    services = await process.open()
    try:
        now_ns = services.engine.now_ns()
        tape = services.engine.core.world.volumes
        assert isinstance(tape, Tape)
        tape.take([trade(now_ns, 0), trade(now_ns + 10**9, 77_000)])
    finally:
        await process.close()
    facts = told([fact.event for fact in JournalReader(settings.journal_path).replay()])
    assert sum(b.seen_qty_units for fact in facts for b in fact.bins if fact.symbol == "BTC/USDT") >= 77_000
    second = Process(settings)
    services = await second.open()
    try:
        again = services.engine.core.world.volumes
        assert isinstance(again, Tape)
        assert services.engine.ledger.volumes["BTC/USDT"]
        assert again.usual_units("BTC/USDT", now_ns, now_ns + 10**9) > 0.0
    finally:
        await second.close()


def test_the_hours_of_the_curve_are_the_facts_and_flat_without_any() -> None:
    assert {hour.part_frac for hour in curve_hours({})} == {1.0}
    busy = {i: VolumeBin(i, 600_000, 6_000_000) for i in range(12)}
    calm = {i: VolumeBin(i, 60_000, 6_000_000) for i in range(12, 24)}
    hours = curve_hours(busy | calm)
    assert len(hours) == 24
    assert hours[0].part_frac > 1.5 > 1.0 > hours[1].part_frac
    assert hours[0].watched_s == 72_000
    assert sum(hour.part_frac for hour in hours) / 24 == pytest.approx(1.0)
