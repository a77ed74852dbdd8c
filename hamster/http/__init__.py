"""HTTP: the application, the gate before it, and the only place that speaks Korean to clients."""

from hamster.http.app import API_VERSION, HamsterApp, Registration, json_body, json_response, make_app, request_id
from hamster.http.bodies import BodyLimits
from hamster.http.errors_ko import Entry, ErrorTable
from hamster.http.gate import DEFAULT_ORIGINS, Gate, GateSettings
from hamster.http.gate_asgi import StoppingSwitch, wire_error
from hamster.http.incoming import decode_json
from hamster.http.parameters import Query, reading
from hamster.http.problems import FieldProblem, HttpProblem, InvalidRequest

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
