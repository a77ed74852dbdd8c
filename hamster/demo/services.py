"""The demo's programs as services."""

import sys

from actors.settings import ProcessOptions, ServiceSettings


def demo_services(*, newsroom_port: int, python: str = sys.executable) -> tuple[ServiceSettings, ...]:
    """A news site on *newsroom_port* of 127.0.0.1, and a program that crashes now and then.

    They come beside the contract's services, which stay stopped: those have nothing real to watch here.
    """
    newsroom = ProcessOptions(
        command=(python, "-m", "hamster.demo.newsroom", "--port", str(newsroom_port)),
        start_seconds=0.5,
        stop_grace=2.0,
    )
    # It lives 4 seconds at least, so a minute has at most 15 failures: it never gives up on an ordinary day.
    flaky = ProcessOptions(
        command=(python, "-m", "hamster.demo.flaky", "--mean", "12"),
        start_seconds=0.5,
        stop_grace=2.0,
        backoff_initial=0.5,
        backoff_max=4.0,
        healthy_seconds=8.0,
        fatal_failures=30,
        fatal_window=60.0,
    )
    return (
        ServiceSettings(
            id="newsroom",
            name="데모 뉴스룸",
            description="20초마다 새 소식을 올리고 웹훅을 받는 작은 사이트",
            process=newsroom,
        ),
        ServiceSettings(
            id="flaky",
            name="말썽쟁이",
            description="평균 12초마다 스스로 쓰러지는 프로그램",
            process=flaky,
        ),
    )
