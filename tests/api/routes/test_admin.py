"""Kill switches and keys."""

from __future__ import annotations

from app.api.schemas import account as schema
from tests.api.gateway import GOOD, Gateway, place, settle


async def test_kill_blocks_cancels_and_lists_what_is_unconfirmed(gateway: Gateway, monkeypatch) -> None:
    monkeypatch.setattr("app.services.admin.KILL_WAIT_S", 0.05)
    gateway.behave("silent")
    placed = await place(gateway)
    resting = await place(gateway, time_in_force="gtc", limit_price="58000")
    n_sent = len(gateway.children)
    gateway.venues["ven_c"].is_down = True
    async with gateway.client() as client:
        answer = await client.post("/v1/kill-switch", json={"reason": "drill"})
        refused = await client.post("/v1/orders", json=GOOD)
        listed = schema.KillSwitchList.model_validate((await client.get("/v1/kill-switch")).json())
    report = schema.KillReport.model_validate(answer.json())
    assert (report.scope, report.target, report.action) == ("account", "desk", "cancel")
    assert (report.n_orders_hit, report.n_orders_done) == (2, 1)
    assert {row.child_id for row in report.unconfirmed} == {child.child_id for child in gateway.children}
    assert {row.order_id for row in report.unconfirmed} == {placed["order_id"]}
    for row in report.unconfirmed:
        assert row.is_open_at_venue is (None if row.venue == "ven_c" else True)
    assert report.unreachable_venues == ["ven_c"]
    assert refused.json()["code"] == "trading_halted"
    assert [kill.reason for kill in listed.data] == ["drill"]
    assert len(gateway.children) == n_sent
    assert gateway.engine.ledger.parents[resting["order_id"]].status == "canceled"


async def test_a_kill_ends_as_soon_as_venues_confirm(gateway: Gateway) -> None:
    gateway.behave("silent")
    await place(gateway)
    gateway.behave("cancel")
    async with gateway.client() as client:
        answer = await client.post("/v1/kill-switch", json={"reason": "drill"})
    assert answer.json()["n_unconfirmed"] == 0
    assert answer.json()["n_orders_done"] == 1


async def test_the_operator_sees_what_only_venues_hold(gateway: Gateway) -> None:
    gateway.venues["ven_a"].holds.append("01FOREIGN")
    async with gateway.client("operator") as operator:
        answer = await operator.post("/v1/kill-switch", json={"scope": "global", "action": "block", "reason": "x"})
        cleared = await operator.delete("/v1/kill-switch", params={"scope": "global"})
        again = await operator.delete("/v1/kill-switch", params={"scope": "global"})
    assert answer.json()["venue_only"] == [{"venue": "ven_a", "client_id": "01FOREIGN"}]
    assert cleared.json() == {"scope": "global", "target": None}
    assert again.status_code == 404


async def test_an_accounts_key_stops_its_own_account_only(gateway: Gateway) -> None:
    async with gateway.client() as desk, gateway.client("rival") as rival, gateway.client("operator") as operator:
        for body in (
            {"scope": "global"},
            {"scope": "venue", "target": "ven_a"},
            {"scope": "symbol", "target": "BTC/USDT"},
            {"scope": "account", "target": "rival"},
        ):
            assert (await desk.post("/v1/kill-switch", json=body | {"reason": "x"})).status_code == 403
        await desk.post("/v1/kill-switch", json={"reason": "x"})
        assert (await rival.get("/v1/kill-switch")).json()["data"] == []
        assert (await rival.delete("/v1/kill-switch", params={"target": "desk"})).status_code == 403
        assert (await rival.post("/v1/orders", json=GOOD)).status_code == 201
        assert len((await operator.get("/v1/kill-switch")).json()["data"]) == 1
        assert (await operator.delete("/v1/kill-switch", params={"scope": "account", "target": "desk"})).is_success
        assert (await desk.post("/v1/orders", json=GOOD)).status_code == 201


async def test_targets_must_exist(gateway: Gateway) -> None:
    async with gateway.client("operator") as operator:
        for body, status in (
            ({"scope": "venue", "target": "nowhere"}, 404),
            ({"scope": "symbol", "target": "DOGE/USDT"}, 422),
            ({"scope": "symbol", "target": "btc-usdt"}, 200),
            ({"scope": "venue"}, 422),
            ({"scope": "account"}, 422),
            ({"scope": "global", "target": "x"}, 422),
        ):
            answer = await operator.post("/v1/kill-switch", json=body | {"reason": "x", "action": "block"})
            assert answer.status_code == status, body
        kills = (await operator.get("/v1/kill-switch")).json()["data"]
    assert [kill["target"] for kill in kills] == ["BTC/USDT"]


async def test_a_late_fill_after_the_kill_is_still_counted(gateway: Gateway, monkeypatch) -> None:
    monkeypatch.setattr("app.services.admin.KILL_WAIT_S", 0.02)
    gateway.behave("silent")
    placed = await place(gateway)
    async with gateway.client() as client:
        await client.post("/v1/kill-switch", json={"reason": "x"})
        for child in gateway.children:
            gateway.venues[child.venue].fill(child)
        await settle()
        order = (await client.get(f"/v1/orders/{placed['order_id']}")).json()
    assert order["cum_qty"] == "0.1"


async def test_keys_are_born_used_and_revoked(gateway: Gateway) -> None:
    async with gateway.client("operator") as operator, gateway.client() as desk:
        born = await operator.post("/v1/api-keys", json={"account": "new-desk", "scopes": ["trade", "read", "read"]})
        key = schema.NewApiKey.model_validate(born.json())
        listed = schema.ApiKeyList.model_validate((await operator.get("/v1/api-keys")).json())
        own = await desk.get("/v1/api-keys")
        gateway.tokens["new"] = key.token
        async with gateway.client("new") as client:
            empty = await client.get("/v1/orders")
            refused = await client.post("/v1/orders", json=GOOD)
        gone = await operator.delete(f"/v1/api-keys/{key.prefix}")
        again = await operator.delete(f"/v1/api-keys/{key.prefix}")
    assert born.status_code == 201
    assert key.scopes == ["read", "trade"]
    assert key.prefix in [row.prefix for row in listed.data]
    assert key.token not in str(listed)
    assert own.status_code == 403
    assert empty.json()["data"] == []
    assert (refused.status_code, refused.json()["code"]) == (403, "not_authorised")
    assert gone.status_code == 200
    assert again.status_code == 404


async def test_keys_that_may_not_be(gateway: Gateway) -> None:
    async with gateway.client("operator") as operator:
        for body in (
            {"account": "a b", "scopes": ["read"]},
            {"account": "desk", "scopes": []},
            {"account": "desk", "scopes": ["admin"]},
            {"account": "desk", "scopes": ["god"]},
            {"account": "desk", "scopes": ["read"], "mode": "live"},
        ):
            assert (await operator.post("/v1/api-keys", json=body)).status_code == 422, body


async def test_the_log_holds_no_token(gateway: Gateway) -> None:
    facts = [fact for fact in gateway.journal.read(0, 10_000) if fact.event.KIND == "key_created"]
    assert facts
    for token in gateway.tokens.values():
        assert token not in str(facts)
        assert token.split("_", 2)[2] not in str(facts)


async def test_a_venue_is_taken_out_and_back(gateway: Gateway) -> None:
    async with gateway.client("operator") as operator, gateway.client() as desk:
        out = await operator.patch("/v1/venues/ven_a", json={"enabled": False})
        placed = await place(gateway)
        route = (await desk.get(f"/v1/orders/{placed['order_id']}/route")).json()["data"][0]
        back = await operator.patch("/v1/venues/ven_a", json={"enabled": True})
        missing = await operator.patch("/v1/venues/nowhere", json={"enabled": True})
    assert out.json()["is_enabled"] is False
    assert ("ven_a", "disabled") in [(row["venue"], row["code"]) for row in route["excluded"]]
    assert back.json()["is_enabled"] is True
    assert missing.status_code == 404
