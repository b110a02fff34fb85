"""docs/streams.md does what it says: its client is run, its messages are accepted, its numbers are the code's."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import msgspec

from app.api.ws import messages as ms
from app.api.ws.fanout import HubLimits
from app.api.ws.streams import WRITE_BYTES, CloseCode
from tests.api.ws.gateway import running
from tests.api.ws.test_hub import journal
from tests.services.fact_stories import Story

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "streams.md").read_text()


async def test_the_documented_client_loses_nothing_over_a_restart() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(compile(code, "docs/streams.md", "exec"), namespace)
    story = Story(1)
    story.grow(100)
    got: list[int] = []

    def follow(url: str, token: str, n_wanted: int) -> None:
        for fill in namespace["executions"](url, token, last_seq=got[-1] if got else 0):
            got.append(fill["seq"])
            if len(got) >= n_wanted:
                return

    for _ in range(2):
        async with running(story) as gateway:
            gateway.grow(100)
            expected = journal(story, "desk-a", "executions")
            following = asyncio.to_thread(follow, gateway.url, gateway.key("desk-a"), len(expected))
            await asyncio.wait_for(following, 10)
            assert got == expected


def test_documented_messages_of_a_client_are_accepted() -> None:
    said = [text for text in re.findall(r"`(\{\"op\":.*?\})`", TEXT) if '"ok"' not in text and '"pong"' not in text]
    decoder = msgspec.json.Decoder(ms.ClientMessages)
    assert {type(decoder.decode(text)) for text in said} == {ms.Auth, ms.Subscribe, ms.Unsubscribe, ms.Ping}


def test_documented_answers_and_heartbeat_fit_their_structs() -> None:
    answers = [t.replace("…", "x") for t in re.findall(r"`(\{\"op\":.*?\})`", TEXT) if '"ok":true' in t]
    assert {type(msgspec.json.decode(text, type=ms.Replies)) for text in answers} >= {ms.AuthReply, ms.SubscribeReply}
    (beat,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert isinstance(msgspec.json.decode(beat, type=ms.Updates), ms.Heartbeat)


def test_documented_codes_and_bounds_are_the_codes() -> None:
    for code in CloseCode:
        assert str(code.value) in TEXT
    limits = HubLimits()
    assert limits.max_bytes == 768 * 1024
    assert WRITE_BYTES == 64 * 1024
    assert f"one key ({limits.max_connections_per_key};" in TEXT
    assert f"({limits.messages_per_s:.0f} a second, bursts of {limits.message_burst:.0f})" in TEXT
    for channel in ms.Channel:
        assert f"`{channel.value}`" in TEXT
