"""Who is told of what: each raising once, each end once, and nothing while it is muted."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.alerts.book import MAX_ACTIVE, Book
from actors.alerts.messages import (
    Alert,
    AlertChanged,
    AlertCleared,
    AlertNotFound,
    AlertRaised,
    Silence,
    Standing,
    WindowNotFound,
)
from actors.settings import Level, MaintenanceWindow

START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
NEVER = START + timedelta(days=9999)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@attrs.define
class Story:
    """A book, and the time in it."""

    book: Book = attrs.field(factory=Book)
    now: float = 0.0
    told: list[str] = attrs.field(factory=list[str])
    """What people heard: the key and what became of it."""

    def note(self, changes: list[AlertChanged]) -> list[AlertChanged]:
        self.told += [f"{change.alert.key} {change.what}" for change in changes if change.told]
        return changes

    def raised(self, key: str = "a", *, level: Level = "warning", service: str | None = None, detail: str = "") -> None:
        event = AlertRaised(
            source="test", key=key, level=level, code="x", detail=detail, service_id=service, at=at(self.now)
        )
        self.note(self.book.raised(event, at(self.now), self.now))

    def cleared(self, key: str = "a") -> None:
        self.note(self.book.cleared(AlertCleared(source="test", key=key, at=at(self.now)), at(self.now), self.now))

    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.note(self.book.tick(at(self.now)))

    def alert(self, key: str = "a") -> Alert:
        return self.book.active["test", key]


def window(start: float, end: float, **more: object) -> MaintenanceWindow:
    return MaintenanceWindow(start=at(start), end=at(end), **more)  # pyright: ignore[reportArgumentType] - passed on


def test_an_alert_is_told_when_it_is_raised_and_when_it_is_over_and_not_in_between() -> None:
    story = Story()
    story.raised()
    story.tick(5)
    story.raised()
    story.raised(detail="another word for it")
    story.tick(60)
    story.cleared()
    story.cleared()
    story.tick(60)
    assert story.told == ["a fired", "a cleared"]


def test_its_end_says_how_long_it_lasted_whatever_the_clock_was_set_to() -> None:
    book = Book()
    book.raised(AlertRaised(source="s", key="k", level="info", code="x", detail="", at=at(0)), at(0), 100.0)
    (change,) = book.cleared(AlertCleared(source="s", key="k", at=at(-3600)), at(-3600), 190.0)
    assert change.alert.duration == timedelta(seconds=90)


def test_an_alert_that_becomes_worse_is_told_again_and_one_that_becomes_better_is_not() -> None:
    story = Story()
    for level in ("warning", "critical", "warning", "critical", "info"):
        story.raised(level=level)
    assert story.told == ["a fired", "a fired"]
    assert story.alert().level == "info"


def test_within_maintenance_nothing_is_told_and_afterwards_what_still_is_so() -> None:
    story = Story(Book(configured=(window(10, 100),)))
    story.raised("before")
    story.tick(20)
    story.raised("during")
    story.raised("short")
    assert story.alert("during").muted == "maintenance"
    story.tick(20)
    story.cleared("short")
    story.cleared("before")
    assert story.told == ["before fired"]
    story.tick(59.9)
    assert story.told == ["before fired"]
    story.tick(0.1)
    assert story.told == ["before fired", "during fired", "before cleared"]
    story.cleared("during")
    assert story.told[-1] == "during cleared"
    assert not story.book.waits


def test_a_silenced_alert_is_told_to_be_over_once_the_silence_is() -> None:
    story = Story()
    story.raised()
    story.note(story.book.silence(story.alert().number, at(100), at(0)))
    story.tick(10)
    story.cleared()
    assert story.told == ["a fired"]
    story.tick(95)
    assert story.told == ["a fired", "a cleared"]


def test_a_silence_that_is_ended_early_tells_at_once() -> None:
    story = Story()
    story.note(story.book.silence_rule(Silence(pattern="a*", until=at(1000)), at(0)))
    story.raised("apple/web")
    story.raised("banana")
    assert story.told == ["banana fired"]
    story.note(story.book.silence_rule(Silence(pattern="a*", until=at(0)), at(0)))
    assert story.told == ["banana fired", "apple/web fired"]
    assert story.book.silences == {}


def test_a_window_at_run_time_mutes_until_it_is_removed_or_over() -> None:
    story = Story()
    story.note(story.book.open_window(Standing(1, window(0, 50)), at(0)))
    story.note(story.book.open_window(Standing(2, window(0, 500)), at(0)))
    story.raised()
    story.tick(60)
    assert list(story.book.windows) == [2]
    assert story.told == []
    story.note(story.book.close_window(2, at(story.now)))
    assert story.told == ["a fired"]
    with pytest.raises(WindowNotFound):
        story.book.close_window(2, at(story.now))


def test_within_the_cooldown_the_same_alert_is_told_only_if_it_lasts_beyond_it() -> None:
    story = Story(Book(cooldown=lambda _: 100.0))
    story.raised()
    story.tick(10)
    story.cleared()
    story.tick(10)
    story.raised()
    story.cleared()
    story.raised()
    assert story.alert().muted == "cooldown"
    assert story.told == ["a fired", "a cleared"]
    story.tick(80)
    assert story.told == ["a fired", "a cleared", "a fired"]


def test_an_acknowledged_alert_says_who_has_seen_it_and_is_told_to_be_over() -> None:
    story = Story()
    story.raised()
    (change,) = story.book.acknowledge(story.alert().number, by="kim", comment="볼게요", now=at(5))
    assert (change.alert.acknowledged_by, change.alert.comment, change.alert.acknowledged_at) == (
        "kim",
        "볼게요",
        at(5),
    )
    story.cleared()
    assert story.told == ["a fired", "a cleared"]


def test_what_is_over_cannot_be_commanded_any_more() -> None:
    story = Story()
    story.raised()
    number = story.alert().number
    story.cleared()
    with pytest.raises(AlertNotFound, match=f"no active alert 'alert_{number}'"):
        story.book.acknowledge(number, by=None, comment=None, now=at(0))


def test_there_are_never_more_than_anybody_could_read() -> None:
    story = Story()
    for number in range(MAX_ACTIVE + 3):
        story.raised(str(number))
    assert (len(story.book.active), story.book.refused) == (MAX_ACTIVE, 3)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("raise"), st.sampled_from("ab"), st.sampled_from(["info", "warning", "critical"])),
        st.tuples(st.just("clear"), st.sampled_from("ab"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 100]), st.none()),
        st.tuples(st.just("silence"), st.sampled_from("ab"), st.sampled_from([0, 50])),
        st.tuples(st.just("window"), st.sampled_from([10, 60]), st.none()),
    ),
    max_size=40,
)


@given(steps, st.sampled_from([0.0, 40.0]))
def test_every_raising_and_every_end_is_told_once_and_nothing_while_it_is_muted(
    script: list[tuple[str, object, object]], cooldown: float
) -> None:
    story = Story(Book(cooldown=lambda _: cooldown))
    quiet: dict[str, float] = {}
    window_until = 0.0
    fired: dict[int, list[Level]] = {}
    ended: dict[int, int] = {}

    def check(changes: list[AlertChanged]) -> None:
        for change in changes:
            if not change.told:
                continue
            alert = change.alert
            assert story.now >= window_until, "told within maintenance"
            assert story.now >= quiet.get(alert.key, 0.0), "told while silenced"
            if change.what == "fired":
                fired.setdefault(alert.number, []).append(alert.level)
            else:
                ended[alert.number] = ended.get(alert.number, 0) + 1

    for number, (what, first, second) in enumerate(script):
        now = at(story.now)
        match what:
            case "raise":
                event = AlertRaised(source="test", key=str(first), level=second, code="x", detail="", at=now)  # pyright: ignore[reportArgumentType] - a level
                check(story.book.raised(event, now, story.now))
            case "clear":
                check(story.book.cleared(AlertCleared(source="test", key=str(first), at=now), now, story.now))
            case "wait":
                story.now += float(str(first))
                check(story.book.tick(at(story.now)))
            case "silence":
                quiet[str(first)] = story.now + float(str(second))
                check(story.book.silence_rule(Silence(pattern=str(first), until=at(quiet[str(first)])), now))
            case _:
                window_until = max(window_until, story.now + float(str(first)))
                opened = Standing(number + 1, window(story.now, story.now + float(str(first))))
                check(story.book.open_window(opened, now))
    story.now += 10_000
    check(story.book.tick(at(story.now)))
    assert not story.book.waits
    ranks = ["info", "warning", "critical"]
    for levels in fired.values():
        assert levels == sorted(set(levels), key=ranks.index), "told twice at a level, or of something better"
    lasting = {alert.number for alert in story.book.active.values()}
    assert lasting <= set(fired), "what lasts, and is not muted, is told"
    assert set(ended) == set(fired) - lasting, "what was told to be wrong is told to be over"
    assert set(ended.values()) <= {1}
