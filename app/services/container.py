"""The services of one process, by name: what bootstrap builds and the API reaches."""

from __future__ import annotations

from dataclasses import dataclass

from app.services.accounts import Accounts
from app.services.admin import AdminService
from app.services.cancel import CancelService
from app.services.engine import Engine
from app.services.estimate import EstimateService
from app.services.reads import Reads
from app.services.streams import Streams
from app.services.submit import SubmitService


@dataclass(frozen=True, slots=True)
class Services:
    """One process's use cases over one engine."""

    release: str
    engine: Engine
    submit: SubmitService
    cancel: CancelService
    estimate: EstimateService
    reads: Reads
    admin: AdminService
    accounts: Accounts
    streams: Streams
