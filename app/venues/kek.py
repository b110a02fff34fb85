"""Key-encryption keys: what the vault's data keys are wrapped under. A file here; a KMS fits behind the same door."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
from pathlib import Path
from typing import Final, Protocol

from app.domain.errors import Refused

KEK_BYTES: Final = 32
NONCE_BYTES: Final = 12


class KeyEncryptionKey(Protocol):
    """Wraps data keys. A file's key, and whatever a desk's KMS or HSM offers: the key itself never leaves either."""

    @property
    def kek_id(self) -> str:
        """Which key this is, stored beside what it wrapped; tells nothing of the key."""
        ...

    def wrap(self, data_key: bytes, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Raises Refused for bytes that this key did not wrap in this context."""
        ...


class FileKek:
    """A key in a file that its owner alone can read; everything else about the file is refused."""

    def __init__(self, path: Path) -> None:
        """Raises Refused where the file is missing, another's, readable by others, or no key."""
        self._key = _read_key(path)
        self._kek_id = f"file:{_fingerprint(self._key)}"

    @classmethod
    def create(cls, path: Path) -> FileKek:
        """A new key in a new file. Raises Refused where the file exists: another key would orphan the vault."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            raise Refused(reason="kek_exists", path=path) from None
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEK_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return cls(path)

    @property
    def kek_id(self) -> str:
        return self._kek_id

    def wrap(self, data_key: bytes, context: bytes) -> bytes:
        return seal(self._key, data_key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return unseal(self._key, wrapped, context)

    def __repr__(self) -> str:
        return f"FileKek({self._kek_id})"


def seal(key: bytes, text: bytes, context: bytes) -> bytes:
    """AES-256-GCM: a fresh nonce, then the ciphertext with its tag. `context` is bound to it and not stored."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # of the extra `cex`

    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, context)


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Raises Refused for any other key, context or byte."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise Refused(reason="does_not_open") from None


def _read_key(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Refused(reason="kek_missing", path=path) from None
    except OSError as error:
        raise Refused(reason="kek_unreadable", path=path, error=error.strerror) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise Refused(reason="kek_not_ours", path=path)
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise Refused(reason="kek_mode", path=path, limit="0600", value=f"{stat.S_IMODE(status.st_mode):04o}")
        text = os.read(descriptor, 1_024)
    finally:
        os.close(descriptor)
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEK_BYTES:
        raise Refused(reason="kek_malformed", path=path)
    return key


def _fingerprint(key: bytes) -> str:
    """Names a key without telling it: a MAC of a constant under it."""
    return hmac.digest(key, b"bestex kek id", hashlib.sha256).hex()[:16]
