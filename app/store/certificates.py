"""Certificates of venues: the whole record of a trial, signed with the home folder's own key, one file each.

The signature says that the file is as this machine wrote it; whoever has the key can write another. Of a venue the
highest level counts, and only where it proves more than the table does.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.domain.errors import InvariantBroken
from app.domain.venue import Evidence, EvidenceLevel

FOLDER: Final = "certificates"
KEY_FILE: Final = "certify.key"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Certificates:
    """Those of one home folder."""

    home: Path

    def write(self, venue: str, level: EvidenceLevel, date: str, record: Mapping[str, Any]) -> Path:
        """Signs and stores one; durable on return. `record`: everything that was seen, plain values."""
        body = {"version": _VERSION, "venue": venue, "level": level.value, "date": date, "record": record}
        text = _canonical(body)
        key = self._key()
        public = key.public_key().public_bytes_raw()
        signed = {**body, "public_key": _text(public), "signature": _text(key.sign(text))}
        folder = self.home / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{venue}-{level.value}-{date}.json"
        draft = path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(json.dumps(signed, indent=1, sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        return path

    def evidence(self) -> dict[str, Evidence]:
        """By venue, the highest level that a valid certificate of this home's key proves.

        Raises InvariantBroken for one that was changed, or signed by another key: somebody must look at it.
        """
        paths = sorted((self.home / FOLDER).glob("*.json"))
        if not paths:
            return {}
        public = self._key().public_key()
        found: dict[str, Evidence] = {}
        for path in paths:
            body = _verified(path, public)
            level = EvidenceLevel(body["level"])
            known = found.get(body["venue"])
            if known is None or level.value >= known.level.value:
                found[body["venue"]] = Evidence(level, body["date"])
        return found

    def _key(self) -> Any:
        """This home's signing key, made on first use, readable by its owner alone."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # belongs to the extra

        path = self.home / KEY_FILE
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(Ed25519PrivateKey.generate().private_bytes_raw())
                file.flush()
                os.fsync(file.fileno())
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())


def _verified(path: Path, public: Any) -> dict[str, Any]:
    from cryptography.exceptions import InvalidSignature

    try:
        signed: dict[str, Any] = json.loads(path.read_bytes())
        signature = base64.b64decode(signed.pop("signature"), validate=True)
        del signed["public_key"]
        public.verify(signature, _canonical(signed))
        if signed["version"] != _VERSION:
            raise InvariantBroken(file=path.name, version=signed["version"], known=_VERSION)
    except (InvalidSignature, KeyError, TypeError, ValueError) as error:
        raise InvariantBroken(
            file=path.name, reason=f"not a certificate of this home: {type(error).__name__}"
        ) from error
    return signed


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
