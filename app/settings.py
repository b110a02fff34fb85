"""The environment, typed, read once, passed down as values. Prefix BESTEX_; unknown names are errors where a file
brings them (`bestex.toml`)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from app.domain.plan import MAX_ESTIMATE_PPM
from app.domain.posting import PostOnly
from app.domain.terms import DEFAULT_ESTIMATE_PPM, MarginMode
from app.domain.units import NANO

RELEASE = "0.1.0"


class Ceilings(BaseModel):
    """What no account's limits may pass, whatever the API is told; None sets no ceiling. Money in whole quote units."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_order_notional: int | None = Field(default=None, ge=0)
    max_open_notional: int | None = Field(default=None, ge=0)
    venue_credit: int | None = Field(default=None, ge=0)
    max_order_qty: int | None = Field(default=None, ge=0)
    max_position: int | None = Field(default=None, ge=0)
    max_open_orders: int | None = Field(default=None, ge=0)
    message_rate_per_s: int | None = Field(default=None, ge=1)

    def as_limits(self) -> dict[str, int]:
        """By field of domain Limits, money and quantities in nano."""
        chosen = {name: value for name, value in self.model_dump().items() if value is not None}
        counts = {name: chosen.pop(name) for name in ("max_open_orders", "message_rate_per_s") if name in chosen}
        return counts | {f"{name}_nano": value * NANO for name, value in chosen.items()}


class VenueTerms(BaseModel):
    """A desk's own figures of one venue, in ppm of gross money unless named otherwise; domain/terms.py says each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inventory_ppm: int = Field(default=0, ge=-10_000, le=10_000)
    credit_year_ppm: int = Field(default=0, ge=0, le=1_000_000)
    holding_s: int = Field(default=0, ge=0)
    fade_ppm: int = Field(default=0, ge=0, le=1_000_000)
    refill_ppm: int = Field(default=0, ge=0, le=10_000)
    drift_ppm: int = Field(default=0, ge=-10_000, le=10_000)
    unanswered_ppm: int = Field(default=0, ge=0, le=1_000_000)
    failure_ppm: int = Field(default=0, ge=0, le=1_000_000)
    funding_ppm: int | None = Field(default=None, ge=-100_000, le=100_000)
    margin_mode: MarginMode | None = None
    margin_ppm: int = Field(default=1_000_000, ge=0, le=1_000_000)
    reduce_only: bool | None = None


class RoutingSettings(BaseModel):
    """What a route may consider beyond price and fee."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    estimates: bool = False
    """Whether estimated terms may rank venues: slippage beyond the book walk by a calibration of at least 20 days, and
    `venue_terms`. Off: nothing is estimated, and perpetuals need no terms."""
    max_estimate_ppm: int = Field(default=DEFAULT_ESTIMATE_PPM, ge=0, le=MAX_ESTIMATE_PPM)
    """By how much all estimated terms together may move a venue's all-in price, either way."""
    venue_terms: dict[str, VenueTerms] = Field(default_factory=dict)
    loop: bool = False
    """Whether what is measured of venues (markout, fade, rejects, latency) may flow back into routes, within
    `max_estimate_ppm`; on at the first start, then by PUT /v1/loop. Off here is off, whatever the API was told."""
    max_align_ms: int = Field(default=0, ge=0, le=250)
    """Above 0: children of one wave leave so that they arrive together, as far as latencies were measured; none waits
    longer than this."""
    posting: bool = False
    """Whether a slice of an order in time rests at the touch for its urgency's part before it crosses, where the venues
    can (simulated ones; real ones with `posting_live`); off, every slice crosses. An order's own word counts first."""
    posting_live: bool = False
    """Whether a child may rest at a real venue at all, where an order or `posting` says so: only where post-only has
    been shown on our local exchange, and never at a venue whose children are capped."""
    post_only: PostOnly = PostOnly.REJECT
    """What happens where a posted child would take: reject, back_off or convert (docs/schedules.md)."""
    max_reprices: int = Field(default=4, ge=0, le=100)
    """How often one slice may be posted anew because the touch has moved away."""
    max_pings: int = Field(default=30, ge=0, le=1_000)
    """Questions to one dark venue or dealer in a minute, of all orders together; 0: nobody is asked."""
    tier_value: bool = False
    """Whether the way to a better fee tier is worth something: a monthly plan's one value a venue, at most 0.3 bp."""
    tier_response_ppm: int = Field(default=8_000, ge=1, le=1_000_000)
    """How far volume follows a ppm of such a value, as learning/tier_plan.py has it; the default was measured on the
    simulated market (docs/results/fees.md)."""


class RiskSettings(BaseModel):
    """What a person has decided to risk beyond what is proven."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_uncertified: tuple[str, ...] = ()
    """Venues below evidence L2 that live money may use all the same, 1,000 USD a child at most."""


class PaperPace(BaseModel):
    """How slow a paper venue on live books is, in milliseconds; what is not said is as in venues/live.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ms: int | None = Field(default=None, ge=0, le=10_000)
    """One way between us and the venue; at live venues too what a route expects."""
    processing_ms: int | None = Field(default=None, ge=0, le=10_000)
    """The venue's own work before an order meets the book."""
    refill_ms: int | None = Field(default=None, ge=0, le=3_600_000)
    """Until what we took is back in the book."""


class SimulatedMarkets(BaseModel):
    """What the simulated venues' books are made of, where `market` is sim."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Literal["basic", "queue_reactive"] = "basic"
    """`basic`: books that move and never answer. Otherwise a family of docs/simulated-markets.md: what we take is gone
    in it, and it answers. `bestex venues serve` has its own --family."""
    unlit: bool = False
    """Whether there are simulated dark venues and dealers too; only orders that ask for them meet them
    (docs/hidden-liquidity.md)."""


class LiveMarket(BaseModel):
    """Which real venues, where `market` is live."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    venues: tuple[str, ...] = ()
    """Ids of the shipped table (venues/live.toml); empty: all of it."""
    symbols: tuple[str, ...] = ()
    """Of that table; empty: all of it."""
    urls: dict[str, str] = Field(default_factory=dict)
    """By venue (`*`: all others): http://HOST:PORT that stands in for the venue's own hosts."""
    pace: dict[str, PaperPace] = Field(default_factory=dict)
    """By venue (`*`: all others)."""
    feeds: Literal["direct", "ccxt"] = "direct"
    """`direct`: books of Binance (spot, USD-M, COIN-M) and OKX are read from the socket's bytes, at a fraction of
    ccxt's CPU (docs/feeds.md), those of all other venues through ccxt. `ccxt`: all through ccxt."""
    trades: bool = False
    """Public trades too, through ccxt on a session of their own: what `pov`, caps and learned curves follow."""
    venues_per_process: int = Field(default=4, ge=1, le=64)
    account: str = ""
    """With `mode` live: whose venue keys orders are signed with (`bestex keys venue add`)."""
    vault: Path | None = None
    """The folder of the venue keys; `vault` in the home folder where it is not said."""
    kek: Path | None = None
    """The key-encryption key's file; vault.kek in the home folder where it is not said."""
    is_sandbox: bool = False
    """The venues' own test networks."""

    @property
    def paces(self) -> dict[str, dict[str, int]]:
        """What `pace` says, and nothing else."""
        return {venue: pace.model_dump(exclude_none=True) for venue, pace in self.pace.items()}


class Settings(BaseSettings):
    """One process's settings. Money limits here are hard ceilings that the API cannot raise."""

    model_config = SettingsConfigDict(
        env_prefix="BESTEX_", env_nested_delimiter="__", extra="ignore", frozen=True, toml_file="bestex.toml"
    )

    home: Path = Field(default_factory=lambda: Path.home() / ".bestex")
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    mode: Literal["paper", "live"] = "paper"
    market: Literal["sim", "live"] = "sim"
    """Where books come from: simulated venues, or the public feeds of real ones."""
    live: LiveMarket = Field(default_factory=LiveMarket)
    simulated: SimulatedMarkets = Field(default_factory=SimulatedMarkets)
    shard: str = "s0"
    seed: int = 7
    database_url: str = ""
    venues: str = "inline"
    """`inline`, `process` (processes of our own over shared memory), or tcp://HOST:PORT of `bestex venues serve`."""
    replica_path: Path | None = None
    """A second journal file, on another disk or host mount; every commit is copied there."""
    journal_queue: int = Field(default=65_536, ge=64)
    journal_read_back: int = Field(default=16, ge=1)
    """One in so many of an order's common facts is read back before it is written; 1: each one."""
    rehearse_every_ms: int = Field(default=5, ge=0)
    """How often the turn of an order that waits near the market is rehearsed, so that the real one is quick; each takes
    up to a millisecond of one core; 0: never."""
    reserve_children: bool = True
    """Whether the log says ahead which children may leave for orders that wait near the market: their bytes then need
    not wait for the disk. After a crash their venues are asked about each of them."""
    drain_s: float = Field(default=3.0, ge=0)
    keep_closed_s: float = Field(default=900.0, ge=0)
    """How long a closed order stays in the engine's memory after its last change, and until it is measured and in the
    database, which answers for it from then on; 0, or no database: for ever."""
    reconcile_s: float = Field(default=60.0, gt=0)
    """How often every venue is asked what it holds for each account, beside the start and after a reconnect."""
    streams_per_key: int = Field(default=10, ge=1, le=4_096)
    """How many stream connections one API key may have at once."""
    max_book_age_ms: int = Field(default=0, ge=0)
    """Above 0: a ceiling on every venue's own book age limit."""
    projector: Literal["process", "inline"] = "process"
    """Where rows are made of the log, where there is a database: in a process of its own, or in the gateway's."""
    route_workers: int = Field(default=0, ge=0, le=16)
    """Processes that search heavy problems; 0 plans everything in the engine's own turn."""
    ceilings: Ceilings = Field(default_factory=Ceilings)
    risk: RiskSettings = Field(default_factory=RiskSettings)
    routing: RoutingSettings = Field(default_factory=RoutingSettings)
    record_to: Path | None = None
    """A directory: everything the gateway receives is recorded there."""
    calibration_path: Path | None = None
    """A file of `bestex calibrate -o`; the shipped calibration otherwise, which is not evidence."""
    foretell: bool = True
    """Whether every order's cost is estimated, and written down, before it is taken: some 50 us of its turn."""
    pretrade_path: Path | None = None
    """A law of costs fitted to own orders by `bestex calibrate journal.db -o`; the shipped, simulated one otherwise."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def journal_path(self) -> Path:
        return self.home / "journal.db"

    @property
    def keep_closed_ns(self) -> int:
        """How long closed orders stay in memory; 0: for ever, as where no database could answer for them."""
        return int(self.keep_closed_s * NANO) if self.database_url else 0

    @property
    def listings_path(self) -> Path:
        """Where `bestex venues refresh` stores what venues list."""
        return self.home / "listings.json"

    @property
    def vault_path(self) -> Path:
        return self.live.vault or self.home / "vault"

    @property
    def kek_path(self) -> Path:
        return self.live.kek or self.home / "vault.kek"

    @property
    def venues_path(self) -> Path:
        return self.home / "venues"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
