"""Builds the ASGI app and its lifespan; no logic. Started by the string `app.main:create_app` (a factory)."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from app.api.router import build_api
from app.api.ws.fanout import HubLimits
from app.bootstrap import Hosting, Process, venue_groups
from app.domain.ports import Clock, PlanQueue
from app.domain.universe import Universe
from app.settings import Settings
from app.workers.plan_queue import RingPlanQueue
from app.workers.projector import Start
from app.workers.projector_handle import ProjectorProcess
from app.workers.supervisor import Policy, Supervisor

if TYPE_CHECKING:
    from app.workers.live_desk import DeskOptions
    from app.workers.venue_host import VenueProcesses


def create_app(settings: Settings | None = None) -> FastAPI:
    """The gateway, complete; services appear on `app.state.services` when the lifespan has started."""
    settings = settings or Settings()
    process = Process(settings, _queue(settings), _hosting(settings), _projector(settings))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = await process.open()
        app.state.stream_limits = HubLimits(max_connections_per_key=settings.streams_per_key)
        try:
            yield
        finally:
            await process.close()

    return build_api(lifespan=lifespan)


def _hosting(settings: Settings) -> Hosting | None:
    """Venues in processes of their own: where the settings ask for that, and always where they are real."""
    if settings.venues != "process" and settings.market == "sim":
        return None
    # Loaded where they are used: a service with venues inline starts without them.
    from app.workers.live_desk import LiveDesk
    from app.workers.venue_host import VenueProcesses

    def hosted(universe: Universe, clock: Clock) -> VenueProcesses:
        name = f"{settings.shard}-{os.getpid()}"
        desk = LiveDesk(_desk_options(settings), universe) if settings.mode == "live" else None
        return VenueProcesses(name, universe, venue_groups(settings, universe), clock, desk=desk)

    return hosted


def _desk_options(settings: Settings) -> DeskOptions:
    from app.workers.live_desk import DeskOptions

    live = settings.live
    kek = f"file:{settings.kek_path}"
    return DeskOptions(settings.vault_path, kek, live.account, settings.shard, live.urls, is_sandbox=live.is_sandbox)


def _projector(settings: Settings) -> ProjectorProcess | None:
    """Who keeps the database up with the log: a process of its own, unless the settings want it in this one."""
    if not settings.database_url or settings.projector == "inline":
        return None
    journal = str(settings.journal_path.absolute())
    return ProjectorProcess(Start(journal, settings.database_url, settings.shard, settings.log_level))


def _queue(settings: Settings) -> PlanQueue | None:
    """Route workers, where the settings ask for any."""
    if not settings.route_workers:
        return None
    policy = Policy(n_workers=settings.route_workers)
    return RingPlanQueue(Supervisor(policy, f"{settings.shard}-{os.getpid()}", time.monotonic_ns))
