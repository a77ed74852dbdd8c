"""A system with one rule that fires at once, in a process that a test kills: `python life.py DIRECTORY`."""

import sys
from pathlib import Path

import trio

from actors import AlertChanged, AlertRule, AlertSettings, MetricsSettings, SystemSettings, open_system
from actors.webhooks.messages import NoticesAdded

RECEIVER = "http://127.0.0.1:9/hook"


async def main(directory: Path) -> None:
    full = AlertRule(figure="memory_percent", above=0.0, for_=0.05, clear_for=0.0)
    settings = SystemSettings(
        data_dir=directory,
        metrics=MetricsSettings(interval=0.1, history_seconds=600.0),
        alerts=AlertSettings(webhook=RECEIVER, rules={"full": full}),
    )
    async with open_system(settings) as system:
        sample = system.metrics.readings.subscribe()
        with system.bus.subscribe(AlertChanged, NoticesAdded) as events, sample.changes:
            print("open", len(system.alerts.board.value.active), flush=True)
            async for event in events:
                print(type(event).__name__, flush=True)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
