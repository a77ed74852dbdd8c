"""The words that settings share."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["process", "feed", "http", "files", "report", "deployment", "webhooks", "tcp", "exec"]
Scalar: TypeAlias = str | int | float | bool | dt.date | dt.time  # a dt.datetime is a dt.date
OptionValue: TypeAlias = "Scalar | Sequence[OptionValue] | Mapping[str, OptionValue]"

KINDS: tuple[str, ...] = get_args(Kind)
OWN_LOG = "watchhamster"  # `watchhamster.log` is our own and `<id>.log` a service's: no service may have this id
LOGS = "logs"  # the folder of the data directory that holds them
