"""kill -9 while orders ask dark venues and dealers and rest what is left: nothing lost or doubled, all remembered."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.hidden_facts import DarkAsked, DealerQuoted
from app.execution.ledger import fold
from app.store.journal import JournalReader
from app.store.statehash import ledger_hash
from tests.faults.checker import check_all, read_log, read_venues
from tests.faults.harness import Desk, Gateway, Listener, Venues, database_state, order_body
from tests.faults.test_kill import Campaign

DARK = ("sim_golf", "sim_hotel")
DEALERS = ("sim_india", "sim_juliett")
N_KILLS = 8


@dataclass
class AskingDesk(Desk):
    """Orders of every style, in a random order in which each has its share of every twenty."""

    styles: list[float] = field(default_factory=list)

    def body(self, client_order_id: str, rng: random.Random) -> dict[str, object]:
        body = order_body(client_order_id, rng) | {"time_in_force": "ioc"}
        if not self.styles:
            self.styles = [n / 20 for n in range(20)]
            rng.shuffle(self.styles)
        dice = self.styles.pop()
        if dice < 0.35:
            body["strategy_params"] = {"sweep_style": "dark_then_lit"}
        elif dice < 0.55:
            body["strategy_params"] = {"dealers": True}
        elif dice < 0.75:
            body["strategy_params"] = {"sweep_style": "dark_then_lit", "dealers": True, "wait": "0.5"}
        elif dice < 0.9:
            far = "50000" if body["side"] == "buy" else "75000"
            expiry = datetime.now(UTC) + timedelta(seconds=rng.uniform(1, 4))
            body |= {
                "type": "limit",
                "limit_price": far if rng.random() < 0.5 else "61800",
                "time_in_force": "gtd",
                "expire_at": expiry.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "strategy_params": {"sweep_style": "sweep_post"},
            }
        return body


@pytest.mark.timeout(600)
async def test_questions_quotes_and_rests_survive_kills(tmp_path: Path, database_url: str) -> None:
    venues = Venues(tmp_path / "venues")
    switches = {
        "BESTEX_SIMULATED__UNLIT": "true",
        "BESTEX_ROUTING__POSTING": "true",
        "BESTEX_ROUTING__MAX_PINGS": "1000",
    }
    gateway = Gateway(tmp_path / "home", venues, database_url, environment=switches)
    try:
        venues.start()
        desk = AskingDesk(gateway, seed=31)
        campaign = Campaign(gateway, desk, Listener(gateway, "orders"), Listener(gateway, "executions"))
        await campaign.run(N_KILLS, random.Random(31))
        await asyncio.sleep(1)
        gateway.stop()
    finally:
        gateway.close()
        venues.stop()
    log, ledgers = read_log(gateway.home / "journal.db"), read_venues(tmp_path / "venues")
    assert check_all(log, ledgers, desk.acks) == []
    assert len(desk.acks) > N_KILLS

    reader = JournalReader(gateway.home / "journal.db")
    facts = list(reader.replay())
    reader.close()
    ledger = fold(facts)
    assert await database_state(database_url) == ledger_hash(ledger)
    assert not ledger.hidden.open
    assert not ledger.hidden.accepted
    assert ledger.hidden.answers
    assert ledger.hidden.looks
    once = [fact.event.order_id for fact in facts if isinstance(fact.event, DarkAsked)]
    assert len(once) == len(set(once))  # no restart asks again

    taken = [(venue, line) for venue, lines in ledgers.items() for line in lines if line["event"] == "accepted"]
    assert any(line["is_post_only"] for _, line in taken)  # some rested
    least = {line["client_id"]: line["min_qty_lots"] for venue, line in taken if venue in DARK}
    dark_fills = [line for v in DARK for line in ledgers[v] if line["event"] == "fill"]
    assert dark_fills
    assert all(line["qty_lots"] >= least[line["client_id"]] > 0 for line in dark_fills)
    given = {fact.event.quote_id for fact in facts if isinstance(fact.event, DealerQuoted)}
    accepted = [line["quote_id"] for venue, line in taken if venue in DEALERS]
    assert accepted
    assert len(accepted) == len(set(accepted))  # a quote is accepted once
    assert set(accepted) <= given
