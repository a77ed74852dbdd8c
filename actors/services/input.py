"""Write to the stdin of a process."""

from actors.services.keeper import Run
from actors.services.keeper.run import INPUT_BOUND
from actors.services.messages import InputClosed, InputFull, InputTaken


def send(service: str, run: Run, data: bytes, *, end: bool) -> InputTaken:
    """Hand *data*, and with *end* the end, to the holder of *run*, which writes it as the service reads. Never waits.

    Raises:
        InputFull: The service does not read; nothing was sent.
        InputClosed: The end was sent before.
    """
    if run.input_closed:
        raise InputClosed(service)
    if data and not run.send_input(data):
        raise InputFull(service, INPUT_BOUND)
    if end:
        run.close_input()
    return InputTaken(len(data), ended=end)
