"""HTTP: the application, the gate before it, and the only place that speaks Korean to clients."""

from .app import API_VERSION, HamsterApp, Registration, json_body, json_response, make_app, request_id
from .bodies import BodyLimits
from .errors_ko import Entry, ErrorTable
from .gate import DEFAULT_ORIGINS, Gate, GateSettings
from .gate_asgi import StoppingSwitch, wire_error
from .incoming import decode_json
from .parameters import Query, reading
from .problems import FieldProblem, HttpProblem, InvalidRequest

__all__ = [
    "API_VERSION",
    "DEFAULT_ORIGINS",
    "BodyLimits",
    "Entry",
    "ErrorTable",
    "FieldProblem",
    "Gate",
    "GateSettings",
    "HamsterApp",
    "HttpProblem",
    "InvalidRequest",
    "Query",
    "Registration",
    "StoppingSwitch",
    "decode_json",
    "json_body",
    "json_response",
    "make_app",
    "reading",
    "request_id",
    "wire_error",
]
