"""`hamster doctor`."""

import json
import time
from pathlib import Path

import click

from hamster.cli.common import USAGE, config_option, data_dir_option
from hamster.config import ConfigError, HamsterConfig, default_source, load_config
from hamster.doctor import Weight, examine
from hamster.runtime_file import resolve_data_dir

SIGNS = {Weight.OK: "ok   ", Weight.HINT: "hint ", Weight.WRONG: "WRONG"}


@click.command()
@config_option
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(config_file: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Say what is open, and what would be better: who reaches it, who may do what, and whose its files are.

    It looks at the configuration and at the data directory; no server need run, and none is asked. Exits with 1 if
    something is wrong, with 0 if there are hints at most.
    """
    config = _configured(config_file)
    findings = list(examine(config, resolve_data_dir(data_dir), now=time.time()))
    if as_json:
        listed = [{"weight": one.weight.value, "what": one.what, "advice": one.advice} for one in findings]
        click.echo(json.dumps({"findings": listed}, ensure_ascii=False, indent=2))
    else:
        for one in findings:
            click.echo(f"{SIGNS[one.weight]}  {one.what}" + (f"; {one.advice}" if one.advice else ""))
    if any(one.weight is Weight.WRONG for one in findings):
        raise SystemExit(1)


def _configured(config_file: Path | None) -> HamsterConfig:
    try:
        return load_config(config_file or default_source())
    except ConfigError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        raise SystemExit(USAGE) from None
