from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from hamster.security.books import MOST_SESSIONS, Books
from hamster.security.sessions import Ended, Lifetimes, RefreshTokens, Session, begin_session

LIFETIMES = Lifetimes(access=10.0, refresh=100.0, session=1_000.0)
TOKENS = RefreshTokens(b"s" * 32)


class Refreshing(RuleBasedStateMachine):
    """Clients and thieves use refresh tokens in any order; a model of which are good is kept beside."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.now = 0.0
        self.good: dict[str, tuple[str, float, float]] = {}
        """By session: its only good token, when it was given, and when the session began."""

    @rule(target=tokens)
    def log_in(self) -> str:
        session = begin_session("kim", "mark", now=self.now, peer=None)
        self.books = self.books.with_session(session)
        self.good[session.id] = (TOKENS.text(session), self.now, self.now)
        return TOKENS.text(session)

    @rule(target=tokens, token=tokens)
    def refresh(self, token: str) -> str:
        parsed = TOKENS.parse(token)
        assert parsed is not None
        session_id, number = parsed
        known = self.good.get(session_id)
        self.books, outcome = self.books.refresh(session_id, number, LIFETIMES, self.now)
        if known is None:
            assert outcome is Ended.UNKNOWN
            return token
        right, given_at, began = known
        if self.now >= given_at + LIFETIMES.refresh or self.now >= began + LIFETIMES.session:
            assert outcome is Ended.EXPIRED
            del self.good[session_id]
            return token
        if token != right:
            assert outcome is Ended.REUSED
            del self.good[session_id]
            return token
        assert isinstance(outcome, Session)
        fresh = TOKENS.text(outcome)
        assert fresh != token
        self.good[session_id] = (fresh, self.now, began)
        return fresh

    @rule(token=tokens)
    def log_out(self, token: str) -> None:
        parsed = TOKENS.parse(token)
        assert parsed is not None
        self.books = self.books.without_session(parsed[0])
        self.good.pop(parsed[0], None)

    @rule(seconds=st.sampled_from([1.0, 50.0, 100.0, 999.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def tidy(self) -> None:
        self.books = self.books.without_expired(LIFETIMES, self.now)
        for session_id, (_, given_at, began) in list(self.good.items()):
            if self.now >= given_at + LIFETIMES.refresh or self.now >= began + LIFETIMES.session:
                del self.good[session_id]

    @invariant()
    def there_are_the_sessions_of_the_model(self) -> None:
        assert set(self.books.sessions) == set(self.good)


Refreshing.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestRefreshing = Refreshing.TestCase


@given(st.text(max_size=80))
def test_a_token_that_was_made_up_is_none(text: str) -> None:
    assert TOKENS.parse(text) is None


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_token_that_was_changed_anywhere_is_none(place: int, letter: str) -> None:
    token = TOKENS.text(begin_session("kim", "mark", now=0.0, peer=None))
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    assert changed == token or TOKENS.parse(changed) is None


def test_a_token_of_another_secret_is_none() -> None:
    assert TOKENS.parse(RefreshTokens(b"t" * 32).text(begin_session("kim", "mark", now=0.0, peer=None))) is None


def test_a_user_has_so_many_sessions_and_the_one_used_longest_ago_ends() -> None:
    books = Books()
    for number in range(MOST_SESSIONS + 1):
        books = books.with_session(begin_session("kim", "mark", now=float(number), peer=None))
        books = books.with_session(begin_session("lee", "mark", now=0.0, peer=None)) if number == 0 else books
    theirs = [session.created_at for session in books.sessions.values() if session.user == "kim"]
    assert sorted(theirs) == [float(number) for number in range(1, MOST_SESSIONS + 1)]
    assert sum(session.user == "lee" for session in books.sessions.values()) == 1
