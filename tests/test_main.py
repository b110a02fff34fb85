from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from app.shm.segment import FOLDER
from app.workers.plan_queue import RingPlanQueue


async def test_the_app_serves_between_start_and_stop_of_its_lifespan(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        assert (await client.get("/livez")).status_code == 200
        key = (tmp_path / "demo.key").read_text().strip()
        answer = await client.get("/v1/balances", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
        assert answer.json()["data"]


async def test_route_workers_start_and_end_with_the_lifespan(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, route_workers=1, shard="test-main"))
    async with app.router.lifespan_context(app):
        queue = app.state.services.engine.queue
        assert isinstance(queue, RingPlanQueue)
        async with asyncio.timeout(90):
            while not queue.supervisor.n_up:  # noqa: ASYNC110 - workers come up while the service runs
                await asyncio.sleep(0.02)
        pid = queue.supervisor.workers[0].pid
        assert list(FOLDER.glob("bestex-test-main-*"))
    assert not list(FOLDER.glob("bestex-test-main-*"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_without_the_setting_there_is_no_queue_and_no_process(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))
    async with app.router.lifespan_context(app):
        assert app.state.services.engine.queue is None
        assert app.state.services.engine.core.world.away is None
