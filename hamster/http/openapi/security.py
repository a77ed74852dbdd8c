"""Who may ask for what: the schemes, and the scope of each operation."""

from collections.abc import Mapping, Sequence

SCHEMES: Mapping[str, object] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "로그인으로 받은 토큰"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "API 키"},
    "localToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "데이터 디렉터리의 실행 정보 파일에 있는 로컬 토큰",
    },
}
ADMIN_PREFIXES = ("/api/settings", "/api/system/reload", "/api/webhooks/receivers", "/api/webhook/receivers")
"""Whatever is changed beneath is an admin's."""


def scope_of(path: str, method: str) -> str:
    """`read`, `control` or `admin`."""
    if method == "GET":
        return "read"
    if method in ("PUT", "DELETE", "PATCH") or path.startswith(ADMIN_PREFIXES) or path == "/api/services/":
        return "admin"
    return "control"


def requirements(*, local_token: bool, public: bool) -> Sequence[Mapping[str, Sequence[str]]]:
    """Any of these lets a request in; an empty one: nothing is asked for while security is off."""
    if public:
        return [{}]
    if local_token:
        return [{"localToken": []}, {"bearer": []}, {"apiKey": []}]
    return [{"bearer": []}, {"apiKey": []}, {}]
