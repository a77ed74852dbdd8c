"""Logs as a client has them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

import attrs
import httpx
import msgspec

from hamster.client import HamsterClient, RequestRefused, ServerUnreachable


@attrs.define
class LogLine:
    """One record of a log."""

    timestamp: str | None
    level: str
    logger_name: str | None
    message: str
    module: str | None
    line_number: int | None
    thread_id: str | None
    id: str
    service: str
    truncated: bool


@attrs.define
class LogFileInfo:
    """One file that a log is in."""

    name: str
    path: str
    size: int
    modified_time: str
    is_active: bool
    service: str | None
    log: str


@attrs.define
class CleanedLogs:
    """What a clean-up did, or would do."""

    deleted_files: int
    compressed_files: int
    total_space_freed: int
    deleted: Sequence[Mapping[str, str]]
    compressed: Sequence[str]
    removed_records: Mapping[str, int]
    failed: Mapping[str, str]


class LogClient:
    """What is asked of `/api/logs`."""

    def __init__(self, client: HamsterClient) -> None:
        self._client = client

    async def files(self) -> list[LogFileInfo]:
        """All files, each log followed by its archives."""
        return await self._client.get("/api/logs/files", list[LogFileInfo])

    async def page(self, names: Sequence[str], limit: int, **filters: str | None) -> list[LogLine]:
        """The newest records first, of the logs *names*, by time.

        Args:
            names: Of logs; `*` is all of them.
            limit: How many at most, up to 1,000.
            filters: `level`, `start_time`, `end_time`, and `regex`, an RE2 expression.
        """
        given = {name: value for name, value in filters.items() if value is not None}
        expression = given.pop("regex", None)
        query = {"file_name": ",".join(names), "limit": str(limit), **given}
        if expression is None:
            return await self._client.get(f"/api/logs/?{httpx.QueryParams(query)}", list[LogLine])
        query |= {"query": expression, "regex": "true", "case_sensitive": "true"}
        found = await self._client.get(f"/api/logs/search?{httpx.QueryParams(query)}", dict[str, object])
        return msgspec.convert(found["logs"], list[LogLine])

    async def clean(self, *, dry_run: bool) -> CleanedLogs:
        """Apply the retention policy now, or hear what that would do."""
        return await self._client.post(f"/api/logs/cleanup?dry_run={str(dry_run).lower()}", CleanedLogs)

    @asynccontextmanager
    async def stream(
        self, names: Sequence[str], *, lines: int = 0, level: str | None = None, after: str | None = None
    ) -> AsyncGenerator["LogStream", None]:
        """Records as they are written, after the last *lines*; or from the event *after* on.

        Raises:
            ServerUnreachable: It does not answer.
            RequestRefused: It answers with an error.
        """
        query = {"file_name": ",".join(names), "lines": str(lines)} | ({"level": level} if level else {})
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
        url = f"{self._client.url}/api/logs/stream"
        timeout = httpx.Timeout(10.0, read=60.0)  # a heartbeat comes every 15 s
        try:
            async with self._client.http.stream("GET", url, params=query, headers=headers, timeout=timeout) as answer:
                if answer.status_code != 200:
                    problem = msgspec.json.decode(await answer.aread(), type=dict[str, object])
                    raise RequestRefused(answer.status_code, str(problem.get("detail", "")))
                yield LogStream(answer)
        except httpx.TransportError as error:
            raise ServerUnreachable(self._client.url, str(error) or type(error).__name__) from error


class LogStream:
    """An event stream of records."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self.last_id: str | None = None
        """Of the last event; a stream that is asked for what is after it loses and repeats nothing."""

    async def events(self) -> AsyncGenerator[LogLine | int, None]:
        """Each record; or the number of records that were left out for want of speed."""
        fields: dict[str, str] = {}
        async for line in self._answer.aiter_lines():
            name, _, value = line.partition(":")
            if line:
                fields[name] = value.removeprefix(" ")
                continue
            data = fields.get("data")
            self.last_id = fields.get("id", self.last_id)
            if data is not None and fields.get("event") == "dropped":
                yield msgspec.json.decode(data, type=dict[str, int])["dropped"]
            elif data is not None:
                yield msgspec.json.decode(data, type=LogLine)
            fields = {}
