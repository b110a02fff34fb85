"""What a process gives up so that its memory stays its own. Each step says whether the system granted it."""

from __future__ import annotations

import ctypes
import os
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_MCL_CURRENT: Final = 1
_MCL_FUTURE: Final = 2
_CLONE_NEWNET: Final = 0x4000_0000
_CLONE_NEWUSER: Final = 0x1000_0000


def shield() -> dict[str, bool]:
    """No dumps, no reading by other processes of the same user, no new rights, no swapping where that is allowed.

    `undumpable` and `no_core` are always granted on Linux; `locked` needs the right to lock without a limit.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return {
        "no_core": resource.getrlimit(resource.RLIMIT_CORE) == (0, 0),
        "undumpable": libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0,
        "no_new_privileges": libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0,
        "locked": _may_lock() and libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0,
    }


def leave_network() -> bool:
    """Moves this process to a network of its own, which leads nowhere. False where the system does not allow it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0 and libc.unshare(_CLONE_NEWNET) == 0:
        return True
    return bool(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def _may_lock() -> bool:
    """A lock under a limit would make a later allocation fail: all or nothing."""
    return resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
