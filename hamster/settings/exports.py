"""Settings as a document to carry elsewhere: made, kept for an hour to be fetched, and read again."""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

import attrs

from hamster.settings.overlay import Table

Format = Literal["json", "yaml"]
KEPT = 20
"""Exports that can be fetched; the oldest goes."""
LIFETIME = timedelta(hours=1)


class UnreadableDocument(Exception):
    """No settings can be read out of it; says why."""


@attrs.frozen
class Export:
    """A document that can be fetched for a while."""

    name: str
    content: bytes
    content_type: str
    expires_at: datetime


class Exports:
    """Those that can be fetched, in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, Export] = {}

    def add(self, document: Table, form: Format) -> Export:
        """Keep *document* for a while, as JSON or YAML."""
        now = datetime.now(UTC)
        name = f"settings-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.{form}"
        content_type = "application/json" if form == "json" else "application/yaml"
        export = Export(name, encoded(document, form), content_type, now + LIFETIME)
        self._kept[name] = export
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return export

    def find(self, name: str) -> Export | None:
        """The one of that name; None when there is none any more."""
        found = self._kept.get(name)
        if found is not None and found.expires_at <= datetime.now(UTC):
            del self._kept[name]
            return None
        return found


def encoded(document: Table, form: Format) -> bytes:
    """*document* as text."""
    if form == "json":
        return json.dumps(document, ensure_ascii=False, indent=2).encode()
    import yaml  # takes a moment, and is seldom wanted

    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False).encode()


def decoded(content: bytes) -> Mapping[str, object]:
    """The settings in a document, JSON or YAML; those below `settings` where it has that.

    Raises:
        UnreadableDocument: There are none.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableDocument(f"it is not UTF-8 (byte {error.start})") from None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = _yaml(text)
    if not isinstance(found, dict):
        raise UnreadableDocument("it holds no table of settings")
    table = cast("dict[str, object]", found)
    inner = table.get("settings")
    return cast("dict[str, object]", inner) if isinstance(inner, dict) else table


def _yaml(text: str) -> object:
    import yaml

    class Loader(yaml.SafeLoader):
        """Without aliases: a few lines of them can stand for gigabytes."""

        def compose_node(self, parent: object, index: object) -> object:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases are not allowed")
            return super().compose_node(parent, index)

    loader: Loader | None = None
    try:
        loader = Loader(text)
        return loader.get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableDocument(" ".join(str(error).split())[:200]) from None
    finally:
        if loader is not None:
            loader.dispose()
