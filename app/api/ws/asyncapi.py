"""The AsyncAPI 3.0 document of /v1/ws, generated from the structs that the wire speaks."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any, Final, get_args

import msgspec

from app.api.ws import messages as ms
from app.api.ws.streams import CloseCode

_REF: Final = "#/components/schemas/{name}"
_CLOSES: Final[dict[CloseCode, str]] = {
    CloseCode.BAD_DATA: "A binary frame; messages are text.",
    CloseCode.BAD_JSON: "A message that is not JSON.",
    CloseCode.TOO_BIG: "A message over 64 KiB.",
    CloseCode.BROKEN: "A mistake of ours; resume with after_seq.",
    CloseCode.RESTART: "The server restarts; resume with after_seq when it is back.",
    CloseCode.OVERLOADED: "The server has too many connections; try again later.",
    CloseCode.UNAUTHENTICATED: "No valid key within 5 s, or the key was revoked.",
    CloseCode.FORBIDDEN: "The key lacks the scope read, or named a foreign account.",
    CloseCode.SLOW_CONSUMER: "Too much waited to be read. Resume with after_seq; nothing is lost.",
    CloseCode.RESUME_IMPOSSIBLE: "after_seq is beyond the account's last seq, or older than what is kept.",
    CloseCode.TOO_MANY: "Too many connections of one key, or too many messages.",
}


def asyncapi_document(version: str) -> dict[str, Any]:
    """One channel, one operation each way, every message with its schema."""
    sent = list(get_args(ms.ClientMessages))
    received = [kind for union in (ms.Replies, ms.Updates, ms.Snapshots) for kind in get_args(union)]
    _, components = msgspec.json.schema_components([*sent, *received], ref_template=_REF)
    schemas = {name: _tidy(schema) for name, schema in components.items()}
    everything = [kind.__name__ for kind in [*sent, *received]]
    closes = "\n".join(f"- `{code.value}` {text}" for code, text in _CLOSES.items())
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Bestex streams",
            "version": version,
            "description": f"{cleandoc(ms.__doc__ or '')}\n\nClose codes:\n\n{closes}",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:8080", "protocol": "ws", "description": "A gateway on this machine."}},
        "channels": {
            "stream": {
                "address": "/v1/ws",
                "title": "The one endpoint",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in everything},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "say": _operation("receive", "What a client says.", sent),
            "tell": _operation("send", "What the server answers and tells.", received),
        },
        "components": {
            "messages": {
                kind.__name__: {
                    "name": kind.__name__,
                    "summary": schemas[kind.__name__].get("description", kind.__name__).splitlines()[0],
                    "payload": {"$ref": _REF.format(name=kind.__name__)},
                }
                for kind in [*sent, *received]
            },
            "schemas": schemas,
        },
    }


def _operation(action: str, summary: str, kinds: list[Any]) -> dict[str, Any]:
    """`action` is the server's: it receives what clients say."""
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/stream"},
        "messages": [{"$ref": f"#/channels/stream/messages/{kind.__name__}"} for kind in kinds],
    }


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    description = schema.get("description")
    return {**schema, "description": cleandoc(description)} if description else schema
