"""What gets into the outbox, with the transaction that it is part of."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from actors.runtime import Bus
from actors.store import open_store
from actors.webhooks import messages
from actors.webhooks.messages import (
    MIGRATIONS,
    InvalidNotice,
    MissingVariable,
    Notice,
    NoticeError,
    UnknownTemplate,
    put_notice,
    type_of,
)
from actors.webhooks.templates import variables_of

PLAIN = Notice("one", "https://example.com/hook?token=1", "generic", message="hello")


def rows(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    return connection.execute("SELECT key, message, status FROM webhooks ORDER BY number").fetchall()


async def test_a_notice_is_there_with_the_rest_of_its_transaction_or_not_at_all(tmp_path: Path) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        put_notice(connection, PLAIN)
        raise RuntimeError("of the transaction")

    async with open_store(tmp_path / "db", Bus(), (MIGRATIONS,)) as store:
        with pytest.raises(RuntimeError):
            await store.write(broken)
        assert await store.read(rows) == []
        assert await store.write(lambda c: put_notice(c, PLAIN)) == 1
        assert await store.read(rows) == [("one", "hello", "pending")]


async def test_the_same_key_is_accepted_once_also_after_opening_again(tmp_path: Path) -> None:
    for expected in (1, None):
        async with open_store(tmp_path / "db", Bus(), (MIGRATIONS,)) as store:
            assert await store.write(lambda c: put_notice(c, PLAIN)) == expected
            assert await store.write(lambda c: put_notice(c, attrs.evolve(PLAIN, message="other"))) is None
            assert await store.read(rows) == [("one", "hello", "pending")]


@pytest.mark.parametrize(
    ("template_id", "variables", "lines"),
    [
        ("posco_news_alert", ("title", "url", "timestamp"), 5),
        ("system_error_alert", ("service_name", "error_message", "timestamp"), 5),
        ("deployment_success", ("branch", "commit_hash", "timestamp"), 5),
    ],
)
async def test_the_templates_of_the_contract_are_there_with_their_variables(
    tmp_path: Path, template_id: str, variables: tuple[str, ...], lines: int
) -> None:
    async with open_store(tmp_path / "db", Bus(), (MIGRATIONS,)) as store:
        find = "SELECT template FROM webhook_templates WHERE id = ?"
        template: str = (await store.read(lambda c: c.execute(find, (template_id,)).fetchone()))[0]
        assert variables_of(template) == variables
        values = {name: f"<{name}>" for name in variables}
        notice = Notice("t", PLAIN.url, "discord", template_id=template_id, variables=values)
        await store.write(lambda c: put_notice(c, notice))
        [(_, message, _)] = await store.read(rows)
        assert len(message.splitlines()) == lines
        assert all(value in message for value in values.values())


async def test_the_news_template_begins_with_the_references_text(tmp_path: Path) -> None:
    async with open_store(tmp_path / "db", Bus(), (MIGRATIONS,)) as store:
        find = "SELECT template FROM webhook_templates WHERE id = 'posco_news_alert'"
        template: str = (await store.read(lambda c: c.execute(find).fetchone()))[0]
        assert template.startswith("🏢 **POSCO 뉴스 업데이트**\n\n📰 **제목**: {title}")


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"template_id": "none"}, UnknownTemplate, "there is no webhook template 'none'"),
        ({"template_id": "deployment_success", "variables": {"branch": "a"}}, MissingVariable, "'commit_hash'"),
        ({"message": " \n"}, InvalidNotice, "the message of the notice is empty"),
        ({"message": None}, InvalidNotice, "the message of the notice is empty"),
        ({"url": "ftp://example.com/"}, InvalidNotice, "the url of the notice is no address"),
        ({"url": "https://example.com/" + 2_029 * "x"}, InvalidNotice, "2,049 characters; expected at most 2,048"),
        ({"url": "https:///path"}, InvalidNotice, "the url of the notice is no address"),
        ({"url": "https://user:word@example.com/"}, InvalidNotice, "the url of the notice is no address"),
        ({"url": "https://example.com:99999/"}, InvalidNotice, "the url of the notice is no address"),
        ({"webhook_type": "pager"}, InvalidNotice, "expected one of discord, slack, dooray, generic"),
    ],
)
async def test_a_notice_that_cannot_be_made_leaves_the_rest_of_the_transaction(
    tmp_path: Path, changes: Mapping[str, object], error: type[NoticeError], says: str
) -> None:
    def both(connection: sqlite3.Connection) -> None:
        with pytest.raises(error, match=says):
            put_notice(connection, attrs.evolve(PLAIN, key="bad", **changes))
        put_notice(connection, PLAIN)

    async with open_store(tmp_path / "db", Bus(), (MIGRATIONS,)) as store:
        await store.write(both)
        assert await store.read(rows) == [("one", "hello", "pending")]


async def test_more_than_may_wait_gives_up_the_oldest_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "WAITING", 3)
    monkeypatch.setattr(messages, "ROOM", 1)
    async with open_store(tmp_path / "db", Bus(), (MIGRATIONS,)) as store:
        for key in "abcde":
            notice = attrs.evolve(PLAIN, key=key)
            await store.write(lambda c, notice=notice: put_notice(c, notice))
        states = [status for _, _, status in await store.read(rows)]
        assert states == ["failed", "failed", "pending", "pending", "pending"]
        find = "SELECT error_message FROM webhooks WHERE key = 'a'"
        assert "more than 3 notices waited" in (await store.read(lambda c: c.execute(find).fetchone()))[0]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://discord.com/api/webhooks/1/abc", "discord"),
        ("https://ptb.discordapp.com/api/webhooks/1/abc", "discord"),
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("https://hook.dooray.com/services/1/2/x", "dooray"),
        ("https://evil-discord.com/api", "generic"),
        ("http://127.0.0.1:8000/", "generic"),
    ],
)
def test_an_address_tells_its_type(url: str, kind: str) -> None:
    assert type_of(url) == kind
