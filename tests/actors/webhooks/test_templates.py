"""Texts with names in braces: what is put in, what is refused, and where it ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.webhooks.templates import LONGEST, InvalidTemplate, MissingVariable, render, variables_of

NAMES = st.from_regex(r"[a-z가-힣_][a-z0-9가-힣_]{0,8}", fullmatch=True)
PLAIN = st.text(st.characters(exclude_characters="{}", exclude_categories=("Cs",)), max_size=20)


@pytest.mark.slow
@given(st.lists(st.tuples(PLAIN, NAMES, st.booleans()), max_size=8), PLAIN, st.data())
def test_every_name_becomes_its_value_and_everything_else_stays(
    fields: list[tuple[str, str, bool]], end: str, data: st.DataObject
) -> None:
    values = {name: data.draw(st.text(max_size=20)) for _, name, _ in fields}
    template = "".join(text + ("{{ %s }}" if double else "{%s}") % name for text, name, double in fields) + end
    assert render(template, values) == "".join(text + values[name] for text, name, _ in fields) + end
    assert variables_of(template) == tuple(dict.fromkeys(name for _, name, _ in fields))


def test_a_value_with_braces_is_never_looked_at_again() -> None:
    assert render("{a} {{b}}", {"a": "{b} {{b}} {a.x}", "b": "{a}"}) == "{b} {{b}} {a.x} {a}"


@pytest.mark.parametrize(
    "hostile",
    [
        "{}",
        "{0}",
        "{ }",
        "{a.secret}",
        "{a[0]}",
        "{a!r}",
        "{a:>1000000000}",
        "{a.__class__.__mro__}",
        "{0.x}",
        "{{a.b}}",
    ],
)
def test_what_is_no_bare_name_is_refused(hostile: str) -> None:
    with pytest.raises(InvalidTemplate, match="expected only names in braces"):
        render(f"text {hostile} text", {"a": "value"})


@pytest.mark.parametrize("literal", ['{"text": "x"}', "a } b { c", "{two words}", "function() {\n}", "{'a': 1}"])
def test_braces_without_a_name_are_text(literal: str) -> None:
    assert render(literal, {}) == literal


def test_a_template_may_be_json() -> None:
    assert render('{"text": "{title}"}', {"title": "뉴스"}) == '{"text": "뉴스"}'


def test_a_missing_variable_is_named_and_one_too_many_is_not() -> None:
    with pytest.raises(MissingVariable, match=r"template 'news' needs the variable 'url', which is missing") as error:
        render("{title} {url}", {"title": "a", "more": "b"}, "news")
    assert (error.value.name, error.value.template_id) == ("url", "news")


@pytest.mark.slow
@given(st.integers(0, 3), st.integers(0, 3 * LONGEST))
def test_what_comes_of_it_has_an_end(times: int, size: int) -> None:
    whole = ("x" * size) * times + "end"
    assert render("{a}" * times + "end", {"a": "x" * size}) == whole[:LONGEST]
