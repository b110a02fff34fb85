from __future__ import annotations

import json

from app.cli import keys

KEY = {"prefix": "abcd2345", "account": "desk", "scopes": ["read", "trade"], "mode": "paper"}


def test_a_new_key_shows_its_token_once(service, bestex):
    service.says("POST", "/v1/api-keys", KEY | {"token": "bx_abcd2345_x"}, 201)
    assert "bx_abcd2345_x" in bestex(keys, "create", "desk", "--scope", "read").output
    assert service.asked[0].body == {"account": "desk", "scopes": ["read"], "mode": "paper"}


def test_keys_are_listed_without_tokens(service, bestex):
    service.says("GET", "/v1/api-keys", {"data": [KEY]})
    assert "abcd2345" in bestex(keys, "list").output
    assert json.loads(bestex(keys, "list", "-o", "json").stdout) == [KEY]


def test_revoke_names_the_key(service, bestex):
    service.says("DELETE", "/v1/api-keys/abcd2345", KEY)
    assert bestex(keys, "revoke", "abcd2345").output == "revoked abcd2345\n"
