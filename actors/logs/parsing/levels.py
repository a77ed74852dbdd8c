"""Levels in all their spellings."""

from collections.abc import Mapping

from actors.logs.records import Level

_WORDS: Mapping[Level, str] = {
    "DEBUG": "TRACE TRC T FINE FINER FINEST VERBOSE VERB V SILLY DEBUG DBG DEBU D",
    "INFO": "INFO INF I INFORMATION INFORMATIONAL NOTICE NOTE NOT LOG CONFIG SUCCESS DEFAULT",
    "WARNING": "WARNING WARN WRN WARNIN W",
    "ERROR": "ERROR ERR ERRO EROR E SEVERE FAILURE",
    "CRITICAL": "CRITICAL CRIT CRT CRITI C FATAL FTL FATA F PANIC EMERG EMERGENCY ALERT A",
}

_BY_WORD: Mapping[str, Level] = {word: level for level, words in _WORDS.items() for word in words.split()}

# Of syslog, from emergency to debug: RFC 5424, 6.2.1.
_BY_SEVERITY: tuple[Level, ...] = (
    "CRITICAL",
    "CRITICAL",
    "CRITICAL",
    "ERROR",
    "WARNING",
    "INFO",
    "INFO",
    "DEBUG",
)

_BY_NUMBER: tuple[tuple[int, Level], ...] = ((60, "CRITICAL"), (50, "ERROR"), (40, "WARNING"), (20, "INFO"))


def level_of(word: str) -> Level | None:
    """What *word* means as a level, in any case; None: it is none."""
    return _BY_WORD.get(word.upper())


def level_of_number(number: float) -> Level:
    """Of the numbers that pino and bunyan write (10 to 60)."""
    for least, level in _BY_NUMBER:
        if number >= least:
            return level
    return "DEBUG"


def level_of_priority(priority: int) -> Level:
    """Of the number in front of a syslog message: facility times eight, plus severity."""
    return _BY_SEVERITY[priority % 8]


def level_of_status(status: int) -> Level:
    """Of the status of an HTTP answer in an access log."""
    return "ERROR" if status >= 500 else "WARNING" if status >= 400 else "INFO"
