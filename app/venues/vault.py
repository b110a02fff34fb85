"""Venue keys at rest: one file, each secret under its account's data key, bound to where it belongs.

Envelope: key-encryption key -> data key of an account -> AES-256-GCM of one key's secrets, whose associated data are
account, venue, key id and version, so that a ciphertext in another row does not open. A MAC over the whole file, under
a key wrapped beside the others, finds rows that were removed, doubled or relabelled. What it cannot find is an older
file put back whole (docs/keys.md says what follows).
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from pathlib import Path
from typing import Any, Final, NoReturn

from app.domain.errors import Refused
from app.venues.kek import KEK_BYTES, KeyEncryptionKey, seal, unseal

VAULT_VERSION: Final = 1
FILE_NAME: Final = "vault.json"
MAX_ACTIVE: Final = 2  # the one in use and the one that is on its way in or out
_MAC_CONTEXT: Final = b"bestex vault mac"


@unique
class Verdict(StrEnum):
    """What is known of a key's rights; only the last two may place orders."""

    UNCHECKED = "unchecked"
    SAFE = "safe"  # the venue itself says that it can neither withdraw nor transfer
    UNKNOWN_ALLOWED = "unknown_allowed"  # the venue does not say, and the desk took that upon itself

    @property
    def may_place(self) -> bool:
        return self is not Verdict.UNCHECKED


class Secret:
    """Text that shows itself only to who asks for it by name: not in a repr, a log line, a pickle or a copy."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)" if self._text else "Secret()"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret does not travel")


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key as everyone may know it. `version` counts from 1; the highest that may place is the one that signs.

    `is_ip_bound`: whether the venue takes it from listed addresses only; None is not known.
    """

    account: str
    venue: str
    key_id: str
    version: int
    verdict: Verdict
    is_ip_bound: bool | None
    added_ts_ns: int

    @property
    def context(self) -> bytes:
        """What its ciphertext is bound to."""
        return json.dumps(["venue key", self.account, self.venue, self.key_id, self.version]).encode()


@dataclass(frozen=True, slots=True)
class VenueSecrets:
    """The private half; some venues have a passphrase or a user id beside the secret."""

    secret: Secret
    passphrase: Secret = field(default_factory=lambda: Secret(""))
    uid: str = ""


@dataclass(slots=True)
class _Content:
    """The file, read and proven whole."""

    wrapped: dict[str, bytes]
    rows: dict[tuple[str, str, int], tuple[KeyRow, bytes]]


class Vault:
    """All of a home's venue keys. Each change is one new file, written aside and moved over the old one."""

    def __init__(self, folder: Path, kek: KeyEncryptionKey) -> None:
        self._folder, self._kek = folder, kek
        self.path = folder / FILE_NAME

    def rows(self) -> list[KeyRow]:
        """Every key, by account, venue and version. Raises Refused where the file was changed by another hand."""
        return [row for _, (row, _) in sorted(self._read().rows.items())]

    def secrets_of(self, row: KeyRow) -> VenueSecrets:
        """Raises Refused where the row is not there, or its ciphertext belongs to another."""
        content = self._read()
        found = content.rows.get((row.account, row.venue, row.version))
        if found is None or found[0] != row:
            raise Refused(reason="no_such_key", account=row.account, venue=row.venue, version=row.version)
        data_key = self._unwrap(content, row.account)
        secret, passphrase, uid = json.loads(unseal(data_key, found[1], row.context))
        return VenueSecrets(Secret(secret), Secret(passphrase), uid)

    def add(self, row: KeyRow, secrets: VenueSecrets) -> KeyRow:
        """A key where there is none yet; its version is 1."""
        return self._insert(row, secrets, is_rotation=False)

    def rotate(self, row: KeyRow, secrets: VenueSecrets) -> KeyRow:
        """A newer key beside the one in use, which stays until it is removed. Raises Refused for a third."""
        return self._insert(row, secrets, is_rotation=True)

    def judge(self, row: KeyRow, verdict: Verdict, is_ip_bound: bool | None) -> KeyRow:
        """Writes down what the venue said of a key."""
        with self._changing() as content:
            place = (row.account, row.venue, row.version)
            if place not in content.rows or content.rows[place][0] != row:
                raise Refused(reason="no_such_key", account=row.account, venue=row.venue, version=row.version)
            judged = replace(row, verdict=verdict, is_ip_bound=is_ip_bound)
            content.rows[place] = (judged, content.rows[place][1])
        return judged

    def remove(self, account: str, venue: str, version: int) -> None:
        """Raises Refused where there is none. The venue still knows the key: revoke it there as well."""
        with self._changing() as content:
            if content.rows.pop((account, venue, version), None) is None:
                raise Refused(reason="no_such_key", account=account, venue=venue, version=version)
            if not any(place[0] == account for place in content.rows):
                content.wrapped.pop(account, None)

    def _insert(self, row: KeyRow, secrets: VenueSecrets, *, is_rotation: bool) -> KeyRow:
        if not (row.account and row.venue and row.key_id and secrets.secret):
            raise Refused(reason="key_incomplete", account=row.account, venue=row.venue)
        with self._changing() as content:
            versions = [place[2] for place in content.rows if place[:2] == (row.account, row.venue)]
            if bool(versions) is not is_rotation:
                raise Refused(reason="key_exists" if versions else "no_such_key", account=row.account, venue=row.venue)
            if len(versions) >= MAX_ACTIVE:
                raise Refused(reason="too_many_versions", limit=MAX_ACTIVE, account=row.account, venue=row.venue)
            if any(found.key_id == row.key_id and found.venue == row.venue for found, _ in content.rows.values()):
                raise Refused(reason="key_exists", venue=row.venue, key_id=masked(row.key_id))
            numbered = replace(row, version=max(versions, default=0) + 1)
            if row.account not in content.wrapped:
                content.wrapped[row.account] = self._kek.wrap(os.urandom(KEK_BYTES), _context_of(row.account))
            text = json.dumps([secrets.secret.reveal(), secrets.passphrase.reveal(), secrets.uid]).encode()
            sealed = seal(self._unwrap(content, row.account), text, numbered.context)
            content.rows[(row.account, row.venue, numbered.version)] = (numbered, sealed)
        return numbered

    def _unwrap(self, content: _Content, name: str) -> bytes:
        if name not in content.wrapped:
            raise Refused(reason="vault_damaged", missing="data key", account=name)
        return self._kek.unwrap(content.wrapped[name], _context_of(name))

    @contextlib.contextmanager
    def _changing(self) -> Iterator[_Content]:
        """The content under a lock; written when the block ends well."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._folder / "vault.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = self._read()
            yield content
            self._write(content)
        finally:
            os.close(lock)

    def _read(self) -> _Content:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return _Content({"": self._kek.wrap(os.urandom(KEK_BYTES), _context_of(""))}, {})
        try:
            table = json.loads(raw)
            body, mac = table["body"], bytes.fromhex(table["mac"])
            if body["version"] != VAULT_VERSION:
                raise ValueError("version")
            if body["kek_id"] != self._kek.kek_id:
                raise Refused(reason="other_kek", limit=body["kek_id"], value=self._kek.kek_id)
            wrapped = {account: base64.b64decode(text) for account, text in body["wrapped"].items()}
            rows = [_decoded_row(row) for row in body["rows"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Refused(reason="vault_damaged", path=self.path) from None
        content = _Content(wrapped, {(row.account, row.venue, row.version): (row, sealed) for row, sealed in rows})
        if not hmac.compare_digest(self._mac(content, body), mac):
            raise Refused(reason="vault_tampered", path=self.path)
        return content

    def _write(self, content: _Content) -> None:
        body = {
            "version": VAULT_VERSION,
            "kek_id": self._kek.kek_id,
            "wrapped": {account: base64.b64encode(key).decode() for account, key in sorted(content.wrapped.items())},
            "rows": [_encoded_row(row, sealed) for _, (row, sealed) in sorted(content.rows.items())],
        }
        text = json.dumps({"body": body, "mac": self._mac(content, body).hex()}, indent=1).encode()
        draft = self.path.with_suffix(".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _mac(self, content: _Content, body: dict[str, Any]) -> bytes:
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
        return hmac.digest(self._unwrap(content, ""), _MAC_CONTEXT + canonical, hashlib.sha256)


def current_rows(rows: list[KeyRow]) -> dict[tuple[str, str], KeyRow]:
    """The key that signs, by (account, venue): the newest version that may, else the newest."""
    current: dict[tuple[str, str], KeyRow] = {}
    for row in sorted(rows, key=lambda row: (row.verdict.may_place, row.version)):
        current[(row.account, row.venue)] = row
    return current


def masked(key_id: str) -> str:
    """Enough of a public key id to tell it from another."""
    return key_id if len(key_id) <= 10 else f"{key_id[:6]}...{key_id[-2:]}"


def _context_of(account: str) -> bytes:
    """The account "" is the file's own: the key of its MAC."""
    return json.dumps(["data key", account]).encode()


def _encoded_row(row: KeyRow, sealed: bytes) -> dict[str, Any]:
    return {
        "account": row.account,
        "venue": row.venue,
        "key_id": row.key_id,
        "version": row.version,
        "verdict": row.verdict.value,
        "is_ip_bound": row.is_ip_bound,
        "added_ts_ns": row.added_ts_ns,
        "sealed": base64.b64encode(sealed).decode(),
    }


def _decoded_row(row: dict[str, Any]) -> tuple[KeyRow, bytes]:
    values = {name: value for name, value in row.items() if name != "sealed"} | {"verdict": Verdict(row["verdict"])}
    return KeyRow(**values), base64.b64decode(row["sealed"])
