from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services.keeper.wire import Frames, frame

Frame = tuple[int, int, int, bytes]

NUMBERS = st.integers(-(2**63), 2**63 - 1)
FRAMES = st.lists(st.tuples(st.integers(0, 255), NUMBERS, NUMBERS, st.binary(max_size=100)))


@pytest.mark.slow
@given(FRAMES, st.lists(st.integers(1, 40)))
def test_frames_arrive_whole_however_the_stream_is_cut(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(frame(*each) for each in sent)
    frames = Frames()
    arrived: list[Frame] = []
    for size in [*cuts, len(stream) + 1]:
        arrived += frames.feed(stream[:size])
        stream = stream[size:]
    assert arrived == sent


def test_what_is_no_stream_of_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        Frames().feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")
