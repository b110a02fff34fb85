"""What is believed of venues without books: dark crosses and dealers."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Answer, Dec, SignedDec
from app.domain.enums import Side


class DarkRow(Answer):
    """One dark venue, symbol and side of ours."""

    venue: str
    symbol: str
    side: Side
    unit: Dec = Field(description="The largest least execution of the dark venues: what is asked for is whole units.")
    n_answers: int = Field(description="Of the newest 256 questions that were answered.")
    asked_qty: Dec = Field(description="Of your own questions among them; the operator sees all.")
    filled_qty: Dec
    chances: list[Dec] = Field(description="Believed, with hope: that there are at least 1, 2, ... units.")
    leak_bps: Dec = Field(description="Believed cost of what was asked for and not there, in bps of it.")
    pings: int = Field(description="Questions of the last minute, of all accounts.")


class DealerRow(Answer):
    """One dealer, symbol and side of ours."""

    venue: str
    symbol: str
    side: Side
    n_looks: int = Field(description="Accepted quotes whose end is known, of the newest 256.")
    hit_rate: Dec = Field(description="Believed: of accepted quotes that are filled.")
    adverse_bps: Dec = Field(description="Believed: how far the market has gone against us when one is declined.")
    cost_bps: SignedDec = Field(description="The two together: an estimated term of the route, bounded there.")
    cost_low_bps: SignedDec
    cost_high_bps: SignedDec
    hold_ms: Dec
    pings: int


class HiddenInfo(Answer):
    """Beliefs are of the shard: what every account's own questions have brought."""

    max_pings_per_minute: int = Field(description="Of one venue; then it is not asked.")
    dark: list[DarkRow]
    dealers: list[DealerRow]
