"""The real service over two real protocols with the real signer, as its own process: where a secret could leak from.

Arguments: home, database URL, port, the local exchange's base URL. `make_venues` is given live adapters in place of the
paper ones, and SIGUSR1 makes the process ask its signer for everything that it must refuse, and tell what it heard.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from app import bootstrap, observe
from app.domain.enums import Mode
from app.domain.errors import BestexError
from app.domain.fees import FeeTier
from app.domain.universe import Universe
from app.domain.venue import Venue
from app.main import create_app
from app.risk.token import TokenMint
from app.settings import Settings
from app.shm.lease import create_lease
from app.venues.cex.adapter import CcxtVenue
from app.venues.cex.budget import Budgets
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.permit import Role
from app.venues.cex.profile_table import profile_of
from app.venues.cex.session import SessionSettings
from app.venues.cex.signing import SignRequest
from app.workers.signer_handle import SignerConfig, start_signer
from app.workers.watchdog import WatchedDesk
from app.workers.watchdog_handle import start_watchdog
from tests.venues.cex.markets import listing
from tests.venues.vaults import make_token

ACCOUNT = "demo"
MARKETS = {"binance": "BTCUSDT", "okx": "BTC-USDT"}


def universe() -> Universe:
    rows = {v: listing(v, "BTC/USDT", "0.1", "0.00001", scales=(2, 5)) for v in MARKETS}
    return Universe(
        venues={v: Venue(v, v, Mode.PAPER, True, 5_000_000, 2_000_000_000, 1_500_000_000) for v in MARKETS},
        symbols={"BTC/USDT": rows["okx"][0]},
        instruments={(v, "BTC/USDT"): replace(rows[v][1], venue_symbol=MARKETS[v]) for v in MARKETS},
        fees={v: FeeTier(v, "test", 1_000, 1_000, 0, "test", "2026-11-26") for v in MARKETS},
    )


def provoke(client: Any, key: Any) -> None:
    """Everything that a signer refuses or stumbles over, each told as the service would tell it."""
    forged = make_token(replace(key, secret=b"x" * 32), _terms())
    asks = [
        ("capital/withdraw/apply", ("sapi",), "POST", {"coin": "BTC"}, None),
        ("order", ("private",), "POST", {"symbol": "BTCUSDT"}, None),
        ("order", ("private",), "POST", {"symbol": "BTCUSDT"}, forged),
        ("order", ("private",), "GET", {"symbol": object()}, None),
        ("openOrders", ("private",), "GET", {"symbol": {"a": [float("nan"), None]}}, None),
        ("account", ("private",), "GET", {"x" * 600: "1"}, None),
    ]
    for path, api, method, params, token in asks:
        try:
            client.sign(SignRequest("binance", ACCOUNT, path, api, method, params, token))
        except BestexError as error:
            observe.venue_call_failed("binance", "provoked", error)
    try:
        client.login("okx", ACCOUNT, b"1800000000POST/api/v5/trade/order{}", "sha256", "base64")
    except BestexError as error:
        observe.venue_call_failed("okx", "provoked", error)
    sys.stderr.write(f"provoked {client!r} {key!r} {sorted(vars(client))}\n")


def _terms() -> Any:
    from tests.venues.cex.placements import MARKETS as PLACED
    from tests.venues.cex.placements import Side, TimeInForce, captured

    return captured(PLACED[0], Side.BUY, TimeInForce.IOC).terms


def main() -> None:
    home, database_url, port, base_url = sys.argv[1:]
    settings = Settings(home=Path(home), database_url=database_url, port=int(port), shard="canary")
    setups = {venue: VenueSetup(profile_of(venue).ccxt_id) for venue in MARKETS}
    signer = start_signer(SignerConfig(settings.home / "vault", f"file:{home}/vault.kek", setups, "canary"))
    client = signer.client(Role.TRADE)
    lease = create_lease(f"canary-{os.getpid()}")
    lease.take(os.getpid(), signer.token_key.epoch, time.monotonic_ns())
    desks = tuple(WatchedDesk(venue, ACCOUNT, venue, base_url) for venue in MARKETS)
    watchdog = start_watchdog(signer, lease, desks, silence_ms=60_000)
    traded = universe()
    mint, budgets = TokenMint(signer.token_key, traded), Budgets()

    def make_venues(_: Settings, universe: Universe, clock: Any) -> dict[str, CcxtVenue]:
        where = SessionSettings(ACCOUNT, base_url, timeout_s=1.0)
        return {
            venue: CcxtVenue(
                *(profile_of(venue), universe, clock, where), signer=client, budgets=budgets, token_of=mint.token_of
            )
            for venue in MARKETS
        }

    bootstrap.load_universe = lambda **_: traded  # type: ignore[assignment]
    bootstrap.make_venues = make_venues  # type: ignore[assignment]
    observe.configure(level="debug")
    signal.signal(signal.SIGUSR1, lambda *_: provoke(client, signer.token_key))
    print(f"pids {signer.process.pid} {watchdog.process.pid}", flush=True)
    uvicorn.run(create_app(settings), host="127.0.0.1", port=settings.port, log_level="debug")


if __name__ == "__main__":
    main()
