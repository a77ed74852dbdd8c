"""How often a page may open sockets, and a client send frames, before it is slowed. Pure: time is an argument."""

from collections import OrderedDict, deque
from collections.abc import Hashable

import attrs

HANDSHAKES = 5
"""A second; each further one is held."""
HELD_SECONDS = 0.25
PAGES = 1_024
"""That are remembered; the one that was quiet longest is forgotten."""

FRAMES = 10.0
"""A second, sustained."""
BURST = 20
"""That may come at once after a while of silence: a page that starts subscribes and asks a few times."""


class HandshakePacer:
    """Tells which handshakes are to be held: of a page that opens sockets too often."""

    def __init__(self) -> None:
        self._recent: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def hold(self, page: Hashable, now: float) -> float:
        """Seconds for which the handshake that *page* begins now is to be held; 0 for none."""
        recent = self._recent.pop(page, None) or deque[float](maxlen=HANDSHAKES)
        self._recent[page] = recent
        while len(self._recent) > PAGES:
            self._recent.popitem(last=False)
        too_often = len(recent) == HANDSHAKES and now - recent[0] < 1.0
        recent.append(now)
        return HELD_SECONDS if too_often else 0.0


@attrs.define
class FrameBudget:
    """What a client may still send: a bucket that fills at `FRAMES` a second up to `BURST`."""

    left: float = BURST
    at: float = 0.0

    def take(self, now: float) -> float:
        """Take one frame; 0 where it is within the budget, else the seconds until one would be."""
        if self.at:
            self.left = min(BURST, self.left + (now - self.at) * FRAMES)
        self.at = now
        if self.left >= 1.0:
            self.left -= 1.0
            return 0.0
        return (1.0 - self.left) / FRAMES
