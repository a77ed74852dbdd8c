"""Cards within what each kind of receiver takes, whatever is in them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.webhooks.cards import Card, Field
from actors.webhooks.enhanced import MESSAGE_TYPES, MessageType, card_of
from actors.webhooks.markup import escaped
from actors.webhooks.messages import TYPES, WebhookType
from actors.webhooks.payloads import payload
from actors.webhooks.rows import Waiting

LONG = st.text(max_size=8000) | st.sampled_from(["x" * 7000, "👩‍👩‍👧" * 900, "<!channel> & " * 700, "@everyone", ""])
CARDS = st.builds(
    Card,
    title=LONG,
    body=LONG,
    color=st.integers(0, 0xFFFFFF),
    fields=st.lists(st.builds(Field, name=LONG, value=LONG), max_size=40).map(tuple),
    footer=LONG,
)


def waiting(kind: WebhookType, card: Card) -> Waiting:
    return Waiting(1, "k", "u", "https://x.example/", kind, card.text, None, {}, 0.0, 1, 0.0, card=card)


def shaped(kind: WebhookType, card: Card) -> dict[str, Any]:
    """What the receiver is sent, as it reads it."""
    return json.loads(json.dumps(payload(waiting(kind, card))))


def units(text: str) -> int:
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


@given(CARDS)
def test_an_embed_is_within_discords_limits(card: Card) -> None:
    (embed,) = shaped("discord", card)["embeds"]
    texts = [embed["title"], embed.get("description", ""), embed.get("footer", {}).get("text", "")]
    fields = embed.get("fields", [])
    assert units(texts[0]) <= 256
    assert units(texts[1]) <= 4096
    assert len(fields) <= 25
    for field in fields:
        assert 0 < units(field["name"]) <= 256
        assert 0 < units(field["value"]) <= 1024
    whole = sum(map(units, texts)) + sum(units(f["name"]) + units(f["value"]) for f in fields)
    assert whole <= 6000


@given(CARDS)
def test_blocks_are_within_slacks_limits_and_mention_nobody(card: Card) -> None:
    blocks = shaped("slack", card)["blocks"]
    assert len(blocks) <= 50
    for block in blocks:
        match block["type"]:
            case "header":
                assert len(block["text"]["text"]) <= 150
            case "section" if "text" in block:
                assert len(block["text"]["text"]) <= 3000
                assert "<" not in block["text"]["text"]
            case "section":
                assert len(block["fields"]) <= 10
                assert all(len(field["text"]) <= 2000 and "<" not in field["text"] for field in block["fields"])
            case _:
                assert block["type"] == "context"


@pytest.mark.parametrize("kind", MESSAGE_TYPES)
def test_what_the_data_does_not_say_is_a_dash_and_what_it_says_is_shown(kind: MessageType) -> None:
    bare = card_of(kind, {})
    assert {field.value for field in bare.fields} == {"-"}
    told = card_of(kind, {"timestamp": "now", "message": "own text", "unknown": "x"})
    assert (told.body, told.fields[-1].value) == ("own text", "now")
    for shape in TYPES:
        assert "own text" in json.dumps(shaped(shape, told))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**bold** and `code`", "\\*\\*bold\\*\\* and \\`code\\`"),
        ("snake_case stays, _this_ not", "snake_case stays, \\_this\\_ not"),
        ("see https://a.example/b_c*d now", "see https://a.example/b_c*d now"),
        ("[click](http://evil.example/)", "\\[click\\](http://evil.example/)"),
        ("# no heading\n> no quote", "\\# no heading\n\\> no quote"),
        ("2026-11-26 12:00:00", "2026-11-26 12:00:00"),
        ("||spoiler||", "\\|\\|spoiler\\|\\|"),
    ],
)
def test_text_from_outside_is_shown_as_it_is(text: str, shown: str) -> None:
    assert escaped(text) == shown
