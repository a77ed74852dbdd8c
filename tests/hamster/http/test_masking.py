"""No secret is shown, and what is none can still be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hamster.http.masking import MASK, mask_command, mask_environment, mask_options, mask_text

SECRET = st.text(alphabet="abcXYZ0123456789-_.~+%", min_size=8, max_size=30).map(lambda text: "s3" + text)
NAMES = st.sampled_from(
    [
        "password",
        "DB_PASSWORD",
        "api_key",
        "apiKey",
        "X-Api-Key",
        "token",
        "GITHUB_TOKEN",
        "client-secret",
        "auth",
        "PWD",
    ]
)
SECRET_URLS = [
    "postgres://user:{}@db/name",
    "redis://:{}@localhost",
    "https://{}@host/path",
    "https://host/feed?token={}",
    "https://host/feed?a=1&anything={}#top",
    "https://discord.com/api/webhooks/123456/{}",
    "https://discordapp.com/api/v10/webhooks/123456/{}/slack",
    "https://hooks.slack.com/services/T00/B00/{}",
    "https://hook.dooray.com/services/123/456/{}",
    "https://x.dooray.com/services/123/456/{}/",
]


@given(NAMES, SECRET)
def test_an_environment_shows_its_names_alone(name: str, secret: str) -> None:
    assert mask_environment({name: secret, "LANG": secret}) == {name: MASK, "LANG": MASK}


@given(NAMES, SECRET, st.sampled_from(["--{}={}", "{}={}", "--{} {}", "-{} {}", "{}: {}", "{}:{}", '"{}": "{}"']))
def test_a_value_named_like_a_secret_is_not_shown_wherever_it_stands(name: str, secret: str, form: str) -> None:
    text = form.format(name, secret)
    for shown in (mask_text(text), mask_text(f"run --fast {text} && done"), " ".join(mask_command(["sh", "-c", text]))):
        assert secret not in shown
        assert MASK in shown
        assert name in shown


@given(NAMES, SECRET)
def test_the_word_after_an_option_named_like_a_secret_is_not_shown(name: str, secret: str) -> None:
    assert mask_command(["prog", f"--{name.replace('_', '-')}", secret, "file"])[2:] == [MASK, "file"]


@given(SECRET, st.sampled_from(SECRET_URLS))
def test_an_address_is_shown_without_its_secret(secret: str, address: str) -> None:
    for text in (address.format(secret), f"see {address.format(secret)} now", f'"{address.format(secret)}"'):
        shown = mask_text(text)
        assert secret not in shown
        assert address[: address.index("{")].split("://")[0] in shown
    assert secret not in str(mask_options({"feed": {"addresses": [address.format(secret)]}}))
    assert secret not in str(mask_command(["curl", "-s", address.format(secret)]))


@pytest.mark.parametrize(
    "text",
    [
        "curl -H 'Authorization: Bearer s3cret-value' http://localhost/",
        "Authorization: Basic s3cret-value",
        "mysql --password 's3cret-value' db",
        "PGPASSWORD=s3cret-value psql",
        "postgres://user:p@s3cret-value@db/name",
    ],
)
def test_the_usual_ways_to_pass_a_secret_are_known(text: str) -> None:
    assert "s3cret-value" not in mask_text(text)
    assert "s3cret-value" not in mask_command(["sh", "-c", text])[2]


@pytest.mark.parametrize(
    "text",
    [
        "sleep 1000",
        "python -m http.server --port 8000",
        "https://example.org/a/b.html#part",
        "exit code 3",
        "killed by SIGKILL",
        "KEEP=1",
        "cannot start '/usr/bin/python9': No such file or directory; look at the machine's limits",
        "https://discord.com/channels/1/2",
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(text: str) -> None:
    assert mask_text(text) == text
    assert mask_command(text.split()) == text.split()


def test_options_are_masked_by_their_names_at_any_depth() -> None:
    options = {"url": "http://h/", "auth": {"user": "a"}, "list": [{"token": "x", "n": 1}], "use_token": True}
    assert mask_options(options) == {
        "url": "http://h/",
        "auth": MASK,
        "list": [{"token": MASK, "n": 1}],
        "use_token": True,
    }


def test_an_option_after_a_secret_switch_is_still_an_option() -> None:
    assert mask_command(["prog", "--no-auth", "--verbose", "-v", "x"]) == ["prog", "--no-auth", "--verbose", "-v", "x"]


@given(st.text(max_size=200))
def test_any_text_can_be_masked(text: str) -> None:
    assert isinstance(mask_text(text), str)
    assert len(mask_command([text, text])) == 2
