"""Heads of requests: what is taken, what is refused, and that h11 understands by it what we do."""

from collections.abc import Sequence

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hamster.server.chunks import BadChunk, ChunkDecoder
from hamster.server.heads import CHUNKED, BadHead, Head, HeadCache, find_end, parse_head

HOST = b"Host: hamster\r\n"


def head_of(lines: bytes, *, start: bytes = b"GET / HTTP/1.1\r\n") -> Head:
    return parse_head(start + HOST + lines + b"\r\n")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", 400),
        (b"Content-Length: 3\r\nContent-Length: 3\r\n", 400),
        (b"Content-Length: 3\r\nContent-Length: 4\r\n", 400),
        (b"Content-Length: 3, 3\r\n", 400),
        (b"Content-Length: +3\r\n", 400),
        (b"Content-Length: -3\r\n", 400),
        (b"Content-Length: 0x3\r\n", 400),
        (b"Content-Length: 3 3\r\n", 400),
        (b"Content-Length:\r\n", 400),
        (b"Content-Length: 1" + b"0" * 20 + b"\r\n", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"Transfer-Encoding: identity\r\n", 400),
        (b"Transfer-Encoding: gzip, chunked\r\n", 501),
        (b"Transfer-Encoding: chunked, gzip\r\n", 400),
        (b"Transfer-Encoding: xchunked\r\n", 400),
        (b"Transfer-Encoding : chunked\r\n", 400),
        (b"Content-Length : 3\r\n", 400),
        (b"X: a\r\n b\r\n", 400),
        (b" X: a\r\n", 400),
        (b"X\r\n", 400),
        (b": a\r\n", 400),
        (b"X: a\0b\r\n", 400),
        (b"X: a\x01b\r\n", 400),
        (b"X: a\rb\r\n", 400),
        (b"X\x7f: a\r\n", 400),
        (b"Host: elsewhere\r\n", 400),
    ],
)
def test_what_is_used_to_smuggle_a_request_is_refused(lines: bytes, status: int) -> None:
    with pytest.raises(BadHead) as refused:
        head_of(lines, start=b"POST / HTTP/1.1\r\n")
    assert refused.value.status == status or (status == 501 and refused.value.status == 400)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\r\nHost: a\r\n\r\n",
        b"G\x00T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / http/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_broken_request_is_refused(data: bytes) -> None:
    with pytest.raises(BadHead) as refused:
        parse_head(data)
    assert refused.value.status == 400


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/9.9"])
def test_another_version_is_refused(version: bytes) -> None:
    with pytest.raises(BadHead) as refused:
        parse_head(b"GET / " + version + b"\r\n" + HOST + b"\r\n")
    assert refused.value.status in (400, 505)


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: a\n\r\n", b"GET / HTTP/1.1\r\nHost: a\n\n", b"\n"],
)
def test_a_line_that_ends_with_lf_alone_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(BadHead):
        end = find_end(data, 0, 1_000)
        assert end > 0
        parse_head(data[:end])


def test_a_head_is_found_however_it_is_cut() -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest"
    for cut in range(len(data)):
        seen = find_end(data[:cut], 0, 1_000)
        end = seen if seen >= 0 else find_end(data, cut, 1_000)
        assert end == len(data) - len(b"rest")


def test_a_head_that_is_too_long_is_refused_before_it_ends() -> None:
    with pytest.raises(BadHead) as refused:
        find_end(b"GET /" + b"a" * 100, 0, 100)
    assert refused.value.status == 431


def test_what_a_head_says() -> None:
    head = parse_head(
        b"POST /a%20b?c=d HTTP/1.1\r\nHost: a\r\nX-One: 1 \r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    )
    assert (head.method, head.path, head.raw_path, head.query) == ("POST", "/a b", b"/a%20b", b"c=d")
    assert (head.length, head.expects_continue, head.keep_alive, head.unusual) == (3, True, True, False)
    assert head.headers[1] == (b"x-one", b"1")


@pytest.mark.parametrize(
    ("lines", "start", "keep_alive"),
    [
        (b"", b"GET / HTTP/1.1\r\n", True),
        (b"Connection: close\r\n", b"GET / HTTP/1.1\r\n", False),
        (b"Connection: a, Close\r\n", b"GET / HTTP/1.1\r\n", False),
        (b"", b"GET / HTTP/1.0\r\n", False),
        (b"Connection: keep-alive\r\n", b"GET / HTTP/1.0\r\n", True),
    ],
)
def test_whether_the_connection_stays(lines: bytes, start: bytes, keep_alive: bool) -> None:
    assert head_of(lines, start=start).keep_alive is keep_alive


@pytest.mark.parametrize(
    ("lines", "unusual"),
    [
        (b"Connection: Upgrade\r\nUpgrade: websocket\r\n", True),
        (b"Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n", True),
        (b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", True),
        (b"Upgrade: websocket\r\n", False),
        (b"Connection: Upgrade\r\nUpgrade: something\r\n", False),
        (b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n", False),
    ],
)
def test_what_is_left_to_the_stock_protocols(lines: bytes, unusual: bool) -> None:
    assert head_of(lines).unusual is unusual


def test_a_method_nobody_has_heard_of_is_the_applications_to_answer() -> None:
    assert head_of(b"", start=b"BREW /pot HTTP/1.1\r\n").method == "BREW"


def test_a_head_that_came_before_is_not_parsed_again_and_the_oldest_is_forgotten() -> None:
    cache = HeadCache(most=2, longest=100)
    first, second, third = (b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(3))
    kept = cache.parse(first)
    assert cache.parse(first) is kept
    cache.parse(second)
    cache.parse(third)
    assert cache.parse(first) is not kept
    long = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100 + b"\r\n\r\n"
    assert cache.parse(long) is not cache.parse(long)


LINES = st.sampled_from(
    [
        b"Host: a\r\n", b"host:b\r\n", b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"content-length: 03\r\n",
        b"Content-Length: 3,3\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: Chunked\r\n",
        b"Transfer-Encoding:\tchunked \r\n", b"Transfer-Encoding: chunked, chunked\r\n", b"Transfer-Encoding: \r\n",
        b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"X: \xff\xfe\r\n", b"X:\r\n", b"X-Y_Z: 1\t2\r\n",
        b"X: a\r\n b\r\n", b"X : a\r\n", b"Expect: 100-continue\r\n", b"Cookie: a=b; c=d\r\n", b"\r\n", b"X: a\n",
    ]
)  # fmt: skip
STARTS = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n", b"POST /x?y HTTP/1.1\r\n", b"HEAD /%20 HTTP/1.0\r\n", b"OPTIONS * HTTP/1.1\r\n",
        b"BREW / HTTP/1.1\r\n", b"GET /\t HTTP/1.1\r\n", b"GET / HTTP/1.1\n", b"CONNECT a:1 HTTP/1.1\r\n",
        b"GET http://a/ HTTP/1.1\r\n", b"get / HTTP/1.1\r\n", b"GET /\"<>^`{|} HTTP/1.1\r\n",
    ]
)  # fmt: skip


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """Heads as they should be, almost, and with a byte in them that should not be there."""
    data = draw(STARTS) + draw(st.sampled_from([b"", HOST])) + b"".join(draw(st.lists(LINES, max_size=4))) + b"\r\n"
    if draw(st.booleans()):
        place = draw(st.integers(0, len(data)))
        data = (
            data[:place]
            + draw(st.sampled_from([b"\0", b"\r", b"\n", b" ", b"\t", b"\x01", b"\xff", b":"]))
            + data[place:]
        )
    return data


@given(data=heads())
@example(data=b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n")
def test_h11_understands_the_same_by_what_is_taken(data: bytes) -> None:
    try:
        end = find_end(data, 0, 10_000)
        if end < 0:
            return
        head = parse_head(data[:end])
    except BadHead:
        return  # to refuse more than h11 does is what it is for
    other = h11.Connection(h11.SERVER)
    other.receive_data(data[:end])
    event = other.next_event()
    assert isinstance(event, h11.Request)
    assert (event.method.decode(), event.target) == (head.method, head.target)
    theirs = [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in event.headers]
    ours = [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in head.headers]
    assert theirs == ours
    assert event.http_version.decode() == head.version
    other.receive_data(b"3\r\nabc\r\n0\r\n\r\n" if head.length == CHUNKED else b"z" * min(head.length, 1_000))
    got = other.next_event()
    assert isinstance(got, h11.Data) is (head.length != 0)


CHUNKS = st.lists(
    st.sampled_from(
        [
            b"0\r\n\r\n", b"3\r\nabc\r\n", b"003\r\nabc\r\n", b"A\r\n0123456789\r\n", b"3;x=y\r\nabc\r\n",
            b"3 \r\nabc\r\n",
            b"0\r\nX: y\r\n\r\n", b"3\nabc\r\n", b"3\r\nabcd\r\n", b"-1\r\n", b"0x3\r\nabc\r\n", b"\r\n", b"3\r\nabc\n",
            b"g\r\n", b"0\r\nX y\r\n\r\n", b"3\r\n\r\n\r\r\n", b"GET / HTTP/1.1\r\n\r\n", b"3;\0\r\nabc\r\n",
        ]
    ),
    max_size=5,
)  # fmt: skip


@given(parts=CHUNKS, cuts=st.lists(st.integers(0, 60), max_size=4))
def test_h11_finds_the_same_body_in_the_same_chunks(parts: Sequence[bytes], cuts: Sequence[int]) -> None:
    data = b"".join(parts)
    decoder, body, used = ChunkDecoder(), b"", 0
    try:
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
            if not decoder.ended:
                body += decoder.feed(data[start : max(start, end)])
                used = max(start, end)
    except BadChunk:
        return
    if not decoder.ended:
        return
    rest = decoder.rest + data[used:]
    other = h11.Connection(h11.SERVER)
    other.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    assert isinstance(other.next_event(), h11.Request)
    theirs = b""
    while isinstance(event := other.next_event(), h11.Data):
        theirs += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert (theirs, other.trailing_data[0]) == (body, rest)


@pytest.mark.parametrize(
    "data",
    [b"g\r\n", b"3\r\nabcd\r\n", b"3\nabc\r\n", b"0x3\r\n", b"-3\r\n", b"\r\n", b"3;\0\r\n", b"3\rabc",
     b"0\r\nbad\r\n\r\n", b"1" * 17 + b"\r\n", b"1;" + b"x" * 5_000],
)  # fmt: skip
def test_a_broken_chunk_is_refused(data: bytes) -> None:
    with pytest.raises(BadChunk):
        ChunkDecoder().feed(data + (b"" if data.endswith(b"x") else b"\n"))
