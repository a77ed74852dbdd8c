"""The monitors that only look: web pages, ports and commands."""

import os

from actors.services.monitors.base import MonitorService
from actors.services.probing import Look, look_exec, look_http, look_tcp
from actors.settings import ExecOptions, HttpOptions, TcpOptions


class HttpMonitor(MonitorService):
    """A web page or an API."""

    KEY = "url"

    async def look(self) -> Look:
        return await look_http(self.options_as(HttpOptions))


class TcpMonitor(MonitorService):
    """A port."""

    KEY = "address"

    async def look(self) -> Look:
        return await look_tcp(self.options_as(TcpOptions))


class ExecMonitor(MonitorService):
    """A command that tells by its exit code."""

    KEY = "command"

    async def look(self) -> Look:
        environment = {**os.environ, "HAMSTER_SERVICE": self.record.settings.id}
        return await look_exec(self.options_as(ExecOptions), environment=environment)
