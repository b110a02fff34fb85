"""The AsyncAPI document is whole: every reference resolves, every message has a schema that its messages fit."""

from __future__ import annotations

import json
from typing import Any, get_args

import httpx
import jsonschema
import pytest

from app.api.ws import messages as ms
from app.api.ws.asyncapi import asyncapi_document
from app.api.ws.streams import CloseCode
from tests.api.ws.gateway import running
from tests.services.fact_stories import Story

DOCUMENT = json.loads(json.dumps(asyncapi_document("0.1.0")))


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [ref for member in value.values() for ref in references(member)]
    return [ref for member in value for ref in references(member)] if isinstance(value, list) else []


def test_every_reference_resolves() -> None:
    found = references(DOCUMENT)
    assert len(found) > 50
    for reference in found:
        value = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            value = value[name]


def test_every_message_is_declared_and_no_other() -> None:
    declared = set(DOCUMENT["components"]["messages"])
    unions = (ms.ClientMessages, ms.Replies, ms.Updates, ms.Snapshots)
    assert declared == {kind.__name__ for union in unions for kind in get_args(union)}
    both = [m for o in DOCUMENT["operations"].values() for m in o["messages"]]
    assert len(both) == len(declared)


def test_it_is_version_3_and_names_every_close_code() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    for code in CloseCode:
        assert f"`{code.value}`" in DOCUMENT["info"]["description"]


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **DOCUMENT})


async def test_what_is_sent_fits_the_schema() -> None:
    async with running(Story(1)) as gateway:
        gateway.grow(50)
        reader = await gateway.connect(gateway.key("desk-a"))
        for channel in ("orders", "executions", "risk"):
            await reader.subscribe(channel, after_seq=0, snapshot=True)
        await reader.subscribe("books", symbols=["BTC/USDT"])
        gateway.grow(100)
        await reader.until_seq("orders", gateway.streams.last_seq("desk-a"))
        names = {"orders": "Orders", "executions": "Executions", "risk": "Risk"}
        counts: dict[str, int] = {}
        for message in reader.messages:
            channel = message.get("channel")
            if channel in names:
                name = names[channel] + ("Snapshot" if message["type"] == "snapshot" else "Message")
            else:
                name = {"books": "BooksMessage", "heartbeat": "Heartbeat"}.get(channel, "")
            if name:
                counts[name] = counts.get(name, 0) + 1
                validator(name).validate(message)
        assert len(counts) == 8
        await reader.close()


def test_a_message_that_does_not_fit_is_seen() -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator("Heartbeat").validate({"channel": "heartbeat", "type": "heartbeat", "last_seq": -1})


async def test_it_is_served() -> None:
    async with running(Story(2)) as gateway, httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{gateway.port}/asyncapi.json")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == asyncapi_document("test")
        assert "/asyncapi.json" not in gateway.app.openapi()["paths"]
