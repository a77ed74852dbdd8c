"""A program that puts two notices into an outbox and sends them, to be killed by a test."""

import sys
from pathlib import Path

import trio

from tests.actors.webhooks.office import a_post


async def main(directory: Path, url: str, sending: bool) -> None:
    async with a_post(directory, sending=sending) as post:
        await post.put("one", "two", url=url)
        sys.stdout.write("put\n")
        sys.stdout.flush()
        while True:
            sys.stdout.write(f"sent {(await post.sent()).key}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "sending")
