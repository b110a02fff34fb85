"""The signatures that venues ask for, made a second time and compared in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac


def hex_sha256(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def base64_sha256(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def hex_sha512(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()


def agrees(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
