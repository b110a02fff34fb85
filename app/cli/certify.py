"""`bestex venues certify`, put together: the whole service on its own home, one venue, one account, real orders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.cli.exits import CommandError, Exit

if TYPE_CHECKING:
    from app.services.certify import Verdict

TESTNET_ROUND_TRIPS: Final = 10
LIVE_ROUND_TRIPS: Final = 1_000


@dataclass(frozen=True, slots=True)
class CertifyOptions:
    """`is_live`: real money, L3; else the venue's test network, L2. `base_url`: stands in for the venue's hosts."""

    venue: str
    account: str
    symbol: str
    home: Path
    is_live: bool
    n_round_trips: int = 0
    base_url: str = ""
    kek: Path | None = None


def run_trial(options: CertifyOptions, tell: Callable[[str], None]) -> tuple[Verdict, Path | None]:
    """The verdict, and where its certificate is; none where it did not pass, or passed too little to prove a level.

    Raises CommandError where the service cannot start.
    """
    from app.domain.errors import BadRequest, BestexError

    try:
        verdict = asyncio.run(_tried(options, tell))
    except BadRequest as error:
        raise CommandError(Exit.USAGE, f"{error.detail}; {error.hint}") from error
    except BestexError as error:
        raise CommandError(Exit.UNREACHABLE, f"the trial did not start: {error}") from error
    return verdict, _certificate(options, verdict)


async def _tried(options: CertifyOptions, tell: Callable[[str], None]) -> Verdict:
    from app.main import create_app
    from app.services.certify import Trial, certify

    app = create_app(_settings(options))
    tell(f"{options.venue}: starting the service, its signer and its watchdog")
    async with app.router.lifespan_context(app):
        services = app.state.services
        n = options.n_round_trips or (LIVE_ROUND_TRIPS if options.is_live else TESTNET_ROUND_TRIPS)
        host = services.engine.host
        trial = Trial(options.venue, options.symbol, options.account, n, lambda: host.kill(options.venue))
        return await certify(services, trial)


def _settings(options: CertifyOptions) -> Any:
    """A log of its own, so that a trial's orders are in no desk's books; the desk's own vault."""
    from app.settings import LiveMarket, RiskSettings, Settings

    home = options.home
    return Settings(
        home=home / "certify" / options.venue,
        mode="live",
        market="live",
        shard="certify",
        live=LiveMarket(
            venues=(options.venue,),
            symbols=(options.symbol,),
            urls={"*": options.base_url} if options.base_url else {},
            account=options.account,
            vault=home / "vault",
            kek=options.kek or home / "vault.kek",
            is_sandbox=not options.is_live and not options.base_url,
            trades=True,  # what a stop at the venue waits for
        ),
        risk=RiskSettings(allow_uncertified=(options.venue,)),
    )


def _certificate(options: CertifyOptions, verdict: Verdict) -> Path | None:
    from datetime import UTC, datetime

    from app.domain.venue import EvidenceLevel
    from app.settings import RELEASE
    from app.store.certificates import Certificates

    is_enough = verdict.n_round_trips >= (LIVE_ROUND_TRIPS if options.is_live else TESTNET_ROUND_TRIPS)
    if not verdict.is_passed or not is_enough or options.base_url:
        return None  # a stand-in for the venue's hosts proves nothing of the venue
    level = EvidenceLevel.L3 if options.is_live else EvidenceLevel.L2
    date = datetime.fromtimestamp(verdict.started_ts_ns // 1_000_000_000, UTC).date().isoformat()
    record = record_of(options, verdict) | {"release": RELEASE}
    return Certificates(options.home).write(options.venue, level, date, record)


def record_of(options: CertifyOptions, verdict: Verdict) -> dict[str, Any]:
    """Everything that was seen, as plain values."""
    return {
        "network": "live" if options.is_live else "testnet",
        "account": options.account,
        "symbol": options.symbol,
        "started_ts_ns": verdict.started_ts_ns,
        "n_round_trips": verdict.n_round_trips,
        "n_fills": verdict.n_fills,
        "steps": [asdict(step) for step in verdict.steps],
        "before": asdict(verdict.before) if verdict.before is not None else None,
        "after": asdict(verdict.after) if verdict.after is not None else None,
    }
