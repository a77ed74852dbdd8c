"""A system with one feed out of a file, for tests that kill it: `python -m ... DIRECTORY FEED HOOK`."""

import sys
from pathlib import Path

import trio

from actors import ServiceSettings, SystemSettings, open_system
from actors.settings import FeedOptions


async def main(directory: str, feed: str, hook: str) -> None:
    options = FeedOptions(file=feed, interval=0.05, webhook_url=hook, announce_max=1000)
    service = ServiceSettings(id="news", kind="feed", monitor=options)
    async with open_system(SystemSettings(data_dir=Path(directory), services=(service,))):
        print("open", flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2], sys.argv[3])
