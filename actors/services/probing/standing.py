"""From single looks to a standing: how many it takes to be down or up, and when it changes too often. No I/O."""

import enum

import attrs

from actors.services.messages import Health


class Told(enum.Enum):
    """What people were told last."""

    DOWN = "down"
    UP = "up"
    """Again, after one of the others."""
    FLAPPING = "flapping"
    """It changes so often that nothing more is told until it has settled."""


@attrs.frozen
class Standing:
    """What the looks so far amount to. Times are of whatever clock the looks were given with."""

    health: Health = Health.UNKNOWN
    good: int = 0
    """Good looks in a row."""
    bad: int = 0
    """Bad looks in a row."""
    blind: int = 0
    """Looks in a row that could not be made."""
    known: Health = Health.UNKNOWN
    """Its health when it was last known."""
    bad_since: float | None = None
    """The first look of the bad ones in a row."""
    down_since: float | None = None
    """The first bad look of the outage that people were told of, until they were told of its end."""
    changes: tuple[float, ...] = ()
    """When it last went from well to not well or back, oldest first, as many as matter."""
    told: Told | None = None

    @property
    def flapping(self) -> bool:
        """It changes too often to say much about it."""
        return self.told is Told.FLAPPING

    @property
    def well(self) -> bool:
        """It is up, and the last look said so."""
        return self.health is Health.HEALTHY and self.good > 0


@attrs.frozen(kw_only=True)
class Judge:
    """How looks are judged.

    Args:
        failures: Bad looks in a row until it is down; so many that could not be made, and nothing is known any more.
        successes: Good looks in a row until it is up.
        interval: Seconds between two looks.
        retry_interval: The same while it is not known to be well; never longer than *interval*.
        flap_changes: So many changes between up and down within *flap_window* seconds, and it is flapping; until
            fewer than half as many are left in the window. 0: never.
        flap_window: Seconds.
    """

    failures: int
    successes: int
    interval: float
    retry_interval: float
    flap_changes: int = 0
    flap_window: float = 0.0

    def after(self, standing: Standing, verdict: bool | None, now: float) -> Standing:
        """The standing after one more look.

        Args:
            standing: Before it.
            verdict: Well, not well, or (None) the look could not be made.
            now: When the look was made; never before the one before.
        """
        if verdict is None:
            blind = standing.blind + 1
            health = Health.UNKNOWN if blind >= self.failures else standing.health
            return self._told(attrs.evolve(standing, health=health, good=0, bad=0, bad_since=None, blind=blind), now)
        good, bad = (standing.good + 1, 0) if verdict else (0, standing.bad + 1)
        bad_since = None if verdict else now if standing.bad_since is None else standing.bad_since
        health, known, changes = standing.health, standing.known, standing.changes
        if good >= self.successes:
            health = Health.HEALTHY
        elif bad >= self.failures:
            health = Health.UNHEALTHY
        if health is not Health.UNKNOWN:
            if known not in (Health.UNKNOWN, health):
                changes = (*changes, now)[-max(1, self.flap_changes) :]
            known = health
        following = attrs.evolve(
            standing, health=health, known=known, good=good, bad=bad, blind=0, bad_since=bad_since, changes=changes
        )
        return self._told(following, now)

    def _told(self, standing: Standing, now: float) -> Standing:
        """*standing* with what is to be told of it, if that is something else than before."""
        recent = tuple(change for change in standing.changes if change > now - self.flap_window)
        often = self.flap_changes > 0 and (
            len(recent) >= self.flap_changes or (standing.flapping and 2 * len(recent) >= self.flap_changes)
        )
        told, down_since = standing.told, standing.down_since
        if often:
            told = Told.FLAPPING
        elif standing.health is Health.UNHEALTHY:
            told = Told.DOWN
        elif standing.health is Health.HEALTHY and told is not None:
            told = Told.UP
        if told in (Told.DOWN, Told.FLAPPING):
            down_since = standing.bad_since if down_since is None else down_since
            down_since = now if down_since is None else down_since
        else:
            down_since = None
        return attrs.evolve(standing, changes=recent, told=told, down_since=down_since)

    def wait(self, standing: Standing) -> float:
        """Seconds from one look to the next."""
        return self.interval if standing.well else min(self.interval, self.retry_interval)

    def next_at(self, standing: Standing, began: float, now: float) -> float:
        """When to look next, after a look that began at *began* and was judged *now*."""
        return max(began + self.wait(standing), now)


def notice(before: Standing, after: Standing) -> Told | None:
    """What is to be told, once, because of what became of *before*."""
    return after.told if after.told is not before.told else None
