"""What a finished order cost, by the declared waterfall."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Answer, Dec, SignedDec
from app.api.schemas.order import Fee
from app.domain.enums import Side


class WaterfallBps(Answer):
    """Basis points of the reference value; the parts sum to `total` exactly. Positive is a cost."""

    delay: SignedDec
    spread: SignedDec
    impact: SignedDec
    timing: SignedDec
    fee: SignedDec
    gas: SignedDec
    basis: SignedDec
    opportunity: SignedDec


class WaterfallNano(Answer):
    """Integers of 1e-9 of the money currency; the parts sum to `total_cost_nano` exactly."""

    delay: int
    spread: int
    impact: int
    timing: int
    fee: int
    gas: int
    basis: int
    opportunity: int


class StampedPrices(Answer):
    """The four stamped mids and the closing one."""

    decision: Dec | None
    received: Dec | None
    approved: Dec | None
    first_sent: Dec | None
    closing: Dec | None


class Tca(Answer):
    order_id: str
    symbol: str
    side: Side
    reference: str = Field(description="Which stamped price the cost is measured against.")
    reference_price: Dec | None
    prices: StampedPrices
    filled_qty: Dec
    avg_price: Dec | None
    money_currency: str
    filled_money: SignedDec
    reference_money: SignedDec = Field(description="The filled quantity at the reference price.")
    base_money: Dec = Field(description="The whole order at the reference price: what the basis points are of.")
    total_bps: SignedDec | None = Field(description="Null where nothing was filled or left.")
    cost_bps: WaterfallBps | None
    total_cost: SignedDec
    cost: dict[str, SignedDec]
    total_cost_nano: int
    cost_nano: WaterfallNano
    fees_unconverted: list[Fee] = Field(description="Fees in other currencies, not in the sums.")
