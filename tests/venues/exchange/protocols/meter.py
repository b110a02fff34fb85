"""What a venue counts of a client's requests: its rate-limit headers are read from here."""

from __future__ import annotations


class Meter:
    """Weight used in the present window of `window_ms`, for each key."""

    def __init__(self, limit: int, window_ms: int) -> None:
        self.limit, self.window_ms = limit, window_ms
        self._used: dict[tuple[str, int], int] = {}

    def count(self, key: str, now_ms: int, weight: int = 1) -> int:
        """Count a request; what remains of the window's limit, never below 0."""
        window = (key, now_ms // self.window_ms)
        if window not in self._used:
            self._used = {other: used for other, used in self._used.items() if other[1] == window[1]}
        self._used[window] = self._used.get(window, 0) + weight
        return max(0, self.limit - self._used[window])

    def ends_ms(self, now_ms: int) -> int:
        """When the present window ends."""
        return (now_ms // self.window_ms + 1) * self.window_ms
