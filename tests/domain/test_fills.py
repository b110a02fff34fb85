"""What a venue says can be written down, whatever it holds."""

from __future__ import annotations

from dataclasses import fields, replace

import msgspec

from app.domain.fills import ExecutionReport, ReportKind, legible

SAID = ExecutionReport(ReportKind.REJECTED, "okx", "id", code="51008", text="no funds – 余额不足", evidence="http:200")


def test_ordinary_words_are_left_as_they_are() -> None:
    assert legible(SAID) is SAID


def test_what_has_no_utf8_and_nul_are_replaced_in_every_text() -> None:
    texts = [field.name for field in fields(ExecutionReport) if isinstance(getattr(SAID, field.name), str)]
    texts.remove("kind")
    texts.remove("liquidity")
    assert set(texts) >= {"venue_order_id", "venue_trade_id", "fee_currency", "code", "text", "evidence"}
    broken = replace(SAID, **dict.fromkeys(texts, "a\ud83d\x00b"))
    assert legible(broken) == replace(SAID, **dict.fromkeys(texts, "a? b"))
    assert msgspec.json.encode(legible(broken))
