from __future__ import annotations

from pathlib import Path

import httpx

from app.main import create_app
from app.settings import Settings


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
