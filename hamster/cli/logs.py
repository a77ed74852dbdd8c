"""`hamster logs`: what was logged, and what is."""

import difflib
import fnmatch
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import attrs
import click
import trio
from rich.table import Table

from actors.expressions import Expression, InvalidExpression
from hamster.cli.asking import run, url_option, with_client
from hamster.cli.common import FAILED, NOT_RUNNING, USAGE, data_dir_option, fail
from hamster.cli.log_lines import Style, shown
from hamster.cli.tables import show
from hamster.client import HamsterClient, RequestRefused, ServerUnreachable
from hamster.client_logs import CleanedLogs, LogClient, LogFileInfo, LogLine
from hamster.runtime_file import NotRunning

EVERYTHING = "*"
AGAIN_SECONDS = 1.0
"""Before a stream that broke is asked for again."""
_AGO = re.compile(r"(?P<count>[0-9]{1,6}(?:\.[0-9]+)?)(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@attrs.frozen(kw_only=True)
class Wanted:
    """Which records are asked for."""

    names: tuple[str, ...]
    lines: int
    level: str | None
    grep: str | None
    since: str | None
    until: str | None

    @property
    def expression(self) -> Expression | None:
        """Of `grep`."""
        return None if self.grep is None else Expression(self.grep)


@click.command()
@click.argument("names", nargs=-1, metavar="[ID|FILE]...")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written, until Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(0, 1000), default=50, show_default=True, help="How many, the newest."
)
@click.option("--level", help="Only these levels, with commas between: ERROR,CRITICAL.")
@click.option("--grep", metavar="RE2", help="Only records that this regular expression matches somewhere.")
@click.option("--since", metavar="TIME", help="Not before: 10m, 2h, 3d ago, or 2026-01-31T12:00.")
@click.option("--until", metavar="TIME", help="Before: as --since.")
@click.option("--full", is_flag=True, help="All lines of every record; otherwise the middle of long ones is folded.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--color/--no-color", default=None, help="With colours, or without; unless told, as the terminal is.")
@click.option("--files", is_flag=True, help="List the files instead.")
@click.option("--clean", is_flag=True, help="Apply the retention policy now instead.")
@click.option("--dry-run", is_flag=True, help="With --clean: only say what would be done.")
@url_option
@data_dir_option
def logs(
    names: tuple[str, ...],
    follow: bool,
    lines: int,
    level: str | None,
    grep: str | None,
    since: str | None,
    until: str | None,
    full: bool,
    as_json: bool,
    color: bool | None,
    files: bool,
    clean: bool,
    dry_run: bool,
    url: str | None,
    data_dir: Path | None,
) -> None:
    """Show what was logged, and follow it.

    By services and by WatchHamster itself, all of them in the order of time, or only those named.

    ID is a service's, a pattern or tag:NAME; FILE is the name of a log. Without a running server the files in the data
    directory are read.
    """
    now = datetime.now().astimezone()
    wanted = Wanted(
        names=names,
        lines=lines,
        level=level,
        grep=grep,
        since=_time(since, now, "--since"),
        until=_time(until, now, "--until"),
    )
    _check(wanted)
    colour = sys.stdout.isatty() if color is None else color
    style = Style(colour=colour, named=True, full=full, as_json=as_json)

    async def work(client: HamsterClient) -> int:
        asking = LogClient(client)
        if files:
            show(_files_table(await asking.files()))
            return 0
        if clean:
            return _tell_cleaned(await asking.clean(dry_run=dry_run), dry_run=dry_run)
        chosen = await _chosen(client, asking, wanted.names)
        named = attrs.evolve(style, named=len(chosen) > 1 or EVERYTHING in chosen)
        if not follow:
            for line in reversed(await _page(asking, chosen, wanted)):
                _print(line, named)
            return 0
        await _follow(url, data_dir, chosen, wanted, named)
        return 0

    async def whole() -> int:
        try:
            return await with_client(url, data_dir, work)
        except NotRunning as error:
            if url is not None or follow or clean:
                raise
            return await _without_server(data_dir, wanted, style, error, files=files)

    run(whole)


def _print(line: LogLine, style: Style) -> None:
    click.echo(shown(line, style), color=style.colour)


def _time(text: str | None, now: datetime, option: str) -> str | None:
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return (now - timedelta(**{_UNITS[ago["unit"]]: float(ago["count"])})).isoformat()
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        fail(f"{option} is {text!r}; expected 10m, 2h, 3d or a time like 2026-01-31T12:00", USAGE)
    return found.astimezone().isoformat()


def _check(wanted: Wanted) -> None:
    try:
        _ = wanted.expression
    except InvalidExpression as error:
        fail(f"--grep: {error}", USAGE)


async def _chosen(client: HamsterClient, asking: LogClient, names: Sequence[str]) -> tuple[str, ...]:
    """The logs that *names* name: files, and services by id, pattern or tag."""
    if not names:
        return (EVERYTHING,)
    known = [file for file in await asking.files() if file.is_active]
    chosen: list[str] = []
    for name in names:
        found = [file.log for file in known if name in (file.log, file.service)]
        found = found or [file.log for file in known if fnmatch.fnmatchcase(file.service or file.log, name)]
        if not found:
            found = await _of_services(client, name, known)
        chosen += found
    return tuple(dict.fromkeys(chosen))


async def _of_services(client: HamsterClient, name: str, known: Sequence[LogFileInfo]) -> list[str]:
    try:
        ids = {service.id for service in await client.services(name)}
    except RequestRefused as error:
        if error.status != 404:
            raise
        words = {file.log for file in known} | {file.service for file in known if file.service is not None}
        near = difflib.get_close_matches(name, words, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; hamster logs --files lists them"
        fail(f"there is neither a log nor a service {name!r}{hint}")
    found = [file.log for file in known if file.service in ids]
    if not found:
        fail(f"{name} has not logged anything yet")
    return found


async def _page(asking: LogClient, chosen: Sequence[str], wanted: Wanted) -> Sequence[LogLine]:
    if wanted.lines == 0:
        return []
    filters = {"level": wanted.level, "regex": wanted.grep, "start_time": wanted.since, "end_time": wanted.until}
    return await asking.page(chosen, wanted.lines, **filters)


async def _follow(url: str | None, data_dir: Path | None, chosen: Sequence[str], wanted: Wanted, style: Style) -> None:
    """Show what is written, over restarts of the server."""
    after: str | None = None
    first = True
    expression = wanted.expression

    async def listen(client: HamsterClient) -> int:
        nonlocal after, first
        asking = LogClient(client)
        # With a filter that the stream does not know the last lines are asked for by themselves.
        filtered = wanted.grep is not None or wanted.since is not None
        lines = wanted.lines if first and not filtered else 0
        if first and filtered:
            for line in reversed(await _page(asking, chosen, wanted)):
                _print(line, style)
        async with asking.stream(chosen, lines=lines, level=wanted.level, after=after) as stream:
            first = False
            async for event in stream.events():
                after = stream.last_id
                if isinstance(event, int):
                    click.echo(f"hamster: {event} records were left out: this terminal is too slow", err=True)
                elif expression is None or expression.found_in(event.message):
                    _print(event, style)
        return 0

    while True:
        try:
            await with_client(url, data_dir, listen)
            why = "the server has ended the stream"
        except (NotRunning, ServerUnreachable) as error:
            if first:
                raise
            why = str(error)
        click.echo(f"hamster: {why}; waiting for it to come back", err=True)
        while True:
            await trio.sleep(AGAIN_SECONDS)
            try:
                await with_client(url, data_dir, _is_there)
            except (NotRunning, ServerUnreachable):
                continue
            break


async def _is_there(client: HamsterClient) -> int:
    await client.get("/health", dict[str, object])
    return 0


async def _without_server(
    data_dir: Path | None, wanted: Wanted, style: Style, error: NotRunning, *, files: bool
) -> int:
    from hamster.cli.log_reading import list_files, read_files  # the whole of the logs' code: only for this

    if files:
        show(_files_table(await list_files(data_dir)))
        return 0
    try:
        lines, directory = await read_files(data_dir, wanted.names, wanted.lines, wanted)
    except LookupError as unknown:
        click.echo(f"hamster: {error}", err=True)
        click.echo(f"hamster: {unknown.args[0]}", err=True)
        return NOT_RUNNING
    click.echo(f"hamster: no WatchHamster is running; reading the files in {directory}", err=True)
    named = attrs.evolve(style, named=len(wanted.names) != 1)
    for line in reversed(lines):
        _print(line, named)
    return 0


def _files_table(files: Sequence[LogFileInfo]) -> Table:
    table = Table("FILE", "SERVICE", "BYTES", "CHANGED", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    for file in files:
        name = file.name if file.is_active else f"  {file.name}"
        table.add_row(name, file.service or "-", f"{file.size:,}", file.modified_time[:19].replace("T", " "))
    return table


def _tell_cleaned(cleaned: CleanedLogs, *, dry_run: bool) -> int:
    would = "would be " if dry_run else ""
    for row in cleaned.deleted:
        click.echo(f"{row['name']}: {would}deleted, for its {row['reason']}")
    for name in cleaned.compressed:
        click.echo(f"{name}: {would}compressed")
    for name, count in cleaned.removed_records.items():
        click.echo(f"{name}: {count} records {would}taken out")
    for name, why in cleaned.failed.items():
        click.echo(f"{name}: {why}", err=True)
    click.echo(f"{cleaned.total_space_freed:,} bytes {would}freed")
    return FAILED if cleaned.failed else 0
