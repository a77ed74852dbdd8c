"""What happened to services, and how much of the time they were up."""

from collections.abc import Mapping
from typing import get_args

import attrs
from quart import Response, request
from quart_trio import QuartTrio

from actors.services import ServiceNotFound
from actors.services.history_rows import Event, What
from actors.system import System
from hamster.http.app import json_response
from hamster.http.masking import mask_text
from hamster.http.parameters import reading
from hamster.http.times import Stamp

KINDS: Mapping[str, What] = {what: what for what in get_args(What)}
LARGEST = 2**63 - 1
"""Of an event's number."""


@attrs.define(slots=False)  # slotted classes would be encoded with their keys in alphabetical order
class EventModel:
    """One thing that happened."""

    id: int
    service_id: str
    timestamp: str
    what: str
    old: str | None
    new: str | None
    reason: str
    detail: str
    pid: int | None
    exit_code: int | None
    signal: str | None


def event_model(event: Event, stamp: Stamp) -> EventModel:
    """*event* without secrets."""
    happened = event.happened
    return EventModel(
        id=event.number,
        service_id=happened.service_id,
        timestamp=stamp(happened.at),
        what=happened.what,
        old=happened.old,
        new=happened.new,
        reason=happened.reason,
        detail=mask_text(happened.detail),
        pid=happened.pid,
        exit_code=happened.exit_code,
        signal=happened.signal,
    )


def register(app: QuartTrio, system: System, stamp: Stamp) -> None:
    """Add the routes of the history to *app*."""
    history = system.history

    async def page(service_id: str | None) -> tuple[Event, ...]:
        with reading(request.args) as query:
            limit = query.integer("limit", default=100, low=1, high=1000)
            before = query.integer("before", default=LARGEST, low=1, high=LARGEST)
            what = query.choices("what", KINDS)
        return await history.events(service_id, limit=limit, before=before, what=what)

    def answer(events: tuple[Event, ...]) -> Response:
        # Also where the page is not full: an empty one after it says that this was all.
        headers = {"X-Next-Cursor": str(events[-1].number)} if events else None
        body = {
            "events": [event_model(event, stamp) for event in events],
            "next_before": events[-1].number if events else None,
        }
        return json_response(body, headers=headers)

    async def all_events() -> Response:
        return answer(await page(None))

    async def service_events(service_id: str) -> Response:
        try:
            system.services.view(service_id)
        except ServiceNotFound:
            # One that is no more has a past all the same.
            if not await history.events(service_id, limit=1):
                raise
        return answer(await page(service_id))

    async def uptime(service_id: str) -> Response:
        shares = await history.uptime(system.services.view(service_id))
        seconds = {
            name: {"counted": round(share.counted, 1), "up": round(share.up, 1)} for name, share in shares.items()
        }
        percents = {name: share.percent for name, share in shares.items()}
        return json_response({"service_id": service_id, **percents, "seconds": seconds})

    base = "/api/services/<service_id>"
    app.add_url_rule("/api/events", "events.all", all_events, methods=["GET"])
    app.add_url_rule(f"{base}/events", "services.events", service_events, methods=["GET"])
    app.add_url_rule(f"{base}/uptime", "services.uptime", uptime, methods=["GET"])
