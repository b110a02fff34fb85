"""An engine as its watchdog sees it: a lease that beats, a signer, orders that rest at venues. Run as a module.

Arguments: base URL, vault folder, key-encryption key, lease name, venues. It says `ready SIGNER_PID WATCHDOG_PID`, then
beats until it is killed, or until its input ends: then it stops in order.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from app.domain.enums import ContractKind, Side, TimeInForce
from app.domain.proof import ChildTerms
from app.domain.units import NANO
from app.shm.lease import create_lease
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.permit import Role
from app.venues.cex.signing import SignRequest
from app.workers.key_check import fetch_json
from app.workers.signer_handle import SignerConfig, SignerHandle, start_signer
from app.workers.watchdog import WatchedDesk
from app.workers.watchdog_handle import keep_lease, start_watchdog
from tests.venues.vaults import ACCOUNT, make_token

N_ORDERS = 5


def place(signer: SignerHandle, venue: str) -> None:
    """Orders that rest: bought far below the market."""
    client = signer.client(Role.TRADE, (venue,))
    for number in range(N_ORDERS):
        client_id, price = f"01JDN5X9Q8W7V6T5S4R3Q2P1{number:02d}", 90 - number
        symbol, path, params = {
            "binance": (
                "BTCUSDT",
                "order",
                {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.5", "price": str(price)}
                | {"timeInForce": "GTC", "newClientOrderId": client_id},
            ),
            "okx": (
                "BTC-USDT",
                "trade/batch-orders",
                [
                    {"instId": "BTC-USDT", "side": "buy", "ordType": "limit", "sz": "0.5", "px": str(price)}
                    | {"tdMode": "cash", "tgtCcy": "base_ccy", "clOrdId": client_id}
                ],
            ),
        }[venue]
        terms = ChildTerms(
            *(ACCOUNT, venue, symbol, ContractKind.SPOT, client_id, Side.BUY, TimeInForce.GTC),
            *(price * NANO, NANO // 2, NANO, time.time_ns() + 30 * NANO),
        )
        request = SignRequest(venue, ACCOUNT, path, ("private",), "POST", params)
        token = make_token(signer.token_key, terms, decision_seq=1_000 * len(venue) + number)
        fetch_json(client.sign(replace(request, token=token)))
    client.close()


async def live(lease) -> None:
    beating = asyncio.create_task(keep_lease(lease))
    await asyncio.to_thread(sys.stdin.read)
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)


def main() -> None:
    base_url, folder, kek, lease_name, *venues = sys.argv[1:]
    setups = {venue: VenueSetup(venue, base_url=base_url) for venue in venues}
    signer = start_signer(SignerConfig(Path(folder), kek, setups))
    lease = create_lease(lease_name)
    lease.take(os.getpid(), signer.token_key.epoch, time.monotonic_ns())
    for venue in venues:
        place(signer, venue)
    desks = tuple(WatchedDesk(venue, ACCOUNT, venue, base_url) for venue in venues)
    watchdog = start_watchdog(signer, lease, desks)
    print(f"ready {signer.process.pid} {watchdog.process.pid}", flush=True)
    asyncio.run(live(lease))
    watchdog.stop()
    signer.stop()
    lease.segment.unlink()


if __name__ == "__main__":
    main()
