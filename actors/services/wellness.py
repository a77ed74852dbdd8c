"""How one run does its work, judged by what its probes answer. No I/O."""

import attrs

from actors.services.messages import Health
from actors.services.probing import Look, Standing, judge_of
from actors.settings import ProcessOptions
from actors.settings.probes import ProbeOptions


@attrs.frozen
class Course:
    """The answers of one probe until now."""

    standing: Standing = attrs.field(factory=Standing)
    detail: str = ""
    """What the last one said."""

    @property
    def health(self) -> Health:
        """What they come to."""
        return self.standing.health

    def after(self, look: Look, options: ProbeOptions, now: float) -> "Course":
        """With one more answer. One that says nothing about the service, for want of something of ours, is none."""
        return Course(judge_of(options).after(self.standing, look.verdict, now), look.detail)


@attrs.define(eq=False)
class Wellness:
    """What was seen of one run, beside its life. Its probes write it, its actor reads it; a new run has a new one."""

    ready: Course = attrs.field(factory=Course)
    alive: Course = attrs.field(factory=Course)
    ready_at: float | None = None
    """When it was first ready, on Trio's clock."""
    memory: int = 0
    """Bytes, as last seen."""
    memory_over: int = 0
    """How many looks in a row found more than it may have."""

    def hear_ready(self, look: Look, options: ProbeOptions, now: float) -> None:
        """Take an answer to the question whether it is ready."""
        self.ready = self.ready.after(look, options, now)
        if self.ready.health is Health.HEALTHY and self.ready_at is None:
            self.ready_at = now

    def is_ready(self, detail: str, at: float) -> None:
        """It is ready for good: it said so itself."""
        self.ready = Course(Standing(Health.HEALTHY), detail)
        if self.ready_at is None:
            self.ready_at = at

    def hear_alive(self, look: Look, options: ProbeOptions, now: float) -> None:
        """Take an answer to the question whether it still works."""
        self.alive = self.alive.after(look, options, now)

    def see_memory(self, used: int, most: int) -> None:
        """Take a look at its memory."""
        self.memory = used
        self.memory_over = self.memory_over + 1 if used > most else 0

    def health(self, options: ProcessOptions) -> tuple[Health, str | None]:
        """Whether it does its work, and what the answer says that this rests on."""
        ready, alive = self.ready, self.alive
        if options.ready is not None and self.ready_at is None:
            # Not ready yet is no illness: the deadline of the start judges that.
            return Health.UNKNOWN, ready.detail or None
        for course in (alive, ready):
            if course.health is Health.UNHEALTHY:
                return Health.UNHEALTHY, course.detail
        well = Health.HEALTHY in (alive.health, ready.health)
        return (Health.HEALTHY if well else Health.UNKNOWN), ready.detail or alive.detail or None
