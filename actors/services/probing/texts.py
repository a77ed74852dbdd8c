"""What must, and what must not, stand in a text that somebody else has written."""

import sys
from pathlib import Path

import attrs

from actors.services.probing import pattern_process, running
from actors.services.probing.looks import LookFailed, Progress
from actors.setting_rules import shown


@attrs.frozen
class TextCheck:
    """What is looked for."""

    present: str | None = None
    absent: str | None = None
    regex: bool = False
    """Both are regular expressions."""

    async def judge(self, text: str, what: str, progress: Progress, *, cut: bool = False) -> None:
        """Nothing, if *text* is as it should be.

        Args:
            text: To look in.
            what: A name for it, like "the body".
            progress: Where it says that it is at it.
            cut: The text goes on behind what there is of it.

        Raises:
            LookFailed: It is not, or it cannot be told.
        """
        progress.doing = f"searching {what}"
        if self.present is not None and not await self._found(self.present, text):
            rest = f" in its first {len(text):,} characters; raise max_body" if cut else ""
            raise LookFailed(f"{what} does not hold {shown(self.present)}{rest}")
        if self.absent is None:
            return
        if await self._found(self.absent, text):
            raise LookFailed(f"{what} holds {shown(self.absent)}")
        if cut:
            raise LookFailed(f"{what} is too large to tell that it does not hold {shown(self.absent)}; raise max_body")

    async def _found(self, wanted: str, text: str) -> bool:
        if not self.regex:
            return wanted in text
        # In a process: `re` holds the interpreter until it is done, which some pairs of expression and text put off
        # for ever; a thread would not help.
        pattern = wanted.encode("utf-8", "surrogatepass")
        given = b"%08d" % len(pattern) + pattern + text.encode("utf-8", "surrogatepass")
        program = str(Path(pattern_process.__file__))
        ended = await running.run([sys.executable, "-I", "-S", program], given=given)
        if ended.exit_code not in (pattern_process.FOUND, pattern_process.NOT_FOUND) or ended.output:
            last = ended.output.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise LookFailed(
                f"the search for {shown(wanted)} failed: {last or ended.signal or ended.exit_code}", ours=True
            )
        return ended.exit_code == pattern_process.FOUND
