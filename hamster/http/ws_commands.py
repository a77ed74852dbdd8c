"""What a client of the WebSocket can have done: services controlled, webhooks sent."""

import logging
import re
from typing import Literal, get_args

import msgspec

from actors.runtime import CORRELATION
from actors.system import System
from hamster.http import errors_ko
from hamster.http.errors_ko import ErrorTable
from hamster.http.frames import Frame, FrameMaker
from hamster.http.gate_asgi import StoppingSwitch
from hamster.http.problems import HttpProblem, InvalidRequest
from hamster.http.services import Command, carry_out, carry_out_several
from hamster.http.targets import is_one
from hamster.http.webhooks import SendBody, send_body
from hamster.security import CLIENT, CURRENT, Scope, Security, may

log = logging.getLogger("hamster.live")

CommandType = Literal["service_control", "send_webhook"]
COMMANDS: tuple[CommandType, ...] = get_args(CommandType)
ACTIONS: tuple[Command, ...] = ("start", "stop", "restart")

LONGEST_MARK = 100
LONGEST_TEXT = 500
"""Characters of an error; it names what the client sent."""

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class BadFrameError(Exception):
    """A client's frame that cannot be used. `code` is for programs, the text for people, `details` say what."""

    def __init__(self, code: str, text: str, **details: object) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.details = details


class WsCommands:
    """Carries commands out and answers with a frame of the command's own type, or an error."""

    def __init__(
        self, system: System, maker: FrameMaker, stopping: StoppingSwitch, security: Security | None = None
    ) -> None:
        self._system = system
        self._maker = maker
        self._stopping = stopping
        self._security = security
        self._errors = ErrorTable()

    async def answer(self, kind: CommandType, parameters: dict[str, object]) -> Frame:
        """The answer to one command, whatever comes of it; `id` in its parameters is given back."""
        known = parameters.get("id", parameters.get("request_id"))
        mark = {"request_id": known} if can_be_given_back(known) else {}
        try:
            data = await self._carried_out(kind, parameters)
        except BadFrameError as error:
            return self.error(error, **mark)
        except Exception as error:  # the connection and its other commands must live
            return self.error(self._told(error, parameters), **mark)
        return self._maker.frame(kind, {**data, **mark})

    def error(self, error: BadFrameError, **more: object) -> Frame:
        """An `error` frame."""
        details = {**error.details, **more}
        told = {"error_code": error.code, "error_message": short(error.text, LONGEST_TEXT), "details": details}
        return self._maker.frame("error", told)

    async def _carried_out(self, kind: CommandType, parameters: dict[str, object]) -> dict[str, object]:
        if self._stopping.on:
            raise BadFrameError("SERVICE_UNAVAILABLE", errors_ko.STOPPING)
        if self._security is not None:
            self._allow(self._security, kind, parameters)
        if kind == "service_control":
            return await self._control(parameters)
        return await self._send(parameters)

    def _allow(self, security: Security, kind: CommandType, parameters: dict[str, object]) -> None:
        """Note the command, and refuse it unless who opened the socket may control."""
        allowed = may(Scope.CONTROL)
        said = {name: short(parameters[name]) for name in ("service_id", "action") if name in parameters}
        security.audit.note(
            f"command.{kind}",
            who=CURRENT.get(),
            peer=CLIENT.get(),
            **said,
            status="allowed" if allowed else "denied",
            request_id=CORRELATION.get(),
        )
        if not allowed:
            raise BadFrameError("FORBIDDEN", errors_ko.COMMAND_NEEDS_CONTROL, needs="control")

    async def _control(self, parameters: dict[str, object]) -> dict[str, object]:
        target, action = parameters.get("service_id"), parameters.get("action")
        if not isinstance(target, str) or not target:
            raise BadFrameError("INVALID_DATA", errors_ko.FIELD_MISSING, field="service_id")
        if action not in ACTIONS:
            text = errors_ko.WS_BAD_VALUE.format(field="action", got=short(action), expected=", ".join(ACTIONS))
            raise BadFrameError("INVALID_DATA", text, field="action", got=short(action))
        services = self._system.services
        name: Command = action
        said: dict[str, object] = {"service_id": target, "action": name}
        if is_one(services, target):
            return {**said, "success": True, "message": await carry_out(services, name, target, 0.0)}
        told = await carry_out_several(services, name, target, 0.0)
        success = all(result.success for result in told.results)
        return {**said, "success": success, "message": told.message, "results": told.results}

    async def _send(self, parameters: dict[str, object]) -> dict[str, object]:
        known = {name: value for name, value in parameters.items() if name not in ("id", "request_id")}
        try:
            body = msgspec.convert(known, SendBody)
        except msgspec.ValidationError as error:
            raise BadFrameError("INVALID_DATA", errors_ko.FIELD_OF_BODY.format(problem=error)) from None
        return {"success": True, **await send_body(self._system.webhooks, body)}

    def _told(self, error: Exception, parameters: dict[str, object]) -> BadFrameError:
        details = {name: short(parameters[name]) for name in ("service_id", "action", "url") if name in parameters}
        details.pop("url", None)  # it may be a secret
        if isinstance(error, InvalidRequest | HttpProblem):
            return BadFrameError("INVALID_DATA" if error.status == 400 else "REFUSED", error.detail, **details)
        found = self._errors.find(error)
        if found is not None:
            return BadFrameError(code_of(error), found[1], **details)
        log.error("live.command_failed parameters=%s", sorted(parameters), exc_info=error)
        return BadFrameError("INTERNAL_ERROR", errors_ko.STATUS_TEXT[500], **details)


def code_of(error: Exception) -> str:
    """`SERVICE_NOT_FOUND` for a `ServiceNotFound`."""
    return _WORD.sub("_", type(error).__name__).upper()


def can_be_given_back(value: object) -> bool:
    """Whether *value*, a client's own mark, is small and plain: what it does not read waits with us."""
    return isinstance(value, str | int | float) and len(str(value)) <= LONGEST_MARK


def short(value: object, longest: int = 60) -> str:
    """*value* as it is shown back."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= longest else text[:longest] + "..."
