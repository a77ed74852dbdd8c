"""News feeds: where they are, what counts as news, and when it is expected."""

import datetime as dt
from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import attrs

from actors import setting_rules as rules
from actors.json_paths import json_path
from actors.setting_rules import RULE, Nothing, SettingProblem
from actors.setting_tables import named_tables, one_table
from actors.settings.checks import CheckOptions
from actors.settings.conversions import as_tuple, byte_number, clock_time, clock_times, copied

FeedFormat: TypeAlias = Literal["auto", "xml", "json"]
Days: TypeAlias = Literal["daily", "business"]
WebhookType: TypeAlias = Literal["discord", "slack", "dooray", "generic"]

SOURCE_NAME = rules.matching(
    r"[a-z0-9][a-z0-9_-]{0,63}", "1 to 64 of a-z, 0-9, '_' and '-', the first a letter or digit", "rename the table"
)


def days_code(value: object) -> list[SettingProblem]:
    """A country, as `KR`, or an exchange, as `XKRX`, whose business days are known."""
    import holidays  # here: it costs a tenth of a second, and most configurations never need it

    known = {*holidays.list_supported_countries(), *holidays.list_supported_financial()}
    if value in known:
        return []
    advice = rules.did_you_mean(value, known) if isinstance(value, str) else ""
    return [SettingProblem((), value, 'a country or an exchange, like "KR" or "XKRX"', advice)]


@attrs.frozen(kw_only=True)
class JsonPaths:
    """Where in a JSON document the news stand; as in JSON Feed 1.1, unless told.

    `items` leads from the document to its items, the others from an item to its parts.
    """

    items: str = attrs.field(default="$.items[*]", metadata={RULE: json_path})
    id: str = attrs.field(default="$.id", metadata={RULE: json_path})
    title: str = attrs.field(default="$.title", metadata={RULE: json_path})
    link: str = attrs.field(default="$.url", metadata={RULE: json_path})
    published: str = attrs.field(default="$.date_published", metadata={RULE: json_path})

    def __attrs_post_init__(self) -> None:
        rules.require(self)


@attrs.frozen(kw_only=True)
class SourceOptions:
    """One kind of news, with the time at which it is expected.

    Without `url` and `file` it is a part of the service's own feed: what `title` matches. `expected` is a time of
    day in `zone`; news that is not there `tolerance` seconds later is late, and what came up to `early` seconds
    before counts for it. None of `expected`, `days`, `country` and `zone` is what the name stands for (`PRESETS`),
    else none, every day, none, and the system's zone.
    """

    url: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.http_address)})
    file: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    format: FeedFormat | None = attrs.field(
        default=None, metadata={RULE: rules.optional(rules.one_of(*get_args(FeedFormat)))}
    )
    json: JsonPaths | None = attrs.field(default=None, metadata=one_table(JsonPaths))
    title: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.expression)})
    expected: dt.time | None = attrs.field(
        default=None, converter=clock_time, metadata={RULE: rules.optional(rules.clock_time)}
    )
    tolerance: float = attrs.field(default=1800.0, metadata={RULE: rules.seconds(0, 259_200)})
    early: float = attrs.field(default=600.0, metadata={RULE: rules.seconds(0, 43_200)})
    check_times: tuple[dt.time, ...] = attrs.field(
        default=(),
        converter=clock_times,
        metadata={RULE: rules.each(rules.clock_time, 'a list of times of day, like ["15:45"]')},
    )
    days: Days | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.one_of(*get_args(Days)))})
    country: str | None = attrs.field(default=None, metadata={RULE: rules.optional(days_code)})
    closed: tuple[str, ...] = attrs.field(
        default=(),
        converter=as_tuple,
        metadata={
            RULE: rules.each(
                rules.matching(r"(?:[0-9]{4}-)?(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])", "a day, like 12-31"),
                'a list of days, like ["2026-06-03", "12-31"]',
            )
        },
    )
    zone: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.zone_name)})

    def __attrs_post_init__(self) -> None:
        rules.require(self, lambda: _one_address(self))


@attrs.frozen
class Preset:
    """What the name of a source stands for."""

    expected: dt.time
    days: Days
    country: str | None = None
    zone: str = "Asia/Seoul"


PRESETS: Mapping[str, Preset] = {
    "newyork-market-watch": Preset(dt.time(6, 0), "daily"),
    # The exchange has one day more than the country on which it is closed: the last of the year.
    "kospi-close": Preset(dt.time(15, 40), "business", "XKRX"),
    "exchange-rate": Preset(dt.time(16, 30), "business", "KR"),
}


@attrs.frozen(kw_only=True)
class FeedOptions(CheckOptions):
    """News: an RSS, Atom or JSON feed of its own, or several sources.

    Fetched every `interval` seconds, every `due_interval` while something that is due has not come; after an error
    first after `retry_interval`, doubled up to `retry_max`. `failures` errors in a row are an outage. What stands in
    a feed at the first look is known already, unless `announce_first`. Of what is new in one look up to
    `announce_max` items are told each by itself, the newest; the rest together. `remember` items of each source are
    kept.
    """

    url: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.http_address)})
    file: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.some_text)})
    format: FeedFormat = attrs.field(default="auto", metadata={RULE: rules.one_of(*get_args(FeedFormat))})
    json: JsonPaths | None = attrs.field(default=None, metadata=one_table(JsonPaths))
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], converter=copied, metadata={RULE: rules.environment}
    )
    sources: Mapping[str, SourceOptions] = attrs.field(
        factory=dict[str, SourceOptions], converter=copied, metadata=named_tables(SourceOptions, SOURCE_NAME)
    )
    interval: float = attrs.field(default=300.0, metadata={RULE: rules.seconds(0.05, 86_400)})
    due_interval: float = attrs.field(default=60.0, metadata={RULE: rules.seconds(0.05, 86_400)})
    retry_interval: float = attrs.field(default=30.0, metadata={RULE: rules.seconds(0.05, 86_400)})
    retry_max: float = attrs.field(default=3600.0, metadata={RULE: rules.seconds(0.05, 86_400)})
    timeout: float = attrs.field(default=30.0, metadata={RULE: rules.seconds(0.05, 3600)})
    failures: int = attrs.field(default=3, metadata={RULE: rules.count(1, 1000)})
    successes: int = attrs.field(default=1, metadata={RULE: rules.count(1, 1000)})
    max_bytes: int = attrs.field(
        default=5 * 1024 * 1024,
        converter=byte_number,
        metadata={RULE: rules.byte_size(1024)},
    )
    announce_first: bool = attrs.field(default=False, metadata={RULE: rules.flag})
    announce_max: int = attrs.field(default=10, metadata={RULE: rules.count(0, 1000)})
    remember: int = attrs.field(default=2000, metadata={RULE: rules.count(100, 100_000)})
    webhook_url: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.webhook_address)})
    webhook_type: WebhookType | None = attrs.field(
        default=None, metadata={RULE: rules.optional(rules.one_of(*get_args(WebhookType)))}
    )
    template: str = attrs.field(default="posco_news_alert", metadata={RULE: rules.some_text})
    digest_template: str = attrs.field(default="posco_news_digest", metadata={RULE: rules.some_text})

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        found = _one_address(self)
        if self.retry_max < self.retry_interval:
            expected = f"seconds of {rules.plain(self.retry_interval)}, the retry_interval, or more"
            found.append(SettingProblem(("retry_max",), self.retry_max, expected, "raise it or lower retry_interval"))
        for name, source in self.sources.items():
            preset = PRESETS.get(name)
            at = ("sources", name)
            days = source.days or (preset.days if preset else "daily")
            if days == "business" and not (source.country or (preset and preset.country)):
                expected = 'the country whose business days these are, like "KR"'
                found.append(SettingProblem((*at, "country"), Nothing.MISSING, expected, "add the key"))
            if days == "daily" and source.country is not None:
                expected = 'days = "business" beside it'
                found.append(SettingProblem((*at, "country"), source.country, expected, "add that or remove it"))
            if self.has_address and not any((self.url, self.file, source.url, source.file)):
                expected = "an address, as the service has none"
                found.append(SettingProblem((*at, "url"), Nothing.MISSING, expected, "add url or file"))
        return found

    @property
    def has_address(self) -> bool:
        """Whether there is anything to fetch."""
        return any(place.url or place.file for place in (self, *self.sources.values()))


def _one_address(options: FeedOptions | SourceOptions) -> list[SettingProblem]:
    if options.url is None or options.file is None:
        return []
    return [SettingProblem(("file",), options.file, "either url or file", "remove one of them")]
