"""Who may ask for what: the schemes, and the scope of each operation."""

from collections.abc import Mapping, Sequence

from hamster.security.needs import default, listed

PUBLIC = "public"
"""Instead of a scope: for everybody."""

SCHEMES: Mapping[str, object] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "로그인으로 받은 토큰"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "API 키"},
    "localToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "데이터 디렉터리의 실행 정보 파일에 있는 로컬 토큰",
    },
}


def scope_of(path: str, method: str) -> str:
    """`read`, `control` or `admin`, or `public`: by the table that the server goes by."""
    scope = (listed(method, path) or default(method, path)).scope
    return PUBLIC if scope is None else scope.word


def requirements(scope: str, *, local_token: bool) -> Sequence[Mapping[str, Sequence[str]]]:
    """Any of these lets a request in; an empty one: nothing is asked for while security is off."""
    if scope == PUBLIC:
        return [{}]
    if local_token:
        return [{"localToken": []}, {"bearer": []}, {"apiKey": []}]
    return [{"bearer": []}, {"apiKey": []}, {}]
