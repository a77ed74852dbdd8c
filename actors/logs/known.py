"""Which logs there are."""

from pathlib import Path

import attrs

from actors.logs.records import Origin

OWN_LOG = "watchhamster.log"


@attrs.frozen(kw_only=True)
class KnownLog:
    """A log that is followed, whether its file is there at the moment or not.

    Attributes:
        name: What it is asked for by: a bare file name, unique.
        path: Of the file, absolute. Its rotated files are beside it: `<name>.1`, `<name>.2.gz` and so on.
        origin: Who writes it.
        service: The id of the service whose output it is; `watchhamster` for our own; None for a file from outside.
        pattern: A regular expression (RE2) with named groups `timestamp`, `level`, `logger`, `module`, `line`,
            `thread`, `message`, any of which may be missing; None: the format is recognised.
        encoding: As Python calls it; None: UTF-16 by its byte order mark, else each line UTF-8 or, failing that, CP949.
        zone: Of times that do not say their offset, in the IANA database; None: the zone of all logs.
    """

    name: str
    path: Path
    origin: Origin
    service: str | None = None
    pattern: str | None = None
    encoding: str | None = None
    zone: str | None = None
