"""A ledger's lines say the same thing in our words whenever they are asked."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.domain.enums import Liquidity, Side, TimeInForce
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.venues.ledger import (
    AbsentLine,
    AcceptedLine,
    DoneLine,
    FillLine,
    LedgerLine,
    RefusedLine,
    VenueLedger,
    ledger_path,
)
from app.venues.retelling import answer_of, evidence, received, reports_of

ACCEPTED = AcceptedLine(1, "a", "v-1", "chd", "ord", "desk", "BTC/USDT", Side.BUY, TimeInForce.IOC, 100, 5, 9, 1, 1)
FILL = FillLine(2, "a", "v-1", "t-1", "BTC/USDT", 99, 3, 3, -7, "USDT", 201, 5)
CANCELED = DoneLine(2, "a", "v-1", "canceled", 3, "ioc_remainder")
REFUSED = RefusedLine(1, "a", "bad_lot", "no")
DUPLICATE = RefusedLine(3, "a", "duplicate_client_id", "again")


def told(*lines: LedgerLine) -> list[str]:
    return [report.kind.value for report in reports_of("v", list(enumerate(lines)))]


@pytest.mark.parametrize(
    ("lines", "kinds"),
    [
        ((), []),
        ((AbsentLine(1, "a", 0),), []),
        ((ACCEPTED,), ["acked"]),
        ((ACCEPTED, FILL, CANCELED), ["acked", "filled", "canceled"]),
        ((ACCEPTED, DoneLine(2, "a", "v-1", "expired", 0, "fok")), ["acked", "expired"]),
        ((ACCEPTED, FILL, DoneLine(2, "a", "v-1", "filled", 3, "")), ["acked", "filled"]),  # the fill told the total
        ((ACCEPTED, FILL, CANCELED, DUPLICATE), ["acked", "filled", "canceled"]),
        ((REFUSED,), ["rejected"]),
        ((REFUSED, DUPLICATE), ["rejected"]),
    ],
)
def test_the_story_of_one_client_id(lines: tuple[LedgerLine, ...], kinds: list[str]) -> None:
    assert told(*lines) == kinds


@pytest.mark.parametrize("asked_lots", [3, 5])
def test_an_order_that_was_filled_and_is_less_than_asked_about_has_ended(tmp_path: Path, asked_lots: int) -> None:
    ledger = VenueLedger(ledger_path(tmp_path, "v"))
    ledger.open()
    ledger.append([msgspec.structs.replace(ACCEPTED, qty_lots=3), FILL, DoneLine(2, "a", "v-1", "filled", 3, "")])
    child = ChildOrder(
        "chd", "a", "ord", "desk", 1, "v", "BTC/USDT", Side.BUY, TimeInForce.IOC, 100, asked_lots, 1, 1, 9
    )
    reports = answer_of("v", ledger, child, 10)
    ends = [(report.kind.value, report.cum_qty_lots) for report in reports[2:]]
    assert [report.kind.value for report in reports[:2]] == ["acked", "filled"]
    assert ends == ([] if asked_lots == 3 else [("expired", 3)])
    (unknown,) = answer_of("v", ledger, replace(child, client_id="b"), 10)
    assert (unknown.kind, unknown.code) == (ReportKind.NOT_FOUND, "never_accepted")
    ledger.close()


def test_every_figure_of_a_fill_is_passed_on() -> None:
    (report,) = reports_of("v", [(40, FILL)])
    assert report.kind is ReportKind.FILLED
    assert (report.venue, report.client_id, report.venue_order_id) == ("v", "a", "v-1")
    assert (report.venue_trade_id, report.price_ticks, report.qty_lots, report.cum_qty_lots) == ("t-1", 99, 3, 3)
    assert (report.fee_nano, report.fee_currency, report.mid_half_units, report.venue_ts_ns) == (-7, "USDT", 201, 2)
    assert report.gas_nano == 5
    assert report.evidence == evidence("v", 40) == "ledger:v:40"


def test_a_refusal_keeps_its_first_reason() -> None:
    (report,) = reports_of("v", [(0, REFUSED), (90, DUPLICATE)])
    assert (report.code, report.evidence) == ("bad_lot", "ledger:v:0")


def test_a_report_that_is_received_keeps_every_field_but_the_time() -> None:
    values: dict[str, Any] = {}
    for i, field in enumerate(fields(ExecutionReport), 1):
        values[field.name] = {"str": f"word {i}", "int": i}.get(str(field.type))
    values |= {"kind": ReportKind.FILLED, "liquidity": Liquidity.MAKER}
    report = ExecutionReport(**values)
    assert received(report, 99) == replace(report, received_ts_ns=99)
    assert report.received_ts_ns != 99
