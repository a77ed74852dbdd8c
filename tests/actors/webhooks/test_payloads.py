"""What each kind of receiver gets, within its limits."""

import json
from collections.abc import Mapping

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.webhooks.messages import WebhookType
from actors.webhooks.payloads import CUT, DISCORD_LONGEST, DOORAY_LONGEST, FENCE, SLACK_LONGEST, cut, payload
from actors.webhooks.rows import Waiting

NOTICE = Waiting(7, "key", "uid", "https://h/", "generic", "hello", None, {}, 1_704_067_200.0, 1, 1_704_067_200.0)
TEXTS = st.text(st.sampled_from("ab <&`\n🏢👩‍💻é한́"), max_size=80)


def of(webhook_type: WebhookType, message: str) -> Mapping[str, object]:
    return payload(attrs.evolve(NOTICE, webhook_type=webhook_type, message=message))


def test_discord_may_mention_nobody() -> None:
    assert of("discord", "@everyone hello") == {"content": "@everyone hello", "allowed_mentions": {"parse": []}}


def test_slack_gets_its_three_characters_escaped_once() -> None:
    assert of("slack", "<!channel> a & b &amp;") == {"text": "&lt;!channel&gt; a &amp; b &amp;amp;"}


def test_dooray_is_told_who_speaks() -> None:
    assert of("dooray", "hello") == {"botName": "WatchHamster", "text": "hello"}


def test_anybody_else_gets_all_there_is() -> None:
    assert payload(attrs.evolve(NOTICE, template_id="news", variables={"title": "소식"})) == {
        "id": "webhook_7",
        "message": "hello",
        "template_id": "news",
        "variables": {"title": "소식"},
        "created_at": "2024-01-01T00:00:00.000+00:00",
    }


@pytest.mark.parametrize(
    ("webhook_type", "key", "longest"),
    [("discord", "content", DISCORD_LONGEST), ("slack", "text", SLACK_LONGEST), ("dooray", "text", DOORAY_LONGEST)],
)
@pytest.mark.parametrize("letter", ["a", "한", "🏢", "&", "<"])
def test_a_long_text_is_cut_at_what_the_receiver_takes(
    webhook_type: WebhookType, key: str, longest: int, letter: str
) -> None:
    text = of(webhook_type, letter * 100_000)[key]
    assert isinstance(text, str)
    utf_16_units = len(text.encode("utf-16-le")) // 2
    assert longest - 20 < utf_16_units <= longest
    assert text.endswith(CUT)
    if webhook_type == "slack":
        assert text.removesuffix(CUT).replace("&amp;", "").replace("&lt;", "").isalnum() or letter in "&<🏢"
    json.dumps(text)


@given(TEXTS, st.integers(8, 60))
def test_a_text_is_left_alone_or_cut_between_characters_and_with_its_fence_closed(text: str, longest: int) -> None:
    found = cut(text, longest)
    assert len(found.encode("utf-16-le")) // 2 <= longest
    if len(text.encode("utf-16-le")) // 2 <= longest:
        assert found == text
        return
    kept, _, rest = found.rpartition(CUT)
    assert text.startswith(kept)
    assert rest in ("", "\n" + FENCE)
    assert (kept.count(FENCE) % 2 == 1) == bool(rest)
    following = text[len(kept)]
    assert not kept or following not in "\u200d\u0301", "a mark without a letter has nothing to be cut from"
    assert not kept.endswith("\u200d")
