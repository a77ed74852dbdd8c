"""What is sent of news, as webhooks."""

import datetime as dt
import logging
import sqlite3
from collections.abc import Mapping, Sequence

import attrs

from actors.services.monitors.feed.table import NewsRow, Told
from actors.settings import FeedOptions
from actors.webhooks.messages import InvalidNotice, Notice, NoticeError, put_notice, type_of

log = logging.getLogger("actors.services.feed")

TITLES = 3
"""Of a sum of items, so many are named."""


@attrs.frozen
class Mail:
    """Puts the news of one feed into the outbox."""

    service: str
    endpoint: str
    options: FeedOptions
    zones: Mapping[str, dt.tzinfo]
    """Of each source: the one its times are shown in."""

    def send(self, connection: sqlite3.Connection, rows: Sequence[NewsRow]) -> None:
        """One notice for each item that is told alone, before them one for the rest of each source.

        Called within the transaction that remembers them. A notice that cannot be made is logged: the news is news all
        the same.
        """
        for source in dict.fromkeys(row.source for row in rows):
            own = [row for row in rows if row.source == source]
            summed = [row for row in own if row.told is Told.SUMMED]
            if summed:
                self._put(connection, f"sum:{summed[-1].number}", self.options.digest_template, self._sum_of(summed))
            for row in own:
                if row.told is Told.ALONE:
                    self._put(connection, row.key, self.options.template, self._of(row))

    def _put(self, connection: sqlite3.Connection, key: str, template: str, variables: Mapping[str, str]) -> None:
        url = self.options.webhook_url
        if url is None:
            return
        kind = self.options.webhook_type or type_of(url)
        notice = Notice(f"news:{self.service}:{self.endpoint}:{key}", url, kind, None, template, variables)
        try:
            put_notice(connection, notice)
        except InvalidNotice as error:
            log.error("feed.notice_refused service=%s error=%s next=news_is_not_sent", self.service, error)
        except NoticeError as error:
            # Whoever edited the template away did not mean the news.
            log.warning("feed.template_unusable service=%s error=%s next=send_plain_text", self.service, error)
            text = "\n".join(part for part in (variables["title"], variables["url"], variables["timestamp"]) if part)
            put_notice(connection, attrs.evolve(notice, template_id=None, message=text))

    def _of(self, row: NewsRow) -> dict[str, str]:
        at = dt.datetime.fromtimestamp(row.seen_at if row.published is None else row.published, dt.UTC)
        when = f"{at.astimezone(self.zones[row.source]):%Y-%m-%d %H:%M:%S}"
        return {"title": row.title or row.url or row.key, "url": row.url, "timestamp": when, "source": row.source}

    def _sum_of(self, rows: Sequence[NewsRow]) -> dict[str, str]:
        newest = rows[-1]
        titles = [row.title for row in reversed(rows) if row.title][:TITLES]
        return {**self._of(newest), "title": " / ".join(titles), "count": str(len(rows))}
