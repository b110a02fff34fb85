"""What a log without keys is given: an operator, and in paper mode an account to try things with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from app import observe
from app.domain.enums import Mode, Scope
from app.domain.limits import Limits
from app.domain.units import NANO
from app.execution.inputs import CreateKey, SetBalance, SetLimits
from app.services.accounts import OPERATOR_ACCOUNT, new_key
from app.services.container import Services

PAPER_LIMITS = Limits(
    version=1,
    max_order_notional_nano=5_000_000 * NANO,
    max_order_qty_nano=1_000 * NANO,
    max_open_orders=1_000,
    max_open_notional_nano=50_000_000 * NANO,
    max_position_nano=10_000 * NANO,
    venue_credit_nano=50_000_000 * NANO,
    price_collar_ppm=50_000,
    max_slippage_ppm=20_000,
    default_slippage_ppm=2_500,
    duplicate_window_ns=0,
    message_rate_per_s=2_000,
    message_burst=4_000,
)
DEMO_ACCOUNT: Final = "demo"
PAPER_BALANCES = {"USDT": 20_000_000 * NANO, "BTC": 300 * NANO, "ETH": 5_000 * NANO, "USD": 20_000_000 * NANO}


async def seed_first_start(services: Services, home: Path, mode: Mode) -> None:
    """A log without keys gets an operator's key, and in paper mode an account `demo` with balances, key and limits.

    Tokens are written to files of mode 0600 in the home folder; the log holds their hashes only. Each step looks for
    what an interrupted start has done already: a key's file comes before its fact, the account's limits come last.
    """
    ledger = services.engine.ledger
    if not any(key.account == OPERATOR_ACCOUNT for key in ledger.keys.values()):
        await _seed_key(services, home / "operator.key", mode, OPERATOR_ACCOUNT, tuple(Scope))
    if mode is Mode.PAPER and DEMO_ACCOUNT not in ledger.limits:
        await _seed_key(services, home / "demo.key", mode, DEMO_ACCOUNT, (Scope.READ, Scope.TRADE, Scope.RISK))
        await open_paper_account(services, DEMO_ACCOUNT)
    elif mode is Mode.PAPER:
        await seed_balances(services, DEMO_ACCOUNT)  # venues that were not there at the first start


async def open_paper_account(services: Services, account: str) -> None:
    """Paper balances and limits for a new account."""
    engine = services.engine
    await seed_balances(services, account)
    await engine.ask(SetLimits(account, PAPER_LIMITS, "seed"))


async def seed_balances(services: Services, account: str) -> None:
    """Paper balances at every venue where the account has none at all yet, in the currencies of what is traded."""
    engine = services.engine
    classes = [symbol.fungible for symbol in engine.universe.symbols.values()]
    traded = {currency for each in classes for currency in (each.base, each.quote, each.settle)}
    known = {venue for owner, venue, _ in engine.ledger.balances if owner == account}
    for venue in (v for v in engine.universe.venues if v not in known):
        for currency, amount_nano in PAPER_BALANCES.items():
            if currency in traded:
                await engine.ask(SetBalance(account, venue, currency, amount_nano, "paper seed"))


async def _seed_key(services: Services, path: Path, mode: Mode, account: str, scopes: tuple[Scope, ...]) -> None:
    key = new_key()
    _write_secret(path, key.token)
    await services.engine.ask(CreateKey(account, key.prefix, key.key_sha256, scopes, mode))
    observe.key_changed("created", account, key.prefix, "seed")


def _write_secret(path: Path, token: str) -> None:
    """Whole or not at all, and readable by its owner alone from the first byte."""
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
