"""`/api/logs`: for how long logs are kept, and cleaning up."""

from collections.abc import Mapping

import attrs
from quart import Response, request
from quart_trio import QuartTrio

from actors.logs.files.cleaning import Cleaned
from actors.logs.retention import RetentionOwned
from actors.setting_tables import read_table
from actors.settings import RetentionOptions
from actors.system import System
from hamster.http import texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.parameters import reading
from hamster.http.problems import InvalidRequest
from hamster.http.service_changes import field_problems
from hamster.settings.run_time import RunTimeSettings

MB = 1024 * 1024


def register(app: QuartTrio, system: System, run_time: RunTimeSettings) -> None:
    """Add the routes of the retention to *app*."""
    retention = system.retention

    async def policy() -> Response:
        return json_response(policy_model(retention.policy, owner="file" if retention.is_configured else "api"))

    async def set_policy() -> Response:
        given = await json_body(dict[str, object])
        known = {key: value for key, value in given.items() if key != "owner"}
        before = attrs.asdict(retention.policy)
        found, problems = read_table(RetentionOptions, {**before, **known}, "the retention policy")
        if found is None:
            raise InvalidRequest(field_problems(problems))
        if retention.is_configured:
            raise RetentionOwned
        await run_time.change({"logs": {"retention": attrs.asdict(found)}}, reason="retention policy")
        return json_response({"message": texts_ko.LOG_POLICY_SAVED, **policy_model(found, owner="api")})

    async def cleanup() -> Response:
        with reading(request.args) as query:
            dry_run = query.boolean("dry_run", default=False)
        if await request.get_data(cache=True, as_text=False, parse_form_data=False):
            dry_run = bool((await json_body(dict[str, object])).get("dry_run", dry_run))
        return json_response(cleaned_model(await retention.clean(dry_run=dry_run), dry_run=dry_run))

    app.add_url_rule("/api/logs/retention-policy", "logs.policy", policy, methods=["GET"])
    app.add_url_rule("/api/logs/retention-policy", "logs.set_policy", set_policy, methods=["POST"])
    app.add_url_rule("/api/logs/cleanup", "logs.cleanup", cleanup, methods=["POST"])


def policy_model(policy: RetentionOptions, *, owner: str) -> Mapping[str, object]:
    """The policy with the frontend's keys, and who owns it: `file` or `api`."""
    return {**attrs.asdict(policy), "owner": owner}


def cleaned_model(cleaned: Cleaned, *, dry_run: bool) -> Mapping[str, object]:
    """What a clean-up did, with the frontend's keys first."""
    return {
        "deleted_files": len(cleaned.deleted),
        "compressed_files": len(cleaned.packed),
        "total_space_freed": cleaned.freed,
        "total_space_freed_mb": round(cleaned.freed / MB, 2),
        "message": texts_ko.LOG_CLEAN_PLANNED if dry_run else texts_ko.LOG_CLEANED,
        "dry_run": dry_run,
        "deleted": [{"name": name, "reason": why} for name, why in cleaned.deleted],
        "compressed": list(cleaned.packed),
        "removed_records": dict(cleaned.thinned),
        "failed": dict(cleaned.failed),
    }
