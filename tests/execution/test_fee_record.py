"""Volumes and audits are sums over the fills of the log, bounded by days and places."""

from __future__ import annotations

from dataclasses import replace

from app.domain.enums import Liquidity
from app.domain.volume import DAY_NS
from app.execution.fee_record import FeeRecord, variable_fee_nano
from tests.execution.fee_desk import SPOT, fee_desk, next_day, trade
from tests.store.test_codec import FILL

USDT_FILL = replace(FILL, qty_units=1_000, moves=(("BTC", 10**7), ("USDT", -64 * 10**9)))


def test_volume_is_counted_for_its_account_venue_and_market():
    record = FeeRecord()
    for day_i in range(40):
        record.note_fill(USDT_FILL, day_i * DAY_NS)
    (place,) = record.volumes
    assert place == ("desk", "alpha", SPOT)
    assert len(record.volumes[place].by_day_nano) == 31
    assert record.volumes[place].judged_nano(39 * DAY_NS) == 30 * FILL.notional_nano
    assert not record.audits  # nothing is listed to compare with


def test_an_audit_begins_anew_with_each_listed_rate_and_keeps_the_newest_day_apart():
    desk = fee_desk()
    trade(desk)
    trade(desk)
    next_day(desk)
    trade(desk)
    audit = desk.core.ledger.fees.audits[("desk", "ven_c", SPOT, Liquidity.TAKER)]
    assert (audit.newest.n_fills, audit.whole.n_fills) == (1, 3)
    for _ in range(20):
        trade(desk)
    next_day(desk)
    trade(desk, 100)
    audit = desk.core.ledger.fees.audits[("desk", "ven_c", SPOT, Liquidity.TAKER)]
    assert (audit.whole.listed_fee_ppm, audit.whole.n_fills) == (100, 1)


def test_fees_are_compared_in_the_money_of_the_trade():
    assert variable_fee_nano(USDT_FILL) == -64
    assert variable_fee_nano(replace(USDT_FILL, gas_nano=-100)) == 36
    in_coin = replace(USDT_FILL, fee_nano=10**4, fee_currency="BTC", moves=(("BTC", 10**7 - 10**4), ("USDT", 1)))
    assert variable_fee_nano(in_coin) == 64 * 10**6
    assert variable_fee_nano(replace(in_coin, fee_currency="XYZ")) is None
    contract = replace(USDT_FILL, symbol="BTC/USD:BTC", fee_currency="BTC", fee_nano=7)
    assert variable_fee_nano(contract) == 7
    assert variable_fee_nano(replace(contract, symbol="BTC/USDT:USDT")) is None
