"""Who is told what: by types and services, in quiet hours, in floods, and once."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs
import pytest
import trio

from actors import State, open_system
from actors.runtime import Bus
from actors.settings import WebhookSettings
from actors.settings.webhooks import WebhookRoute
from actors.store import open_store
from actors.webhooks.cards import Card
from actors.webhooks.happenings import Happening
from actors.webhooks.messages import MIGRATIONS
from actors.webhooks.router import spread, tell_together
from actors.webhooks.routes import EventType, Route
from tests.actors.services.yard import Yard
from tests.actors.webhooks.receiver import PATIENCE, Answer, a_receiver

SEOUL = ZoneInfo("Asia/Seoul")
NOON = datetime(2026, 11, 26, 12, tzinfo=SEOUL)
ROUTE = Route(name="a", url="http://a.example/", webhook_type="generic", events=["service_error", "alert"])


def happening(number: int = 0, kind: EventType = "service_error", *, urgent: bool = False) -> Happening:
    return Happening(kind, "web", f"{kind}/{number}", Card(f"title {number}", "body", 0), urgent=urgent)


@pytest.mark.parametrize(
    ("events", "services", "wanted"),
    [
        (["service_error"], [], True),
        (["news"], [], False),
        (["service_error"], ["web"], True),
        (["service_error"], ["w*", "x"], True),
        (["service_error"], ["db"], False),
    ],
)
def test_a_route_wants_its_types_of_its_services(events: list[EventType], services: list[str], wanted: bool) -> None:
    route = attrs.evolve(ROUTE, events=events, services=services)
    assert route.wants("service_error", "web") is wanted
    assert attrs.evolve(ROUTE, services=["web"]).wants("alert", None) is False


@pytest.mark.parametrize(
    ("start", "until", "clock", "ends"),
    [
        ("22:00", "07:00", "23:30", "2026-11-27T07:00"),
        ("22:00", "07:00", "06:59", "2026-11-26T07:00"),
        ("22:00", "07:00", "07:00", None),
        ("22:00", "07:00", "12:00", None),
        ("12:00", "13:00", "12:30", "2026-11-26T13:00"),
        ("12:00", "12:00", "12:00", None),
    ],
)
def test_quiet_hours_end_where_they_do_also_over_midnight(start: str, until: str, clock: str, ends: str | None) -> None:
    route = attrs.evolve(ROUTE, quiet_from=time.fromisoformat(start), quiet_until=time.fromisoformat(until))
    now = datetime.combine(NOON.date(), time.fromisoformat(clock), tzinfo=SEOUL)
    found = route.quiet_ends(now.astimezone(UTC), SEOUL)
    assert found == (None if ends is None else datetime.fromisoformat(ends).replace(tzinfo=SEOUL))


async def test_the_same_is_told_once_a_flood_together_and_nothing_is_lost(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", Bus(), (MIGRATIONS,)) as store:
        route = attrs.evolve(ROUTE, digest_after=3, digest_seconds=30.0)
        now = datetime.now(UTC)
        for number in (0, 0, 1, 2, 3, 4, 5):
            await store.write(lambda c, n=number: spread(c, happening(n), [route], now, SEOUL))
        sent = await store.read(lambda c: c.execute("SELECT count(*) FROM webhooks").fetchone()[0])
        held = await store.read(lambda c: c.execute("SELECT count(*) FROM webhook_held").fetchone()[0])
        assert (sent, held) == (3, 3)
        later = now.timestamp() + 29
        assert await store.write(lambda c: tell_together(c, [route], later)) == 0
        assert await store.write(lambda c: tell_together(c, [route], later + 2)) == 1
        (message,) = await store.read(
            lambda c: c.execute("SELECT message FROM webhooks ORDER BY number DESC LIMIT 1").fetchone()
        )
        assert message.splitlines() == ["📦 알림 3건", "• title 3: body", "• title 4: body", "• title 5: body"]


async def test_in_quiet_hours_only_what_is_urgent_is_told_and_the_rest_afterwards(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", Bus(), (MIGRATIONS,)) as store:
        route = attrs.evolve(ROUTE, quiet_from=time(11), quiet_until=time(13))
        for number, urgent in enumerate((False, True, False)):
            await store.write(
                lambda c, n=number, u=urgent: spread(c, happening(n, "alert", urgent=u), [route], NOON, SEOUL)
            )
        (message,) = await store.read(lambda c: c.execute("SELECT message FROM webhooks").fetchone())
        assert message.startswith("title 1")
        ends = (NOON + timedelta(hours=1)).timestamp()
        assert await store.write(lambda c: tell_together(c, [route], ends - 1)) == 0
        assert await store.write(lambda c: tell_together(c, [route], ends)) == 1


async def test_a_real_crash_reaches_who_wants_it_and_a_dead_receiver_delays_nobody(yard: Yard) -> None:
    flag = yard.directory / "works"
    crashing = yard.shell("web", f"test -e {flag} || exit 3; exec sleep 1000", fatal_failures=10_000)
    async with a_receiver() as good, a_receiver(Answer(silent=True)) as dead:
        routes = {
            "good": WebhookRoute(
                url=good.url("/g"), webhook_type="generic", events=["service_error", "service_recovered"]
            ),
            "dead": WebhookRoute(url=dead.url("/d"), events=("service_error",)),
            "other": WebhookRoute(url=good.url("/other"), events=("service_error",), services=("db",)),
        }
        settings = attrs.evolve(yard.settings(crashing), webhooks=WebhookSettings(allow_private=True, routes=routes))
        with trio.fail_after(PATIENCE):
            async with open_system(settings) as system:
                await system.services.start("web")
                (first, *_) = await good.until(lambda arrived: len(arrived) >= 1)
                assert first.path == "/g"
                assert first.json["message_type"] == "service_error"
                assert "exit code 3" in str(first.json["fields"])
                flag.touch()
                await system.services.wait_for("web", State.RUNNING)
                arrived = await good.until(lambda arrived: any("recovered" in str(a.json) for a in arrived))
                assert {arrival.path for arrival in arrived} == {"/g"}
                receiver = await system.webhooks.add_receiver(
                    "news", good.url("/stops"), webhook_type="generic", event_types=["service_stopped"]
                )
                await system.services.stop("web")
                await good.until(lambda arrived: any(a.path == "/stops" for a in arrived))
                assert (await system.webhooks.receiver(receiver.id)).disabled_why is None
