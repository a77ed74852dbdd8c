"""Counting many lines at once gives what counting line by line gives."""

import logging
import os
import tempfile
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.logs.indexing import fast
from actors.logs.indexing.fast import fast_tally
from actors.logs.indexing.tallying import tally
from actors.logs.known import KnownLog
from actors.logs.parsing import Parser
from actors.logs.records import Origin
from hamster.own_log import LineFormatter

ZONES = (ZoneInfo("Asia/Seoul"), ZoneInfo("America/St_Johns"), UTC)


def a_line(level: int, logger: str, created: float, zone: int, message: str, number: int) -> bytes:
    record = logging.LogRecord(logger, level, "/x/app.py", number, "%s", (message,), None)
    record.created = created
    return (LineFormatter(ZONES[zone]).format(record) + "\n").encode()


OURS = st.builds(
    a_line,
    level=st.sampled_from([10, 20, 30, 40, 50]),
    logger=st.sampled_from(
        ["actors", "hamster.http.app", "actors.services.a_very_long_name_indeed_that_goes_on_and_on", "x"]
    ),
    created=st.floats(1_700_000_000, 1_700_020_000),
    zone=st.integers(0, 2),
    message=st.sampled_from(["ok", "연결 실패", "x" * 200, "said ERROR loudly", ""]),
    number=st.integers(1, 9999),
)
STRANGE = st.sampled_from(
    [
        b"Traceback (most recent call last):\n  File x\nValueError: no\n",
        b"  indented 2026-11-26T12:00:00.000+09:00 ERROR a [b:1 c] d\n",
        b"\n",
        b"2026-11-26 12:00:00,123 - my.logger - ERROR - boom\n",
        b"2026-13-26T12:00:00.000+09:00 ERROR actors [b:1 c] no such month\n",
        b"2026-11-26T12:00:75.000+09:00 ERROR actors [b:1 c] no such second\n",
        b"2026-11-26T12:00:00.000+09:00 LOUD actors [b:1 c] no such level\n",
        b"2026-11-26T12:00:00.000+09:00 notice\n",
        b"2026-11-26T12:00:00\n",
        b'{"time":"2026-11-26T12:00:00Z","level":"warn","msg":"js","logger":"a.b"}\n',
        b"plain\r\n",
        b"\xff\xfe\x00\n",
        "한글\n".encode("cp949"),
    ]
)


@settings(max_examples=200)
@given(
    first=OURS,
    pieces=st.lists(OURS | STRANGE, max_size=25),
    end=st.sampled_from([b"", b"half a line", b"2026-11-26T12:00:00.000+09:00 ERR"]),
    skip=st.integers(0, 3),
    chunk=st.integers(150, 2000),
    final=st.booleans(),
)
def test_it_is_the_same_answer(
    first: bytes, pieces: list[bytes], end: bytes, skip: int, chunk: int, final: bool
) -> None:
    data = first + b"".join(pieces) + end
    parser = Parser(KnownLog(name="x.log", path=Path("/x.log"), origin=Origin.OURS), UTC)
    parser.learn(data)
    # Not only from the beginning: a later stretch begins with a record, or with the rest of one.
    start = 0 if not skip else len(first) + sum(map(len, pieces[: skip - 1]))
    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast, "CHUNK", chunk)
        for module in ("actors.logs.indexing.generation", "actors.logs.indexing.fast"):
            patch.setattr(f"{module}.BLOCK_BYTES", 400)
        file.write(data)
        file.flush()
        size = os.fstat(file.fileno()).st_size
        expected = tally(file.fileno(), start, size, parser, final=final)
        found = fast_tally(file.fileno(), start, size, parser, final=final)
    assert found.end == expected.end
    assert [(b.start, b.end, b.counts, b.spelled) for b in found.blocks] == [
        (b.start, b.end, b.counts, b.spelled) for b in expected.blocks
    ]
    for one, other in zip(found.blocks, expected.blocks, strict=True):
        assert one.earliest == pytest.approx(other.earliest, abs=0.0005)
        assert one.latest == pytest.approx(other.latest, abs=0.0005)
    assert found.minutes == expected.minutes
    assert found.loggers == expected.loggers
