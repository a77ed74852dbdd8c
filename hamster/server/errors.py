"""What can go wrong, each said in one sentence."""

from typing import cast


class ServerError(Exception):
    """The server cannot start."""


class BindError(ServerError):
    """An address cannot be listened on."""

    def __init__(self, host: str, port: int, sentence: str) -> None:
        super().__init__(sentence)
        self.host = host
        self.port = port


class AddressInUse(BindError):
    """Another program listens there."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            host,
            port,
            f"port {port} on {host} is in use by another program; "
            "stop that program or choose another port (0 takes any free one)",
        )


class PortForbidden(BindError):
    """This user may not listen on that port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            host,
            port,
            f"port {port} on {host} may not be used by this user; choose a port of 1024 or above",
        )


class AddressNotHere(BindError):
    """The address belongs to no interface of this machine."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            host,
            port,
            f"{host} is not an address of this machine; use localhost, or 0.0.0.0 for every interface",
        )


class UnknownHost(BindError):
    """The name has no address."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            host,
            port,
            f"host {host!r} has no address ({reason}); use localhost, an IP address or a known name",
        )


class InvalidPort(BindError):
    """Not a TCP port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, f"port is {port}; expected 0 to 65535, where 0 takes any free port")


class Exposed(BindError):
    """Others reach the address, and may do everything there."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            host,
            port,
            f"{host} is reached by other machines, and security is off; listen on localhost, or turn security on",
        )


class StartupFailed(ServerError):
    """The application refused to start, or took too long to."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the application did not start: {reason}")
        self.reason = reason


class ClientGone(OSError):
    """The application sends to a client that has left. It need not be caught: it ends the request quietly."""

    def __init__(self) -> None:
        super().__init__("the client has left")


def only_client_gone(error: BaseException) -> bool:
    """Whether *error*, or everything in the group that it is, is `ClientGone`."""
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return all(only_client_gone(each) for each in inner)
    return isinstance(error, ClientGone)
