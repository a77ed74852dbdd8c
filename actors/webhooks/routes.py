"""To whom what happens is told: which events, when, and how many one by one. Pure."""

import fnmatch
from collections.abc import Collection
from datetime import datetime, time, timedelta, tzinfo

import attrs

from actors.settings.webhooks import EventType
from actors.webhooks.messages import WebhookType

DIGEST_AFTER = 10
"""Messages within `DIGEST_SECONDS` that are sent one by one; those after them are told together."""
DIGEST_SECONDS = 60.0


@attrs.frozen(kw_only=True)
class Route:
    """A receiver, and what it wants to hear."""

    name: str
    """The id of a receiver, or `route:NAME` of the configuration."""
    url: str
    webhook_type: WebhookType
    events: Collection[EventType]
    services: Collection[str] = ()
    """Only events about these: ids and patterns; none: about all, and about none."""
    allow_private: bool = False
    quiet_from: time | None = None
    quiet_until: time | None = None
    """Between these times of day only what is critical is told; the rest together afterwards."""
    digest_after: int = DIGEST_AFTER
    digest_seconds: float = DIGEST_SECONDS

    def wants(self, event_type: EventType, service_id: str | None) -> bool:
        """Whether it wants to hear of such an event."""
        if event_type not in self.events:
            return False
        if not self.services:
            return True
        return service_id is not None and any(fnmatch.fnmatchcase(service_id, pattern) for pattern in self.services)

    def quiet_ends(self, now: datetime, zone: tzinfo | None) -> datetime | None:
        """When the quiet hours are over that *now* (aware) is in; None: it is in none."""
        if self.quiet_from is None or self.quiet_until is None or self.quiet_from == self.quiet_until:
            return None
        local = now.astimezone(zone)
        clock = local.time()
        if self.quiet_from < self.quiet_until:
            within = self.quiet_from <= clock < self.quiet_until
        else:
            within = clock >= self.quiet_from or clock < self.quiet_until
        if not within:
            return None
        day = local.date() + timedelta(days=1 if clock >= self.quiet_until else 0)
        end = datetime.combine(day, self.quiet_until, tzinfo=local.tzinfo)
        return end if zone is None else end.replace(tzinfo=zone)
