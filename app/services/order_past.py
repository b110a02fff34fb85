"""How an order came to stand where it does: its facts, read out of the journal backwards from a place in it."""

from __future__ import annotations

from typing import Final, Protocol

from app.domain.errors import Unavailable
from app.domain.events import Fact, OrderAccepted
from app.services.order_views import order_id_of

PAGE_FACTS: Final = 1_000


class AccountReader(Protocol):
    """The door to the journal, as far as an account's facts go; used from the loop and from one thread."""

    def read_account(self, account: str, after_account_seq: int, limit: int) -> list[Fact]:
        """Durable facts of `account` with a greater account_seq, ascending, at most `limit`."""
        ...


def read_orders(reader: AccountReader, account: str, order_ids: set[str], before_seq: int) -> list[Fact]:
    """Every fact of `order_ids` before `before_seq`, ascending: pages backwards until each acceptance is found.

    Raises Unavailable("resume_too_old") where the journal does not hold one.
    """
    found: list[Fact] = []
    missing = set(order_ids)
    upper = before_seq
    while missing and upper > 1:
        lower = max(1, upper - PAGE_FACTS)
        for fact in reversed(reader.read_account(account, lower - 1, upper - lower)):
            order_id = order_id_of(fact.event)
            if order_id in missing:
                found.append(fact)
                if isinstance(fact.event, OrderAccepted):
                    missing.discard(order_id)
        upper = lower
    if missing:
        raise Unavailable("resume_too_old", f"The journal does not hold how {min(missing)} began.")
    found.reverse()
    return found
