"""The services of one process, by name: what bootstrap builds and the API reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from app.domain.calibration import Calibration
from app.domain.enums import MarketKind
from app.domain.fees import FeeSchedule
from app.services.accounts import Accounts
from app.services.admin import AdminService
from app.services.amend import AmendService
from app.services.cancel import CancelService
from app.services.conditional import ConditionalService
from app.services.engine import Engine
from app.services.estimate import EstimateService
from app.services.reads import Reads
from app.services.shadow import ShadowService
from app.services.streams import Streams
from app.services.submit import SubmitService
from app.services.tca import TcaService


class DatabaseStatus(Protocol):
    """How far the database is behind the log; `error` is empty when nothing is wrong."""

    @property
    def watermark_seq(self) -> int: ...

    @property
    def lag_facts(self) -> int: ...

    @property
    def is_connected(self) -> bool: ...

    @property
    def error(self) -> str: ...


class LogStatus(Protocol):
    """Up to which seq the log's chain is verified."""

    @property
    def verified_seq(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Services:
    """One process's use cases over one engine. `fee_tables`: published schedules, read when somebody asks.

    `log` None: the start has verified all of it.
    """

    release: str
    engine: Engine
    submit: SubmitService
    cancel: CancelService
    amend: AmendService
    conditionals: ConditionalService
    estimate: EstimateService
    reads: Reads
    admin: AdminService
    accounts: Accounts
    streams: Streams
    database: DatabaseStatus
    calibration: Calibration
    tca: TcaService
    shadow: ShadowService
    fee_tables: Callable[[], Mapping[tuple[str, MarketKind], FeeSchedule]] = dict
    log: LogStatus | None = None
