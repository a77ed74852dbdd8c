"""Write docs/reference/runtime.md from the source of `actors.runtime`: `python docs/write_reference.py`.

From the syntax tree and not from the running objects: it has the docstrings of fields and members, and the page is
the same under every version of Python.
"""

import ast
import inspect
import re
import textwrap
from pathlib import Path

import actors.runtime

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "runtime.md"
WIDTH = 110
"""Longer signatures are broken."""

HEAD = """# actors.runtime

<!-- Written by docs/write_reference.py from the docstrings: change those, and run it again. -->

Every public name, as `from actors.runtime import NAME`. Durations are seconds. The words are explained in the
[glossary](glossary.md), what happens when something breaks in [what a crash does](../explanation/crash.md).
"""
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Actors and messages", ("Actor", "Context", "Message", "Ref", "DEFAULT_ASK_TIMEOUT", "CORRELATION")),
    ("Supervisors", ("open_supervisor", "Supervisor", "ChildSpec", "SupervisorSpec", "RestartIntensity", "Backoff")),
    ("Restart types", ("Restart",)),
    ("Strategies", ("Strategy",)),
    ("States", ("ActorState", "TRANSITIONS")),
    ("Mailboxes", ("MailboxOptions", "Full", "KeepOnRestart", "DeadLetter")),
    ("Events and state that is followed", ("Bus", "Subscription", "Overflow", "Lagged", "Cell", "Watch", "Changed")),
    ("Timers", ("Timer", "Tick")),
    ("What the runtime tells", ("ActorStarted", "ActorFailed", "ActorEnded", "Down", "MessageTraced")),
    ("Figures", ("TreeNode", "ActorStatistics", "MailboxCounts", "SubscriptionStatistics", "Latency")),
)
MADE_BY_THE_RUNTIME = {"Context", "Ref", "Supervisor", "Timer", "Subscription"}
FOR_THE_RUNTIME = {"attach", "begin", "core", "end", "give_up", "members", "push", "request_stop", "run", "taken"}
"""Methods that only the runtime itself calls."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef | ast.AnnAssign | ast.Assign


def first_paragraph(docstring: str | None) -> str:
    """What *docstring* says first, as one line."""
    return " ".join((docstring or "").strip().split("\n\n")[0].split())


def definitions(statements: list[ast.stmt]) -> dict[str, tuple[Definition, str]]:
    """Every definition in *statements* by name, with what its docstring says first; fields have theirs beneath them."""
    found: dict[str, tuple[Definition, str]] = {}
    last = ""
    for one in statements:
        match one:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                last = one.name
                found[last] = (one, first_paragraph(ast.get_docstring(one)))  # over its overloads
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                last = name
                found[last] = (one, "")
            case ast.Expr(value=ast.Constant(value=str(text))) if last:
                found[last] = (found[last][0], first_paragraph(text))
            case _:
                pass
    return found


def source() -> dict[str, tuple[Definition, str]]:
    """Every definition of the modules of the package."""
    found: dict[str, tuple[Definition, str]] = {}
    for path in sorted(Path(inspect.getfile(actors.runtime)).parent.glob("*.py")):
        found |= definitions(ast.parse(path.read_text("utf-8")).body)
    return found


def signature(name: str, function: Function, *, method: bool) -> str:
    """How *function* is called, and what it gives."""
    called = re.sub(r"(?<=[\w\])])=(?=\S)", " = ", ast.unparse(function.args))
    if method:
        called = called.removeprefix("self").removeprefix(", ")
    answer = "" if name[0].isupper() or function.returns is None else f" -> {ast.unparse(function.returns)}"
    waits = "await " if isinstance(function, ast.AsyncFunctionDef) and not function.decorator_list else ""
    return f"{waits}{name}({called}){unquoted(answer)}"


def unquoted(annotation: str) -> str:
    """*annotation* without the quotes of names that are defined later."""
    return annotation.replace("'", "").replace('"', "")


def is_property(function: Function) -> bool:
    """Whether it is looked at and not called."""
    return any(ast.unparse(decorator) == "property" for decorator in function.decorator_list)


def default(field: ast.AnnAssign) -> str | None:
    """The default of a record's field as a caller would write it."""
    match field.value:
        case None:
            return None
        case ast.Call(keywords=[ast.keyword(arg="factory", value=made)]):
            return f"{ast.unparse(made)}()"
        case value:
            return ast.unparse(value)


def arguments_of(docstring: str) -> dict[str, str]:
    """What the `Args:` of *docstring* say of each."""
    _, _, below = docstring.partition("Args:\n")
    section = textwrap.dedent(below.split("\n\n")[0])
    return {name: " ".join(text.split()) for name, text in re.findall(r"^(\w+): (.*(?:\n .*)*)", section, re.MULTILINE)}


def cell(text: str) -> str:
    """*text* for a table."""
    return text.replace("|", "\\|")


def record(name: str, definition: ast.ClassDef) -> list[str]:
    """The fields of a record."""
    said = arguments_of(ast.get_docstring(definition) or "")
    rows: list[str] = []
    for field, (one, doc) in definitions(definition.body).items():
        if isinstance(one, ast.AnnAssign) and "ClassVar" not in ast.unparse(one.annotation):
            value = default(one)
            shown = "" if value is None else f"`{value}`"
            kind = unquoted(ast.unparse(one.annotation))
            rows.append(f"| `{field}` | `{cell(kind)}` | {cell(shown)} | {cell(said.get(field, doc))} |")
    return ["", "| Field | Type | Default | Meaning |", "|---|---|---|---|", *rows] if rows else []


def members(definition: ast.ClassDef) -> list[str]:
    """The methods, properties and class variables of a class."""
    lines: list[str] = []
    for name, (one, doc) in definitions(definition.body).items():
        if name.startswith("_") or name in FOR_THE_RUNTIME:
            continue
        match one:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if is_property(one):
                lines.append(f"- `{name}`: {doc}")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                lines.append(f"- `{signature(name, one, method=True)}`: {doc}")
            case ast.AnnAssign(annotation=annotation) if "ClassVar" in ast.unparse(annotation):
                lines.append(f"- `{ast.unparse(one)}`: {doc}")
            case _:
                pass
    return ["", *lines] if lines else []


def enumeration(definition: ast.ClassDef) -> list[str]:
    """The members of an enumeration."""
    rows = [f"| `{name}` | {cell(doc)} |" for name, (_, doc) in definitions(definition.body).items()]
    return ["", "| Member | Meaning |", "|---|---|", *rows]


def constructor(name: str, definition: ast.ClassDef) -> str:
    """How a class is called; its bare name where only the runtime or a subclass does."""
    functions = definitions(definition.body)
    if name in MADE_BY_THE_RUNTIME:
        return f"class {name}"
    match functions.get("__init__"):
        case (ast.FunctionDef() as init, _):
            return signature(name, init, method=True)
        case _:
            bases = ", ".join(map(ast.unparse, definition.bases))
            return f"class {name}({bases})" if bases else f"class {name}"


def entry(name: str, definition: Definition, doc: str) -> list[str]:
    """All that the page says of one name."""
    lines = ["", f"### `{name}`", ""]
    match definition:
        case ast.ClassDef():
            if any(ast.unparse(base) == "enum.Enum" for base in definition.bases):
                return [*lines, doc, *enumeration(definition)]
            if (
                any("attrs." in ast.unparse(one) for one in definition.decorator_list)
                and name not in MADE_BY_THE_RUNTIME
            ):
                return [*lines, doc, *record(name, definition), *members(definition)]
            return [*lines, *indented(constructor(name, definition)), "", doc, *members(definition)]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            call, _, answer = signature(name, definition, method=False).partition(" -> ")
            (given,) = re.findall(r"AsyncGenerator\[(\w+), None\]", answer)
            return [*lines, *indented(f"async with {call} as {given.lower()}"), "", doc]
        case ast.AnnAssign(annotation=annotation):
            return [*lines, f"`{ast.unparse(annotation)}`. {doc}"]
        case ast.Assign(value=value):
            return [*lines, f"`{ast.unparse(value)}`. {doc}"]


def indented(code: str) -> list[str]:
    """*code* as a block, broken where it is too long."""
    return textwrap.wrap(code, WIDTH, initial_indent="    ", subsequent_indent="        ", break_on_hyphens=False)


def errors(names: list[str], found: dict[str, tuple[Definition, str]]) -> list[str]:
    """The table of errors."""
    rows: list[str] = []
    for name in names:
        definition, doc = found[name]
        fields: list[str] = []
        if isinstance(definition, ast.ClassDef):
            init = definitions(definition.body).get("__init__")
            if init is not None and isinstance(init[0], ast.FunctionDef):
                fields = [f"`{one.arg}`" for one in init[0].args.args[1:] if one.arg != "cause"]
        rows.append(f"| `{name}` | {cell(doc)} | {', '.join(fields)} |")
    return ["", "## Errors", "", "| Error | It means | Fields |", "|---|---|---|", *rows]


def page() -> str:
    """The whole page.

    Raises:
        LookupError: A public name has no place in it.
    """
    found = source()
    public = list(actors.runtime.__all__)
    failures = [name for name in public if is_error(name)]
    lines = [HEAD.rstrip()]
    for title, names in GROUPS:
        lines += ["", f"## {title}"]
        for name in names:
            lines += entry(name, *found[name])
    lines += errors(failures, found)
    placed = {name for _, names in GROUPS for name in names} | set(failures)
    if placed != set(public):
        raise LookupError(f"put these into a group of docs/write_reference.py: {sorted(placed ^ set(public))}")
    return "\n".join(lines) + "\n"


def is_error(name: str) -> bool:
    """Whether a public name is an exception."""
    value: object = getattr(actors.runtime, name)
    return isinstance(value, type) and issubclass(value, Exception)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
