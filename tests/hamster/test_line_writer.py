"""Whoever has something to say never waits; what is lost is counted at its place."""

import threading

from hamster.line_writer import LineWriter

PATIENCE = 10.0


class Sink:
    """Takes lines, holds them up, or fails, as told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.open = threading.Event()
        self.reached = threading.Semaphore(0)
        self.failing = False

    def write(self, text: str) -> None:
        self.reached.release()
        assert self.open.wait(PATIENCE)
        if self.failing:
            raise OSError(28, "No space left on device")
        self.lines.append(text)


def made(sink: Sink, capacity: int = 100) -> LineWriter:
    return LineWriter(sink.write, notice=lambda count: f"({count} lost)", name="test", capacity=capacity)


def test_lines_come_in_order_and_all_are_written_before_leaving() -> None:
    sink = Sink()
    sink.open.set()
    with made(sink) as writer:
        for number in range(100):
            writer.line(str(number))
    assert sink.lines == [str(number) for number in range(100)]
    assert (writer.dropped, writer.ended) == (0, True)


def test_what_finds_no_room_is_counted_where_it_is_missing() -> None:
    sink = Sink()
    with made(sink, capacity=3) as writer:
        writer.line("in the hand")
        assert sink.reached.acquire(timeout=PATIENCE)  # the thread has taken it: the queue is empty
        for number in range(10):
            writer.line(str(number))
        assert writer.dropped == 7
        sink.open.set()
        for _ in range(3):
            assert sink.reached.acquire(timeout=PATIENCE)
        writer.line("after")
    assert sink.lines == ["in the hand", "0", "1", "2", "(7 lost)", "after"]


def test_what_was_lost_at_the_very_end_is_said_too() -> None:
    sink = Sink()
    with made(sink, capacity=1) as writer:
        writer.line("in the hand")
        assert sink.reached.acquire(timeout=PATIENCE)
        for number in range(5):
            writer.line(str(number))
        sink.open.set()
    assert sink.lines == ["in the hand", "0", "(4 lost)"]


def test_lines_that_cannot_be_written_are_counted_as_soon_as_one_can() -> None:
    sink = Sink()
    sink.open.set()
    with made(sink) as writer:
        writer.line("before")
        assert sink.reached.acquire(timeout=PATIENCE)
        sink.failing = True
        for number in range(4):
            writer.line(str(number))
            assert sink.reached.acquire(timeout=PATIENCE)
        writer.line("last that fails")
        assert sink.reached.acquire(timeout=PATIENCE)
        # From its second failure on it is the notice that is tried.
        sink.failing = False
        writer.line("after")
    assert sink.lines[0] == "before"
    assert sink.lines[-1] == "after"
    assert sink.lines[1] == f"({writer.dropped} lost)"


def test_leaving_does_not_wait_for_ever_for_a_write_that_is_stuck() -> None:
    sink = Sink()
    with made(sink, capacity=1) as writer:
        for number in range(5):
            writer.line(str(number))
    assert not writer.ended  # it is still at it, and the process can end nevertheless: the thread is a daemon
    sink.open.set()


def test_lines_of_many_threads_are_all_written_or_counted() -> None:
    sink = Sink()
    sink.open.set()
    with made(sink, capacity=5) as writer:
        threads = [threading.Thread(target=lambda: [writer.line("x") for _ in range(500)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lost = [int(line.strip("(").split()[0]) for line in sink.lines if line != "x"]
    assert sum(lost) == writer.dropped
    assert sink.lines.count("x") + writer.dropped == 8 * 500
