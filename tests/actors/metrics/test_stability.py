"""The tally of failures: against a list of everything."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.metrics import NaiveInstant, ServiceFailure, Stability
from actors.metrics.stability import LOOK_BACK, MAX_ERROR_CHARS

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)

# What happens: who, whether it fails, and how many minutes after the one before.
happenings = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from([0, 1, 60, 600])), max_size=60)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


@given(happenings, st.integers(3, 12), st.integers(0, 2000))
def test_counts_are_of_everything_in_24_hours_and_the_list_of_the_newest(
    events: list[tuple[str, bool, int]], limit: int, later: int
) -> None:
    stability = Stability(limit)
    failures: list[tuple[str, datetime]] = []
    recoveries: list[tuple[str, datetime]] = []
    down: set[str] = set()
    now = NOON
    for service, fails, wait in events:
        now += timedelta(minutes=wait)
        if fails:
            stability.failure(service, "exit 1", now)
            failures.append((service, now))
            down.add(service)
        else:
            stability.recovered(service, now)
            if service in down:
                recoveries.append((service, now))
            down.discard(service)
    now += timedelta(minutes=later)

    view = stability.view(now)

    recent = [(service, at) for service, at in failures if at >= now - LOOK_BACK]
    listed = [(service, at) for service, at in failures[-limit:] if at >= now - LOOK_BACK]
    assert view.error_count == len(recent)
    assert view.recovery_count == sum(at >= now - LOOK_BACK for _, at in recoveries)
    assert [(failure.service_id, failure.timestamp) for failure in view.failures] == listed
    assert view.dropped_failures == len(recent) - len(listed)
    # The last failure of a service that is down is open, and so is none of one that runs.
    assert {failure.service_id for failure in view.failures if not failure.resolved} == down & {
        service for service, _ in listed
    }


def test_a_recovery_resolves_all_failures_of_its_service_and_of_no_other() -> None:
    stability = Stability()
    for minute, service in enumerate(["a", "b", "a"]):
        stability.failure(service, f"exit {minute}", minutes(minute))
    stability.recovered("a", minutes(3))
    stability.failure("a", "exit 9", minutes(4))
    assert stability.view(minutes(5)).failures == (
        ServiceFailure("a", "exit 0", minutes(0), resolved=True),
        ServiceFailure("b", "exit 1", minutes(1), resolved=False),
        ServiceFailure("a", "exit 2", minutes(2), resolved=True),
        ServiceFailure("a", "exit 9", minutes(4), resolved=False),
    )


def test_a_start_without_a_failure_is_no_recovery() -> None:
    stability = Stability()
    stability.recovered("a", minutes(0))
    stability.failure("a", "exit 1", minutes(1))
    stability.recovered("a", minutes(2))
    stability.recovered("a", minutes(3))
    assert stability.view(minutes(4)).recovery_count == 1


def test_a_service_down_for_longer_than_a_day_still_recovers() -> None:
    stability = Stability()
    stability.failure("a", "exit 1", minutes(0))
    stability.recovered("a", minutes(2000))
    view = stability.view(minutes(2001))
    assert (view.error_count, view.recovery_count, view.failures) == (0, 1, ())


def test_a_crash_loop_of_a_day_stays_bounded_and_is_counted_in_full() -> None:
    stability = Stability(limit=10)
    for second in range(0, 86_400, 5):
        stability.failure("loop", "exit 1", minutes(second / 60))
    view = stability.view(minutes(1440 - 1 / 60))
    assert view.error_count == 17_280
    assert len(view.failures) == 10
    assert view.dropped_failures == 17_270


def test_services_remembered_as_failed_are_bounded() -> None:
    stability = Stability(limit=10)
    for number in range(50):
        stability.failure(f"s{number}", "exit 1", minutes(0))
    for number in range(50):
        stability.recovered(f"s{number}", minutes(1))
    assert stability.view(minutes(2)).recovery_count == 10


def test_the_service_whose_failure_is_oldest_is_forgotten_first() -> None:
    stability = Stability(limit=2)
    for service in ("a", "b", "b"):
        stability.failure(service, "exit 1", minutes(0))
    stability.recovered("a", minutes(1))
    assert stability.view(minutes(2)).recovery_count == 1
    for service in ("a", "b", "a", "c"):
        stability.failure(service, "exit 1", minutes(3))
    stability.recovered("b", minutes(4))
    assert stability.view(minutes(5)).recovery_count == 1


def test_a_failure_after_now_counts_for_it_did_happen() -> None:
    stability = Stability()
    stability.failure("a", "exit 1", minutes(60))
    assert stability.view(minutes(0)).error_count == 1


def test_the_text_of_an_error_is_bounded_and_says_that_it_was_cut() -> None:
    stability = Stability()
    stability.failure("a", "x" * 50_000, minutes(0))
    (failure,) = stability.view(minutes(0)).failures
    assert len(failure.error) == MAX_ERROR_CHARS
    assert failure.error.endswith("…")


def test_an_instant_without_an_offset_is_refused() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(NaiveInstant):
        Stability().failure("a", "exit 1", naive)
    with pytest.raises(NaiveInstant):
        Stability().recovered("a", naive)
    with pytest.raises(NaiveInstant):
        Stability().view(naive)


def test_a_tally_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="limit is 0; expected 1 or more"):
        Stability(0)
