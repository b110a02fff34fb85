"""Signed tokens (JWT) as Coinbase takes them: ES256 with a P-256 key or EdDSA with an Ed25519 key, really checked."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils


def new_es256_key() -> str:
    """A fresh P-256 private key in PEM, as the venue hands it out."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def new_ed25519_key() -> str:
    """A fresh Ed25519 key: base64 of seed and public key, as the venue hands it out."""
    key = ed25519.Ed25519PrivateKey.generate()
    return base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()).decode()


def claims(token: str, secret: str) -> dict[str, Any] | None:
    """What the token claims when the account's key signed it, else None."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    signed, signature = f"{parts[0]}.{parts[1]}".encode(), _decoded(parts[2])
    header: dict[str, Any] = json.loads(_decoded(parts[0]))
    try:
        if header.get("alg") == "ES256" and secret.startswith("-----BEGIN"):
            private = serialization.load_pem_private_key(secret.encode(), None)
            assert isinstance(private, ec.EllipticCurvePrivateKey)
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            der = utils.encode_dss_signature(r, s)
            private.public_key().verify(der, signed, ec.ECDSA(hashes.SHA256()))
        elif header.get("alg") == "EdDSA" and not secret.startswith("-----BEGIN"):
            public = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(secret)[32:])
            public.verify(signature, signed)
        else:
            return None
    except InvalidSignature:
        return None
    told: dict[str, Any] = json.loads(_decoded(parts[1]))
    return told | {"kid": header.get("kid")}


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
