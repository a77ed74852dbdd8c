"""Looks at every mailbox after every step of every task, and cancels callers where the program says so."""

import attrs
import trio

from actors.runtime import Full
from actors.runtime.mailbox import Mailbox
from tests.actors.runtime.programs.history import History


@attrs.define
class _Sentence:
    scope: trio.CancelScope
    waits: int
    """How often the task still waits before it."""
    lag: int


class Overseer(trio.abc.Instrument):
    """Trio calls it at every step; what it raised would be lost, so it writes down what is wrong."""

    def __init__(self, history: History) -> None:
        self.mailboxes: list[Mailbox] = []
        self._history = history
        self._sentenced: dict[trio.lowlevel.Task, _Sentence] = {}
        self._due: list[_Sentence] = []

    def cancel(self, scope: trio.CancelScope, *, at: int, lag: int) -> None:
        """Cancel *scope*, of the present task, when it waits for the *at*-th time; or *lag* steps later."""
        self._sentenced[trio.lowlevel.current_task()] = _Sentence(scope, at, lag)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        for mailbox in self.mailboxes:
            self._look_at(mailbox)
        for sentence in self._due:
            sentence.lag -= 1
        sentence = self._sentenced.get(task)
        if sentence is not None:
            sentence.waits -= 1
            if not sentence.waits:
                self._due.append(sentence)
        for sentence in tuple(self._due):
            if sentence.lag <= 0:
                self._due.remove(sentence)
                sentence.scope.cancel()

    def _look_at(self, mailbox: Mailbox) -> None:
        most = mailbox.options.capacity + mailbox.options.batch
        if mailbox.depth > most:
            self._history.wrong(7, f"{mailbox.path} holds {mailbox.depth} messages, at most {most} are allowed")
        if mailbox.blocked and (mailbox.options.full is not Full.BLOCK or mailbox.room):
            self._history.wrong(7, f"{mailbox.path} has room for {mailbox.room}, and {mailbox.blocked} senders wait")
