"""One question to one dealer: whatever happens is an answer."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.enums import Side
from app.domain.errors import Unavailable
from app.domain.quotes import Quote, QuoteRequest
from app.services.quotes import quote_of

REQUEST = QuoteRequest("rfq_1", "deal", "desk", "BTC/USDT", Side.BUY, 10)


class Dealer:
    def __init__(self, answer: Quote | Exception) -> None:
        self.answer = answer

    async def quote(self, request: QuoteRequest) -> Quote:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("venue", "code"),
    [
        (object(), "no_dealer"),
        (Dealer(Unavailable("venue_unavailable", "down")), "venue_unavailable"),
        (Dealer(ValueError("broken")), "ValueError"),
    ],
)
async def test_no_answer_is_no_quote_with_a_reason(venue: Any, code: str) -> None:
    assert await quote_of(venue, REQUEST) == Quote("rfq_1", "deal", code=code)


async def test_an_answer_is_passed_on() -> None:
    answer: Any = Dealer(Quote("rfq_1", "deal", "q1", 100, 10, 5, 1))
    assert await quote_of(answer, REQUEST) == answer.answer
