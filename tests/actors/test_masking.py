"""What a log may show of a text that holds secrets."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.masking import mask_secrets

SECRET = "s3cr3t-t0ken_ABCdef"  # noqa: S105 - nobody's


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "POST https://discord.com/api/webhooks/1234567890/{0}",
            "POST https://discord.com/api/webhooks/1234567890/***",
        ),
        ("POST /api/webhooks/123456789012345678/{0}?wait=true", "POST /api/webhooks/123456789012345678/***?wait=true"),
        ("b'/services/T0AAAA/B0BBBB/{0}'", "b'/services/T0AAAA/B0BBBB/***'"),
        ("https://hooks.slack.com/services/T0/B0/{0} said no", "https://hooks.slack.com/services/T0/B0/*** said no"),
        ("git fetch https://me:{0}@example.org/a.git", "git fetch https://***@example.org/a.git"),
        ("GET http://127.0.0.1/ws?token={0}&a=b", "GET http://127.0.0.1/ws?token=***&a=***"),
        ("Authorization: Bearer {0}", "Authorization: Bearer ***"),
        ("headers={{'authorization': 'Bearer {0}'}}", "headers={{'authorization': ***}}"),
        ("authorization=Basic {0}", "authorization=Basic ***"),
        ('{{"password": "{0}", "user": "me"}}', '{{"password": ***, "user": "me"}}'),
        ("db_password={0} db_user=me", "db_password=*** db_user=me"),
        ("api-key: {0}, next", "api-key: ***, next"),
        ("signed with whsec_{0}", "signed with whsec_***"),
    ],
)
def test_a_secret_is_masked_wherever_it_stands(text: str, shown: str) -> None:
    assert mask_secrets(text.format(SECRET)) == shown.format()


@pytest.mark.parametrize(
    "text",
    [
        "service.exited service=token-refresher how='exit 1' next=again",
        "see https://example.org/a/b#c for basic help",
        "webhook.failed id=webhook_1 to=https://example.org/hook attempts=2",
        "GET /api/webhooks/history?limit=5",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert mask_secrets(text) == text


@pytest.mark.parametrize(
    "text",
    ["http://" + "y" * 300_000, "y" * 300_000 + "://x", "a://" * 75_000, "a://?" * 60_000, "a://b@" * 50_000],
    ids=["a host", "a scheme", "schemes", "queries", "users"],
)
def test_a_long_text_is_masked_in_time_that_grows_with_its_length(text: str) -> None:
    began = time.process_time()
    mask_secrets(text)
    assert time.process_time() - began < 2.0, "minutes, where it grows with the square"


@given(st.text(), st.text())
def test_a_bearer_token_never_survives_whatever_stands_around_it(before: str, after: str) -> None:
    assert SECRET not in mask_secrets(f"{before} Bearer {SECRET} {after}")


@given(st.text())
def test_masking_a_masked_text_changes_nothing(text: str) -> None:
    once = mask_secrets(f"https://me:{SECRET}@h/?a={text} password={SECRET}")
    assert mask_secrets(once) == once
