"""Who holds a port: a busy one is named with its process instead of being silently replaced by another port."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens; `pid` 0 where the system does not let us see whose socket it is."""

    pid: int
    command: str


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: a connection of a stopped predecessor that still lingers is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def holder(port: int) -> Holder:
    """Who listens on `port`, as far as /proc tells."""
    inodes = _listening_inodes(port)
    for entry in Path("/proc").glob("[0-9]*"):
        if inodes & _open_files(entry / "fd"):
            words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            return Holder(int(entry.name), b" ".join(words).decode(errors="replace")[:200])
    return Holder(0, "")


def _open_files(folder: Path) -> set[str]:
    """What a process has open; nothing of another user's process or of one that has just ended."""
    found: set[str] = set()
    with suppress(OSError):
        for link in folder.iterdir():
            with suppress(OSError):  # closed while we looked
                found.add(str(link.readlink()))
    return found


def _listening_inodes(port: int) -> set[str]:
    """`socket:[inode]` of every listener on `port`, over IPv4 and IPv6."""
    found = set()
    for name in ("tcp", "tcp6"):
        try:
            lines = (Path("/proc/net") / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def busy_text(host: str, port: int) -> str:
    """What to tell whoever wanted the port."""
    found = holder(port)
    who = f"process {found.pid} ({found.command})" if found.pid else "a process that this user may not look at"
    return f"{host}:{port} is taken by {who}; stop it, or choose another port with --port"
