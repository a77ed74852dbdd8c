"""Which answers are worth another attempt, when, and for how long."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.webhooks.rules import DAY, Attempt, RetryPolicy, answered, next_attempt, rest, retry_after
from tests.actors.services.yard import seeded

POLICY = RetryPolicy()
NOW = 1_704_067_200.0
AGAIN = Attempt(0.1, 500, "answered 500", again=True)


@pytest.mark.parametrize(
    ("statuses", "sent", "again"),
    [
        ((200, 201, 202, 204, 299), True, False),
        ((408, 429, 500, 501, 502, 503, 504, 599), False, True),
        ((301, 302, 303, 307, 308), False, False),
        ((400, 401, 403, 404, 405, 409, 410, 413, 415, 422), False, False),
    ],
)
def test_an_answer_says_whether_it_arrived_and_whether_to_try_again(
    statuses: tuple[int, ...], sent: bool, again: bool
) -> None:
    for status in statuses:
        attempt = answered(status, "why", 0.1, 3.0)
        assert (attempt.sent, attempt.again) == (sent, again), status
        assert attempt.retry_after == (3.0 if again else None)


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        ("120", b"", 120.0),
        ("0.5", b"", 0.5),
        ("Mon, 01 Jan 2024 00:02:00 GMT", b"", 120.0),
        ("Sun, 31 Dec 2023 23:00:00 GMT", b"", 0.0),
        (None, b'{"retry_after": 0.61}', 0.61),
        ("7", b'{"retry_after": 0.61}', 7.0),
        ("soon", b"", None),
        (None, b"", None),
        (None, b"[1]", None),
        (None, b'{"retry_after": "1"}', None),
        (None, b'{"retry_after": true}', None),
        (None, b"\xff\xfe", None),
        (None, b"[" * 10_000, None),
        ("nan", b"", None),
        ("-5", b"", 0.0),
        ("1e300", b"", 2 * DAY),
        ("Mon, 01 Jan 99999 00:00:00 GMT", b"", None),
    ],
)
def test_how_long_to_wait_is_read_from_wherever_it_stands(
    header: str | None, body: bytes, seconds: float | None
) -> None:
    assert retry_after(header, body, NOW) == pytest.approx(seconds)


@given(st.integers(1, 20), st.floats(0, 2 * DAY), st.none() | st.floats(0, 2 * DAY), st.randoms(use_true_random=False))
def test_it_is_tried_so_often_within_a_day_and_never_before_it_was_asked_to(
    attempts: int, elapsed: float, asked: float | None, random: Random
) -> None:
    attempt = Attempt(0.1, 503, "answered 503", again=True, retry_after=asked)
    at = next_attempt(POLICY, attempt, attempts=attempts, first_at=NOW - elapsed, now=NOW, random=random)
    if at is None:
        longest = max(POLICY.backoff.ceiling(attempts - 1), asked or 0.0)
        assert attempts >= POLICY.attempts or elapsed + longest > DAY - 1e-3
        return
    assert attempts < POLICY.attempts
    assert at <= NOW - elapsed + POLICY.within
    assert at >= NOW + max(asked or 0.0, POLICY.backoff.ceiling(attempts - 1) / 2) - 1e-3


def test_a_receiver_that_is_down_for_hours_still_gets_it() -> None:
    at, attempts, random = NOW, 1, seeded()
    while (
        following := next_attempt(POLICY, AGAIN, attempts=attempts, first_at=NOW, now=at, random=random)
    ) is not None:
        assert following > at
        at, attempts = following, attempts + 1
    assert 6 * 3600 < at - NOW <= DAY


@pytest.mark.parametrize("attempt", [Attempt(0.1, 204), Attempt(0.1, 404, "answered 404"), Attempt(0.1, None, "TLS")])
def test_what_is_done_or_hopeless_is_not_tried_again(attempt: Attempt) -> None:
    assert next_attempt(POLICY, attempt, attempts=1, first_at=NOW, now=NOW, random=seeded()) is None


def test_a_receiver_is_left_alone_when_it_asks_for_it_or_cannot_be_reached() -> None:
    random = seeded()
    assert rest(Attempt(0.1, 204), 0, random) == 0.0
    assert rest(AGAIN, 1, random) == 0.0, "it may refuse one and take the next"
    assert rest(Attempt(0.1, 429, "answered 429", again=True, retry_after=3.0), 1, random) == 3.0
    away = Attempt(0.1, None, "cannot connect", again=True)
    assert 0.0 < max(rest(away, 50, random) for _ in range(50)) <= 60.0
    assert max(rest(away, 1, random) for _ in range(50)) <= 1.0
