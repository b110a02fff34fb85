"""Each object is looked at once; what dies in a cycle later is found in a quiet hour."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from app.domain.errors import BestexError
from app.services import garbage
from app.services.garbage import ONE_IN, YOUNG, Garbage, sweep
from tests.api.gateway import GOOD, open_gateway, place
from tests.process_state import collector_put_back


class Knot:
    """Holds itself, as a connection and its protocol hold each other."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The tests' own collector comes back whatever happens."""
    with collector_put_back():
        yield


def make_young() -> list[list[int]]:
    """Enough new objects for a look."""
    return [[n] for n in range(2 * YOUNG)]


async def test_what_survives_its_first_look_is_frozen_and_a_young_cycle_is_freed() -> None:
    async with open_gateway() as gateway:
        ours = Garbage(gateway.engine, one_in=1)
        await ours.open()
        n_frozen, knot = gc.get_freeze_count(), weakref.ref(Knot())
        kept = make_young()
        assert knot() is None
        assert gc.get_freeze_count() >= n_frozen + YOUNG
        assert gc.get_count()[1:] <= (3, 0)
        del kept
        await ours.close()


async def test_few_lots_are_looked_at_until_one_holds_a_cycle() -> None:
    kept, knots = [], []
    async with open_gateway() as gateway:
        ours = Garbage(gateway.engine)
        await ours.open()
        for n in range(3 * ONE_IN * YOUNG):
            kept.append([n])
            if n % 100 == 0:
                knots.append(weakref.ref(Knot()))
        lives = [knot() is not None for knot in knots]
        last = len(lives) // 3
        assert any(lives[:last])  # frozen unseen, before the first look
        assert not any(lives[-last : -2 * YOUNG // 100])  # seen, lot by lot, after the find
        assert sweep() >= sum(lives[:last])
        await ours.close()


async def test_orders_refusals_and_wrong_bodies_leave_no_cycle() -> None:
    """What the collector would have to find: a refusal once held itself by its own traceback."""
    async with open_gateway() as gateway:
        await place(gateway)
        gc.disable()
        try:
            gc.collect()
            async with gateway.client("desk") as client:
                huge = [GOOD | {"qty": "100000", "client_order_id": f"huge-{n}"} for n in range(3)]
                for body in ({}, {"symbol": "BTC/USDT"}, *huge):
                    answer = await client.post("/v1/orders", json=body)
                    assert answer.status_code == 422
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            found = [each for each in gc.garbage if isinstance(each, BestexError)]
            assert not found
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()


async def test_the_collector_is_given_back_as_it_was() -> None:
    before, n_callbacks = gc.get_threshold(), len(gc.callbacks)
    async with open_gateway() as gateway:
        ours = Garbage(gateway.engine)
        await ours.open()
        assert gc.get_threshold()[0] == YOUNG
        await ours.close()
    assert gc.get_threshold() == before
    assert len(gc.callbacks) == n_callbacks
    assert gc.get_freeze_count() == 0


def test_a_sweep_finds_what_died_after_it_was_frozen() -> None:
    knot = Knot()
    gone = weakref.ref(knot)
    gc.collect()
    gc.freeze()
    del knot
    gc.collect()
    assert gone() is not None
    assert sweep() >= 1
    assert gone() is None
    assert gc.get_freeze_count() > 0


async def test_memory_is_swept_where_nothing_is_open_and_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(garbage.observe, "memory_swept", lambda n_freed, took_s: told.append(n_freed))
    async with open_gateway() as gateway:
        ours = Garbage(gateway.engine, look_every_s=0.01, sweep_every_s=0.0)
        await ours.open()
        await asyncio.sleep(0.2)
        assert told
        await ours.close()


async def test_an_open_order_forbids_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(garbage.observe, "memory_swept", lambda n_freed, took_s: told.append(n_freed))
    async with open_gateway() as gateway:
        await place(gateway)
        ours = Garbage(gateway.engine, look_every_s=0.01, sweep_every_s=0.0)
        gateway.engine.ledger.open_parents.setdefault("held", next(iter(gateway.engine.ledger.parents.values())))
        await ours.open()
        await asyncio.sleep(0.2)
        assert not told
        await ours.close()
        gateway.engine.ledger.open_parents.pop("held")
