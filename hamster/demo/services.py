"""The demo: two programs, and the contract's services watching what they do."""

import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

from actors.settings import (
    FeedOptions,
    FilesCheck,
    FilesOptions,
    HttpOptions,
    JsonCheck,
    MonitorOptions,
    ProcessOptions,
    ReadyOptions,
    ReportOptions,
    ServiceSettings,
)
from actors.settings.webhooks import WebhookRoute, WebhookSettings
from hamster.defaults import contract_services

TOLD = ("service_error", "service_recovered", "alert", "deployment")
"""The events that the demo's inbox is told."""


def demo_services(
    *, newsroom_port: int, directory: Path, published: Path | None = None, python: str = sys.executable
) -> tuple[ServiceSettings, ...]:
    """The contract's services with something real to watch, then the programs that give them that.

    Args:
        newsroom_port: Of 127.0.0.1, for the news site.
        directory: Where the news site writes its reports; made by it.
        published: Where the site is that is deployed; None: there is none.
        python: What the programs are run by.
    """
    watching = monitors(f"http://127.0.0.1:{newsroom_port}", directory, deployed=published is not None)
    contract = (
        attrs.evolve(service, monitor=watching[service.id], autostart=True) if service.id in watching else service
        for service in contract_services()
    )
    return (*contract, *programs(newsroom_port, directory, published, python))


def monitors(site: str, directory: Path, *, deployed: bool) -> Mapping[str, MonitorOptions]:
    """What the contract's monitors look at here, often enough for somebody who looks on; by id."""
    pages = HttpOptions(url=f"{site}/", interval=5.0, retry_interval=1.0, text="뉴스룸")
    if deployed:
        what = (JsonCheck(path="$.title"), JsonCheck(path="$.branch"), JsonCheck(path="$.commit"))
        pages = attrs.evolve(pages, url=f"{site}/site/version.json", text=None, json=what)
    return {
        "posco_news": FeedOptions(
            url=f"{site}/feed.xml", interval=5.0, retry_interval=1.0, webhook_url=f"{site}/hooks/news"
        ),
        "github_pages": pages,
        "cache_monitor": FilesOptions(
            root=str(directory),
            interval=5.0,
            retry_interval=1.0,
            failures=5,
            checks={"fresh": FilesCheck(files=("*.json",), max_age=120.0, min_files=1)},
        ),
        "message_system": ReportOptions(interval=60.0, webhook_url=f"{site}/hooks/report"),
    }


def programs(newsroom_port: int, directory: Path, published: Path | None, python: str) -> tuple[ServiceSettings, ...]:
    """A news site, and a program that crashes now and then."""
    command = (python, "-m", "hamster.demo.newsroom", "--port", str(newsroom_port), "--directory", str(directory))
    newsroom = ProcessOptions(
        command=command if published is None else (*command, "--site", str(published)),
        start_seconds=0.5,
        stop_grace=2.0,
        ready=ReadyOptions(http=f"http://127.0.0.1:{newsroom_port}/health", interval=0.1),
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


def demo_webhooks(newsroom_port: int) -> WebhookSettings:
    """Webhooks to the news site, which is on loopback: what happens to the services, and what names no address."""
    hooks = f"http://127.0.0.1:{newsroom_port}/hooks"
    return WebhookSettings(
        allow_private=True,
        addresses={"default": f"{hooks}/enhanced"},
        routes={
            "inbox": WebhookRoute(
                url=f"{hooks}/events", events=("service_error", "service_recovered", "alert", "deployment")
            )
        },
    )
