"""Templates as the store has them."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import cast

import attrs

from actors.webhooks.messages import UnknownTemplate, WebhookType
from actors.webhooks.templates import variables_of

TEMPLATES = 1000
"""That there may be."""


class TemplateExists(Exception):
    """There is a template of this id."""

    def __init__(self, template_id: str) -> None:
        super().__init__(f"there is a webhook template {template_id!r} already; change it, or choose another id")
        self.template_id = template_id


class TooManyTemplates(Exception):
    """There is no room for another."""

    def __init__(self) -> None:
        super().__init__(f"there are {TEMPLATES} webhook templates already; delete one first")


@attrs.frozen(kw_only=True)
class Template:
    """A text with names in it that values are put in for."""

    id: str
    name: str
    description: str
    webhook_type: WebhookType
    template: str
    created_at: datetime
    updated_at: datetime

    @property
    def variables(self) -> tuple[str, ...]:
        """The names in it, in order of appearance; none where it cannot be rendered."""
        try:
            return variables_of(self.template)
        except ValueError:
            return ()


_COLUMNS = "id, name, description, webhook_type, template, created_at, updated_at"


def listed(connection: sqlite3.Connection) -> Sequence[Template]:
    """All of them, the oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM webhook_templates ORDER BY created_at, rowid")  # noqa: S608 - ours
    return [_template(row) for row in rows]


def one(template_id: str) -> Callable[[sqlite3.Connection], Template]:
    """One of them. Raises `UnknownTemplate`."""

    def query(connection: sqlite3.Connection) -> Template:
        row = connection.execute(f"SELECT {_COLUMNS} FROM webhook_templates WHERE id = ?", (template_id,)).fetchone()  # noqa: S608 - ours
        if row is None:
            raise UnknownTemplate(template_id)
        return _template(row)

    return query


def add(
    template_id: str, name: str, description: str, webhook_type: WebhookType, template: str
) -> Callable[[sqlite3.Connection], Template]:
    """A new one.

    Raises:
        InvalidTemplate: Its text has a field that is no bare name.
        TemplateExists: There is one of that id.
        TooManyTemplates: There is no room.
    """
    variables_of(template)

    def transaction(connection: sqlite3.Connection) -> Template:
        if connection.execute("SELECT 1 FROM webhook_templates WHERE id = ?", (template_id,)).fetchone():
            raise TemplateExists(template_id)
        if connection.execute("SELECT count(*) FROM webhook_templates").fetchone()[0] >= TEMPLATES:
            raise TooManyTemplates
        now = time.time()
        values = (template_id, name, description, webhook_type, template, now, now)
        connection.execute(f"INSERT INTO webhook_templates ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608 - ours
        return one(template_id)(connection)

    return transaction


def change(template_id: str, **changes: str) -> Callable[[sqlite3.Connection], Template]:
    """Change some of `name`, `description`, `webhook_type` and `template`. Raises as `add`, and `UnknownTemplate`."""
    if "template" in changes:
        variables_of(changes["template"])

    def transaction(connection: sqlite3.Connection) -> Template:
        one(template_id)(connection)
        for column, value in changes.items():
            connection.execute(f"UPDATE webhook_templates SET {column} = ? WHERE id = ?", (value, template_id))  # noqa: S608 - ours
        connection.execute("UPDATE webhook_templates SET updated_at = ? WHERE id = ?", (time.time(), template_id))
        return one(template_id)(connection)

    return transaction


def remove(template_id: str) -> Callable[[sqlite3.Connection], None]:
    """Delete one; what was made of it is sent all the same. Raises `UnknownTemplate`."""

    def transaction(connection: sqlite3.Connection) -> None:
        if not connection.execute("DELETE FROM webhook_templates WHERE id = ?", (template_id,)).rowcount:
            raise UnknownTemplate(template_id)

    return transaction


def _template(row: Sequence[object]) -> Template:
    template_id, name, description, kind, text, created, updated = row
    return Template(
        id=cast("str", template_id),
        name=cast("str", name),
        description=cast("str", description),
        webhook_type=cast("WebhookType", kind),
        template=cast("str", text),
        created_at=datetime.fromtimestamp(cast("float", created), UTC),
        updated_at=datetime.fromtimestamp(cast("float", updated), UTC),
    )
