"""Which service the next command speaks to: the one that was started last from this home folder, and its keys.

`bestex up` and `bestex demo` leave `service.json` behind when they are ready: the address and the data folder. Keys
stay where the service wrote them, in files that only their owner can read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8080"
FILE_NAME = "service.json"


class Role(StrEnum):
    """Whose key a command needs."""

    TRADER = "demo.key"
    OPERATOR = "operator.key"


@dataclass(frozen=True, slots=True)
class Session:
    """A service's address and the folder of its journal and keys."""

    url: str
    data: Path

    def key(self, role: Role) -> str:
        """The stored key of `role`, empty where there is none."""
        try:
            return (self.data / role.value).read_text().strip()
        except OSError:
            return ""


def remember(home: Path, session: Session) -> None:
    """Makes `session` what later commands of this `home` speak to."""
    home.mkdir(parents=True, exist_ok=True)
    (home / FILE_NAME).write_text(json.dumps({"url": session.url, "data": str(session.data)}) + "\n")


def recall(home: Path) -> Session:
    """The session remembered under `home`; without one, the default address and `home` itself."""
    base = home.expanduser()
    try:
        stored = json.loads((base / FILE_NAME).read_text())
        return Session(str(stored["url"]), Path(stored["data"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Session(DEFAULT_URL, base)
