"""Deployments and the repository in the contract's JSON: every key is always there."""

from collections.abc import Mapping

from actors.deploy.messages import STEPS, BranchSwitch, Deployment, DeployState, GitState
from actors.services import ServiceView, State
from hamster.http.masking import mask_text
from hamster.http.service_models import look_model, status_of
from hamster.http.times import Stamp

UNKNOWN, NONE = "unknown", "-"
"""For texts that a client reads without asking whether they are there."""
NEWS, PAGES = "posco_news", "github_pages"
"""The services that the news and the site are watched by."""


def deployment_model(deployment: Deployment, stamp: Stamp) -> dict[str, object]:
    """One deployment; the first nine keys are the contract's."""
    error = deployment.error
    return {
        "session_id": deployment.id,
        "status": deployment.status,
        "current_branch": deployment.came_from or UNKNOWN,
        "target_branch": deployment.target,
        "start_time": stamp(deployment.started_at),
        "end_time": None if deployment.ended_at is None else stamp(deployment.ended_at),
        "steps_completed": [step.name for step in deployment.steps],
        "current_step": deployment.step or NONE,
        "progress_percentage": deployment.progress,
        "error_message": None if error is None else mask_text(error),
        "commit_hash": deployment.commit,
        "steps": [
            {"name": step.name, "duration_seconds": step.seconds, "detail": mask_text(step.detail)}
            for step in deployment.steps
        ],
        "total_steps": len(STEPS),
        "cancelled": deployment.cancelled,
        "interrupted": deployment.interrupted,
        "rolled_back": deployment.rolled_back,
        "rollback_error": None if deployment.rollback_error is None else mask_text(deployment.rollback_error),
        "saved_changes": deployment.saved,
        "started_by": deployment.started_by or NONE,
        "url": deployment.url,
    }


def git_model(state: GitState, stamp: Stamp) -> dict[str, object]:
    """What the repository is like."""
    at = state.committed_at
    return {
        "current_branch": state.current_branch,
        "last_commit": state.commit[:10],
        "commit_hash": state.commit,
        "commit_message": state.message,
        "commit_author": state.author,
        "commit_date": NONE if at is None else stamp(at),
        "has_uncommitted_changes": state.changes > 0,
        "has_conflicts": state.conflicts > 0,
        "remote_status": state.remote_status,
        "ahead_count": state.ahead,
        "behind_count": state.behind,
        "changed_files": state.changed,
        "changed_count": state.changes,
        "error_message": None if state.error is None else mask_text(state.error),
    }


def pages_model(view: ServiceView | None, stamp: Stamp) -> dict[str, object]:
    """How the site answered when it was looked at last."""
    look = None if view is None else view.last_look
    if view is None or look is None or view.looked_at is None:
        return {
            "is_accessible": False,
            "last_check": NONE,
            "response_time": None,
            "status_code": None,
            "error_message": None,
            "figures": {},
        }
    status = look.figures.get("status")
    return {
        "is_accessible": look.ok,
        "last_check": stamp(view.looked_at),
        "response_time": round(look.latency * 1000, 1),
        "status_code": status if isinstance(status, int) else None,
        "error_message": None if look.ok else mask_text(look.detail),
        "figures": look_model(view, look).figures,
    }


def deployment_word(state: DeployState) -> str:
    """How deploying stands: `idle`, `in_progress` or `failed`."""
    if state.running is not None:
        return "in_progress"
    return "failed" if state.current is not None and state.current.status == "failed" else "idle"


def switch_model(switch: BranchSwitch) -> dict[str, object]:
    """The last switch of branches."""
    return {
        "status": switch.status,
        "branch": switch.branch,
        "error_message": None if switch.error is None else mask_text(switch.error),
    }


def status_model(
    state: DeployState, git: GitState, services: Mapping[str, ServiceView], stamp: Stamp
) -> dict[str, object]:
    """All of it; the first four keys are the reference's."""
    part, news = services.get("deployment"), services.get(NEWS)
    last = next((one for one in state.history if one.status == "success"), None)
    current = state.current
    return {
        "status": "stopped" if part is not None and part.state is State.STOPPED else "running",
        "branch": git.current_branch,
        "last_deployment": None if last is None or last.ended_at is None else stamp(last.ended_at),
        "services": {
            "news_monitor": "stopped" if news is None else status_of(news),
            "deployment": deployment_word(state),
        },
        "current_branch": git.current_branch,
        "branch_switch_status": state.switch.status,
        "branch_switch": switch_model(state.switch),
        "deployment_history": [deployment_model(one, stamp) for one in state.history],
        "current_deployment": None if current is None else deployment_model(current, stamp),
        "github_pages_status": pages_model(services.get(PAGES), stamp),
        "git_status": git_model(git, stamp),
    }
