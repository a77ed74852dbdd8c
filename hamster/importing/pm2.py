"""A PM2 ecosystem as JSON: its apps with everything that has a meaning here."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from hamster.importing.drafts import Drafts, Imported, ImportRefused, Table
from hamster.importing.pm2_app import App


def import_pm2(path: Path, text: str) -> Imported:
    """The apps of an ecosystem.

    Raises:
        ImportRefused: It is no JSON, or holds no app.
    """
    try:
        document: object = json.loads(text)
    except json.JSONDecodeError as error:
        text = f"is no JSON: {error.msg[:1].lower()}{error.msg[1:]}; comments are none either"
        raise ImportRefused(path, text, error.lineno) from None
    except RecursionError:
        raise ImportRefused(path, "is nested too deeply to be an ecosystem; check the path") from None
    drafts = Drafts(path)
    for number, entry in enumerate(_apps(path, drafts, document)):
        if not isinstance(entry, dict):
            drafts.note(f"apps[{number}]: left out, it is no object")
            continue
        app = App(drafts, cast("Mapping[str, object]", entry), number, path.absolute().parent)
        _add(drafts, app)
    return drafts.finish()


def _add(drafts: Drafts, app: App) -> None:
    table = app.table()
    if table is None:
        return
    id_ = drafts.add(app.name, table)
    if id_ is not None and app.restarted_by_cron is not None:
        job: Table = {
            "command": ["hamster", "restart", id_],
            "restart": "never",
            "schedule": {"cron": app.restarted_by_cron},
            "description": f"cron_restart of {id_}",
        }
        made = drafts.add(f"{id_}-restart", job)
        drafts.note(f"{app.name}: cron_restart: has become the job {made}, which needs `hamster` on its PATH")


def _apps(path: Path, drafts: Drafts, document: object) -> Sequence[object]:
    if isinstance(document, dict):
        table = cast("Mapping[str, object]", document)
        for key in table:
            if key not in ("apps", "$schema") and "apps" in table:
                drafts.note(f"{key}: left out")
        found = table.get("apps", [table] if "script" in table else None)
    else:
        found = document
    if isinstance(found, dict):
        return [cast("object", found)]
    if not isinstance(found, list):
        raise ImportRefused(path, 'is no PM2 ecosystem; expected {"apps": [...]}')
    return cast("list[object]", found)
