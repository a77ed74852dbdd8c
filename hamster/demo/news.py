"""The news of the demo newsroom: made up, in memory, one more item whenever asked."""

import random
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import cycle
from threading import Lock
from xml.sax.saxutils import escape

KEPT = 50  # items; a feed reader that looks every quarter of an hour misses none
SEOUL = timezone(timedelta(hours=9), "KST")  # no daylight saving there, and no zone database is needed here


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of news. `published` is aware; `number` counts from 1."""

    number: int
    category: str
    title: str
    text: str
    published: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """What had been published up to one item: items kept, by category."""

    number: int
    written: datetime
    latest: str
    counts: dict[str, int]

    @property
    def name(self) -> str:
        """Its file's name; names sort as the reports do."""
        return f"report-{self.number:06}.json"

    def content(self) -> dict[str, object]:
        """What its file holds."""
        return {
            "number": self.number,
            "written_at": self.written.isoformat(timespec="seconds"),
            "latest": self.latest,
            "items": sum(self.counts.values()),
            "by_category": self.counts,
        }


class News:
    """The latest items and the report after each; several threads may ask.

    *seed* makes the figures in them repeatable.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 (made-up market figures guard nothing)
        self._writers = cycle((_exchange_rate, _new_york, _kospi, _steel))
        self._items: deque[Item] = deque(maxlen=KEPT)
        self._reports: deque[Report] = deque(maxlen=KEPT)
        self._count = 0
        self._lock = Lock()

    def publish(self, now: datetime) -> Report:
        """Add one item; the answer is the report that it makes due."""
        with self._lock:
            self._count += 1
            category, title, text = next(self._writers)(self._random)
            self._items.append(Item(self._count, category, title, text, now.astimezone(SEOUL)))
            counts: dict[str, int] = {}
            for item in self._items:
                counts[item.category] = counts.get(item.category, 0) + 1
            report = Report(self._count, now.astimezone(SEOUL), title, counts)
            self._reports.append(report)
            return report

    def items(self) -> list[Item]:
        """The items that are kept, newest first."""
        with self._lock:
            return list(reversed(self._items))

    def reports(self) -> list[Report]:
        """The reports that are kept, newest first."""
        with self._lock:
            return list(reversed(self._reports))


def rss(items: list[Item], url: str) -> str:
    """*items* as RSS 2.0; *url* is where the site is, without a slash at its end."""
    built = f"\n    <lastBuildDate>{format_datetime(items[0].published)}</lastBuildDate>" if items else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom">
  <channel>
    <title>햄스터 뉴스룸</title>
    <link>{escape(url)}/</link>
    <description>WatchHamster 데모용 POSCO 뉴스 (지어낸 내용입니다)</description>
    <language>ko</language>{built}
    <ttl>1</ttl>
    <atom:link href="{escape(url)}/feed.xml" rel="self" type="application/rss+xml"/>
{"".join(_rss_item(item, url) for item in items)}  </channel>
</rss>
"""


def _rss_item(item: Item, url: str) -> str:
    return f"""    <item>
      <title>{escape(item.title)}</title>
      <link>{escape(url)}/news/{item.number}</link>
      <description>{escape(item.text)}</description>
      <category>{escape(item.category)}</category>
      <guid isPermaLink="false">urn:hamster:newsroom:{item.number}</guid>
      <pubDate>{format_datetime(item.published)}</pubDate>
    </item>
"""


def _exchange_rate(chance: random.Random) -> tuple[str, str, str]:
    rate, change = chance.uniform(1290, 1410), chance.uniform(-9, 9)
    way = "오른" if change > 0 else "내린"
    title = f"[환율] 원/달러 {rate:,.1f}원, 전일보다 {abs(change):.1f}원 {way} 채 출발"
    return "exchange-rate", title, "수출 대금 환산 기준을 다시 확인하십시오."


def _new_york(chance: random.Random) -> tuple[str, str, str]:
    dow, nasdaq = chance.uniform(-1.8, 1.8), chance.uniform(-2.4, 2.4)
    title = f"[뉴욕마켓워치] 다우 {dow:+.2f}%, 나스닥 {nasdaq:+.2f}% 마감"
    return "newyork-market-watch", title, "철강·원자재 관련주 흐름을 함께 정리했습니다."


def _kospi(chance: random.Random) -> tuple[str, str, str]:
    index, change = chance.uniform(2480, 2760), chance.uniform(-1.5, 1.5)
    title = f"[코스피마감] {index:,.2f} ({change:+.2f}%)"
    return "kospi-close", title, f"POSCO홀딩스는 {chance.uniform(-3, 3):+.1f}%로 장을 마쳤습니다."


def _steel(chance: random.Random) -> tuple[str, str, str]:
    works = chance.choice(("포항", "광양"))
    topic = chance.choice(("열연", "후판", "냉연 & 도금", "전기강판"))
    title = f"[철강] {works}제철소 {topic} 라인, 가동률 {chance.randint(78, 99)}%"
    return "steel", title, f"{works} 현장 점검 결과 <이상 없음>으로 보고되었습니다."
