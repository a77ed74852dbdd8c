"""`/api/auth`: there while security is on."""

from hamster.http import texts_ko
from hamster.http.auth import LoginBody, LogoutBody, RefreshBody
from hamster.http.auth_keys import KeyBody
from hamster.http.openapi.operations import Maybe, Of, Operation, Table
from hamster.http.openapi.schemas import TIME

_GRANTED = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    "token_type": "bearer",
    "expires_in": 900,
    "refresh_token": "hr_3f2a_c2VjcmV0",
    "refresh_expires_in": 1209600,
    "username": "kim",
    "scope": "control",
}
_KEY = {
    "id": "3f2a9c1e",
    "name": "dashboard",
    "scope": "read",
    "created_at": TIME,
    "expires_at": Maybe(TIME),
    "expired": False,
}
_SESSION = {"id": "3f2a9c1e", "username": "kim", "created_at": TIME, "refreshed_at": TIME, "peer": Maybe("192.0.2.7")}

TABLE: Table = {
    "auth.login": Operation(
        summary="로그인",
        body=Of(LoginBody, {"username": "kim", "password": "correct horse battery staple"}),
        answer=_GRANTED,
    ),
    "auth.refresh": Operation(
        summary="토큰 갱신",
        body=Of(RefreshBody, {"refresh_token": "hr_3f2a_c2VjcmV0"}),
        answer=_GRANTED,
        description="갱신 토큰은 한 번만 쓸 수 있으며, 두 번째로 쓰이면 그 세션은 끝납니다.",
    ),
    "auth.logout": Operation(
        summary="로그아웃",
        body=Of(LogoutBody, {"refresh_token": "hr_3f2a_c2VjcmV0"}),
        body_required=False,
        answer={"message": texts_ko.LOGGED_OUT},
    ),
    "auth.me": Operation(summary="현재 자격", answer={"name": "kim", "kind": "user", "scope": "control"}),
    "auth.ticket": Operation(
        summary="WebSocket과 스트림을 위한 일회용 티켓", answer={"ticket": "ht_c2VjcmV0", "expires_in": 30}
    ),
    "auth.keys": Operation(summary="API 키 목록", answer={"keys": [_KEY]}),
    "auth.create_key": Operation(
        summary="API 키 만들기",
        body=Of(KeyBody, {"name": "dashboard", "scope": "read", "expires_in_days": 90}),
        answer={**_KEY, "key": "hk_3f2a9c1e_c2VjcmV0"},
        errors=(409,),
        description="키는 이 응답에서만 볼 수 있습니다.",
    ),
    "auth.revoke_key": Operation(
        summary="API 키 폐기",
        answer={"message": texts_ko.KEY_REVOKED.format(name="dashboard"), "id": "3f2a9c1e"},
        path={"key_id": "3f2a9c1e"},
    ),
    "auth.sessions": Operation(summary="로그인 세션 목록", answer={"sessions": [_SESSION]}),
    "auth.end_session": Operation(
        summary="로그인 세션 끝내기",
        answer={"message": texts_ko.SESSION_ENDED.format(user="kim"), "id": "3f2a9c1e"},
        path={"session_id": "3f2a9c1e"},
    ),
}
