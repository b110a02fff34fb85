"""A first start leaves keys that open and limits that bind, wherever it was cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.bootstrap import Process
from app.execution.inputs import Start
from app.services.engine import Engine
from app.settings import Settings


@pytest.mark.parametrize("n_steps", [1, 2, 5])
async def test_a_first_start_that_was_cut_short_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_steps: int
) -> None:
    """A crash anywhere while seeding leaves a home whose next start has keys that open and limits that bind."""
    settings = Settings(home=tmp_path)
    process = Process(settings)
    with monkeypatch.context() as cut:
        ask, asked = Engine.ask, []

        async def ask_until(self: Engine, item: object) -> object:
            if not isinstance(item, Start):
                asked.append(item)
                if len(asked) > n_steps:
                    raise ConnectionAbortedError
            return await ask(self, item)  # type: ignore[arg-type]

        cut.setattr(Engine, "ask", ask_until)
        with pytest.raises(ConnectionAbortedError):
            await process.open()
    await process.close()
    again = Process(settings)
    services = await again.open()
    try:
        assert "demo" in services.engine.ledger.limits
        assert services.engine.ledger.balances
        for name, account in (("operator.key", "*"), ("demo.key", "demo")):
            principal = services.accounts.authenticate((tmp_path / name).read_text().strip())
            assert principal is not None
            assert principal.account == account
    finally:
        await again.close()
