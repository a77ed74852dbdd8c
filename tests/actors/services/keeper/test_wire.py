from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services.keeper.wire import Lines, line

RECORDS = st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))


@pytest.mark.slow
@given(RECORDS, st.lists(st.integers(1, 40)))
def test_records_arrive_whole_however_the_stream_is_cut(
    records: list[dict[str, str | int | None]], cuts: list[int]
) -> None:
    stream = b"".join(line(record) for record in records)
    lines = Lines()
    arrived: list[bytes] = []
    for size in [*cuts, len(stream) + 1]:
        arrived += lines.feed(stream[:size])
        stream = stream[size:]
    assert [json.loads(text) for text in arrived] == records


def test_bytes_that_are_no_text_survive_the_way() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    (text,) = Lines().feed(line({"env": {"PLACE": name}}))
    assert json.loads(text)["env"]["PLACE"].encode("utf-8", "surrogateescape") == b"caf\xe9"
