"""The live service over two real protocols with all its processes: where a secret could leak from.

Arguments: home, database URL, port, the local exchange's base URL. It gives the account limits and a key of its own,
says the ids of its processes, and on SIGUSR1 asks its signer for all that it must refuse and tells what it heard.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from app import observe
from app.domain.enums import Mode, Scope, Side, TimeInForce
from app.domain.errors import BestexError
from app.domain.units import NANO
from app.execution.inputs import SetBalance, SetLimits
from app.main import create_app
from app.services.container import Services
from app.settings import LiveMarket, RiskSettings, Settings
from app.venues.cex.permit import Role
from app.venues.cex.signing import SignRequest
from tests.venues.cex.placements import MARKETS as PLACED
from tests.venues.cex.placements import captured
from tests.venues.vaults import ACCOUNT, make_token
from tests.worlds import LIMITS

VENUES = ("binance", "okx")
RICH = {"USDT": 1_000_000, "BTC": 100}


def settings_for(home: Path, database_url: str, port: int, base_url: str) -> Settings:
    market = LiveMarket(urls={"*": base_url}, venues=VENUES, symbols=("BTC/USDT",), account=ACCOUNT)
    return Settings(
        home=home,
        database_url=database_url,
        port=port,
        mode="live",
        market="live",
        shard="canary",
        live=market,
        risk=RiskSettings(allow_uncertified=VENUES),
        drain_s=0,
    )


async def settle(app: FastAPI, home: Path) -> None:
    """What an operator does once the service runs."""
    while getattr(app.state, "services", None) is None:  # noqa: ASYNC110 - the lifespan sets it, and tells nobody
        await asyncio.sleep(0.05)
    services: Services = app.state.services
    for venue in VENUES:
        for currency, amount in RICH.items():
            await services.engine.ask(SetBalance(ACCOUNT, venue, currency, amount * NANO, "as the venue says"))
    await services.engine.ask(SetLimits(ACCOUNT, LIMITS, "test"))
    token, _ = await services.accounts.create(ACCOUNT, (Scope.READ, Scope.TRADE), Mode.LIVE)
    (home / "desk.key").write_text(token)
    host: Any = services.engine.host
    guard = host.desk._guard
    client = guard.signer.client(Role.TRADE)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, provoke, client, guard.signer.token_key)
    venue_pids = [group.process.pid for group in host.groups]
    print("pids", guard.signer.process.pid, guard.watchdog.process.pid, *venue_pids, flush=True)


def provoke(client: Any, key: Any) -> None:
    """Everything that a signer refuses or stumbles over, each told as the service would tell it."""
    forged = make_token(replace(key, secret=b"x" * 32), captured(PLACED[0], Side.BUY, TimeInForce.IOC).terms)
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
    sys.stderr.flush()


async def serve(settings: Settings) -> None:
    app = create_app(settings)
    config = uvicorn.Config(app, host="127.0.0.1", port=settings.port, log_level="debug")
    settling = asyncio.create_task(settle(app, settings.home))
    await uvicorn.Server(config).serve()
    await settling


def main() -> None:
    home, database_url, port, base_url = sys.argv[1:]
    observe.configure(level="debug")
    asyncio.run(serve(settings_for(Path(home), database_url, int(port), base_url)))


if __name__ == "__main__":
    main()
