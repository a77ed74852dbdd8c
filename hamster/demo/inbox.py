"""What was posted to the demo newsroom's /hooks/: the receiving end of a webhook, to look at."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Lock

KEPT = 100  # messages
SHOWN = 64 * 1024  # bytes kept of a body: a hundred of the largest bodies would be 100 MiB
HEADER = 1024  # characters kept of a header's value


@dataclass(frozen=True, slots=True)
class Received:
    """One message: `bytes` is the length of the whole body, `body` its beginning as text."""

    number: int
    received_at: str
    path: str
    headers: dict[str, str]
    bytes: int
    body: str


class Inbox:
    """The last messages; several threads may use it."""

    def __init__(self) -> None:
        self._received: deque[Received] = deque(maxlen=KEPT)
        self._count = 0
        self._lock = Lock()

    def take(self, path: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Received:
        """Keep one message; the oldest goes when there are too many."""
        text = body[:SHOWN].decode("utf-8", "replace")
        kept = {name: value[:HEADER] for name, value in headers.items()}
        with self._lock:
            self._count += 1
            at = now.isoformat(timespec="milliseconds")
            received = Received(self._count, at, path, kept, len(body), text)
            self._received.append(received)
            return received

    def content(self) -> dict[str, object]:
        """What is kept, newest first, and how many there were in all."""
        with self._lock:
            return {"total": self._count, "received": [asdict(r) for r in reversed(self._received)]}

    def received(self) -> list[Received]:
        """What is kept, newest first."""
        with self._lock:
            return list(reversed(self._received))
