"""What is to be sent, how it gets into the outbox, and what is told of it."""

import logging
import sqlite3
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import cast, get_args
from urllib.parse import urlsplit

import attrs
import msgspec

from actors.masking import mask_addresses
from actors.setting_rules import LONGEST_WEBHOOK
from actors.settings.feed import WebhookType
from actors.webhooks.cards import Card
from actors.webhooks.markup import escaped
from actors.webhooks.tables import MIGRATIONS
from actors.webhooks.templates import InvalidTemplate, MissingVariable, NoticeError, render

log = logging.getLogger("actors.webhooks")

TYPES: tuple[WebhookType, ...] = get_args(WebhookType)

WAITING = 200_000
"""Notices that may wait; with more the oldest are given up, said and kept as failed."""
ROOM = 100
"""Of so many that are put in, one looks whether there is room: to count what waits takes some milliseconds."""


class UnknownTemplate(NoticeError):
    """There is no template of this id."""

    def __init__(self, template_id: str) -> None:
        super().__init__(f"there is no webhook template {template_id!r}; make it, or name another")
        self.template_id = template_id


class InvalidNotice(NoticeError):
    """A notice that no receiver could take; `field` says where."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"the {field} of the notice {why}")
        self.field = field


class AddressTooLong(InvalidNotice):
    """An address of more characters than any receiver's has."""

    def __init__(self, length: int) -> None:
        super().__init__("url", f"has {length:,} characters; expected at most {LONGEST_WEBHOOK:,}, shorten it")
        self.length = length
        self.limit = LONGEST_WEBHOOK


class ReceiverDisabled(NoticeError):
    """Nothing is sent to this address any more."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{mask_addresses(url)} is disabled: {why}; enable it once that is mended")
        self.why = why


@attrs.frozen
class Notice:
    """A message to be sent once.

    With `template_id` the template with `variables` is what is sent, else `message`, or the `card`.
    """

    key: str
    """Names what is told: the same key is accepted once, for as long as what was sent is remembered (`rows.KEPT`)."""
    url: str
    """http or https; it holds the secret, so it is never logged as it is."""
    webhook_type: WebhookType
    message: str | None = None
    template_id: str | None = None
    variables: Mapping[str, str] = attrs.field(factory=dict[str, str])
    card: Card | None = None
    message_type: str | None = None
    """Of a card: what it is about."""
    priority: str | None = None
    event_type: str | None = None
    """What happened, if it is sent because of that."""
    receiver_id: str | None = None
    """Of the receiver whose address it is, which may have a secret to sign with."""
    private: bool = False
    """Whether the address may be one that is not public."""


@attrs.frozen
class NoticesAdded:
    """Something was put into the outbox; publish it after `put_notice`, once the transaction is given to the store.

    It only saves the wait for the next look, so that one too many or too few does no harm.
    """


@attrs.frozen
class NoticeQueued:
    """A notice is in the outbox."""

    id: str
    key: str
    address: str
    """Masked."""
    webhook_type: WebhookType


@attrs.frozen
class NoticeSent:
    """The receiver took a notice."""

    id: str
    """`webhook_1`, ..."""
    key: str
    address: str
    """Masked."""
    webhook_type: WebhookType
    attempts: int
    response_code: int
    response_time_ms: float


@attrs.frozen
class NoticeFailed:
    """An attempt to send a notice failed."""

    id: str
    key: str
    address: str
    """Masked."""
    webhook_type: WebhookType
    attempts: int
    error: str
    """English, without secrets."""
    response_code: int | None
    next_attempt_at: datetime | None
    """When it is tried again (UTC); None: it is given up."""


def put_notice(connection: sqlite3.Connection, notice: Notice) -> int | None:
    """Put *notice* into the outbox, within a transaction of the store: with the rest of it, or not at all.

    Returns:
        Its number, which its id `webhook_<number>` is made of; None if one with its key is there already.

    Raises:
        UnknownTemplate: There is no template of its id.
        MissingVariable: Its template needs a variable that it does not give.
        InvalidTemplate: Its template was edited into something that cannot be rendered.
        InvalidNotice: Its address is none, or it says nothing.
        ReceiverDisabled: Nothing is sent to its address any more.

    All are `NoticeError`, raised before anything is written: who has more to commit may catch it and go on.
    """
    if connection.execute("SELECT 1 FROM webhooks WHERE key = ?", (notice.key,)).fetchone():
        return None
    receiver = accepted_receiver_of(notice.url)
    if notice.webhook_type not in TYPES:
        raise InvalidNotice("webhook_type", f"is {notice.webhook_type!r}; expected one of {', '.join(TYPES)}")
    disabled = "SELECT disabled_why FROM webhook_addresses WHERE receiver = ? AND disabled_at IS NOT NULL"
    if (row := connection.execute(disabled, (receiver,)).fetchone()) is not None:
        raise ReceiverDisabled(notice.url, row[0])
    text = _text(connection, notice)
    if not text.strip():
        raise InvalidNotice("message", "is empty; say something")
    now = time.time()
    values = {
        "key": notice.key,
        "uid": uuid.uuid4().hex,
        "receiver": receiver,
        "url": notice.url,
        "webhook_type": notice.webhook_type,
        "message": text,
        "template_id": notice.template_id,
        "variables": msgspec.json.encode(dict(notice.variables)).decode(),
        "created_at": now,
        "status": "pending",
        "next_attempt_at": now,
        "sent_at": now,
        "card": None if notice.card is None else msgspec.json.encode(notice.card).decode(),
        "message_type": notice.message_type,
        "priority": notice.priority,
        "event_type": notice.event_type,
        "receiver_id": notice.receiver_id,
        "private": int(notice.private),
    }
    columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    cursor = connection.execute(f"INSERT INTO webhooks ({columns}) VALUES ({places})", values)  # noqa: S608 - ours
    number = cursor.lastrowid
    if number is not None and number % ROOM == 0:
        _make_room(connection)
    return number


def accepted_receiver_of(url: str) -> str:
    """`receiver_of` an address that comes in: what is stored already is not looked at for its length.

    Raises:
        AddressTooLong: It has more than `LONGEST_WEBHOOK` characters.
        InvalidNotice: As `receiver_of`.
    """
    if len(url) > LONGEST_WEBHOOK:
        raise AddressTooLong(len(url))
    return receiver_of(url)


def receiver_of(url: str) -> str:
    """Who an address belongs to, for one sender each: its host, port and path.

    Raises:
        InvalidNotice: It is no http or https address with a host, or names a user.
    """
    expected = "expected an http or https address without user and password"
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise InvalidNotice("url", f"is no address to send to; {expected}") from None
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise InvalidNotice("url", f"is no address to send to; {expected}")
    return f"{parts.hostname.lower()}:{port}{parts.path}"


def type_of(url: str) -> WebhookType:
    """What an address looks like: Discord's, Slack's or Dooray's, else `generic`."""
    host = (urlsplit(url).hostname or "").lower()
    suffixes: Mapping[str, WebhookType] = {
        "discord.com": "discord",
        "discordapp.com": "discord",
        "slack.com": "slack",
        "dooray.com": "dooray",
    }
    for suffix, kind in suffixes.items():
        if host == suffix or host.endswith(f".{suffix}"):
            return kind
    return "generic"


def _text(connection: sqlite3.Connection, notice: Notice) -> str:
    if notice.template_id is None:
        return notice.message or ("" if notice.card is None else notice.card.text)
    row = connection.execute("SELECT template FROM webhook_templates WHERE id = ?", (notice.template_id,)).fetchone()
    if row is None:
        raise UnknownTemplate(notice.template_id)
    variables = notice.variables
    if notice.webhook_type == "discord":  # what has come from outside is no markup of ours
        variables = {name: escaped(value) for name, value in variables.items()}
    return render(cast("str", row[0]), variables, notice.template_id)


def _make_room(connection: sqlite3.Connection) -> None:
    waiting: int = connection.execute("SELECT count(*) FROM webhooks WHERE status = 'pending'").fetchone()[0]
    if waiting <= WAITING:
        return
    error = f"given up: more than {WAITING} notices waited to be sent"
    oldest = "SELECT number FROM webhooks WHERE status = 'pending' ORDER BY number LIMIT ?"
    connection.execute(
        f"UPDATE webhooks SET status = 'failed', next_attempt_at = NULL, error_message = ? WHERE number IN ({oldest})",  # noqa: S608 - ours
        (error, waiting - WAITING),
    )
    log.warning("webhooks.outbox_full waiting=%d next=give_up_oldest", waiting)


__all__ = [
    "MIGRATIONS",
    "AddressTooLong",
    "InvalidNotice",
    "InvalidTemplate",
    "MissingVariable",
    "Notice",
    "NoticeError",
    "NoticeFailed",
    "NoticeQueued",
    "NoticeSent",
    "NoticesAdded",
    "ReceiverDisabled",
    "UnknownTemplate",
    "WebhookType",
    "accepted_receiver_of",
    "put_notice",
    "receiver_of",
    "type_of",
]
