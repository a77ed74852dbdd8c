"""What is told over the WebSocket of deployments and of the repository."""

from actors.deploy.messages import BranchSwitched, DeployEvent, DeploymentChanged
from hamster.http import texts_ko
from hamster.http.posco_models import deployment_model, git_model, switch_model
from hamster.http.times import Stamp


def posco_data(event: DeployEvent, stamp: Stamp) -> dict[str, object]:
    """The data of a `posco_event`; `event_type` says which it is."""
    match event:
        case DeploymentChanged():
            deployment, step = event.deployment, event.step
            names = {"branch": deployment.target, "step": texts_ko.DEPLOYMENT_STEPS.get(deployment.step or "", "-")}
            return {
                "event_type": f"deployment_{event.what}",
                "message": texts_ko.DEPLOYMENT_EVENTS[event.what].format_map(names),
                "session_id": deployment.id,
                "step": deployment.step if step is None else step.name,
                "duration_seconds": None if step is None else step.seconds,
                "deployment": deployment_model(deployment, stamp),
            }
        case BranchSwitched():
            return {
                "event_type": "branch_switch",
                "message": texts_ko.BRANCH_EVENTS[event.switch.status].format(branch=event.switch.branch),
                **switch_model(event.switch),
            }
        case _:
            return {
                "event_type": "git_status",
                "message": texts_ko.GIT_CHANGED.format(branch=event.new.current_branch),
                "git_status": git_model(event.new, stamp),
            }
