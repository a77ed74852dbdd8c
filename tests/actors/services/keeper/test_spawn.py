from __future__ import annotations

import errno
import marshal

import pytest
import trio

from actors.services.keeper import Phase, ProcessSpec, open_keeper
from actors.services.keeper.spawn import explain

from .workshop import PATIENCE, Story, Workshop, finished


def program(workshop: Workshop, text: str, mode: int) -> str:
    path = workshop.directory / "program"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


async def failure(workshop: Workshop, *argv: str, cwd: str | None = None) -> str:
    story = Story()
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            run = await keeper.start("one", workshop.spec(*argv, cwd=cwd), story)
            await run.wait()
    assert story.phases == [Phase.EMPTY]
    assert story.statuses[0].pid is None
    assert story.statuses[0].exit_code is None
    assert story.statuses[0].error is not None
    return story.statuses[0].error


async def test_a_program_that_does_not_exist_is_named_with_what_to_do(workshop: Workshop) -> None:
    error = await failure(workshop, "no-such-program")
    assert error.startswith("cannot start 'no-such-program': No such file or directory; ")
    assert "PATH" in error


async def test_a_file_that_is_not_executable_says_chmod(workshop: Workshop) -> None:
    error = await failure(workshop, program(workshop, "#!/bin/sh\n", 0o644))
    assert "Permission denied" in error
    assert "chmod +x" in error


async def test_a_file_that_is_no_program_asks_for_an_interpreter(workshop: Workshop) -> None:
    error = await failure(workshop, program(workshop, "print('hello')\n", 0o755))
    assert "name the interpreter" in error


async def test_a_bad_working_directory_is_named(workshop: Workshop) -> None:
    error = await failure(workshop, "true", cwd="/no/such/directory")
    assert error.startswith("cannot start 'true' in '/no/such/directory': No such file or directory; ")
    assert "working directory" in error


async def test_an_argument_too_long_for_the_kernel_is_no_crash(workshop: Workshop) -> None:
    assert "make them shorter" in await failure(workshop, "true", "x" * 200_000)


async def test_after_a_failure_the_same_name_starts(workshop: Workshop) -> None:
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            assert (await finished(keeper, "one", workshop.spec("/nowhere"))).error is not None
            assert (await finished(keeper, "one", workshop.spec("true"))).exit_code == 0


async def test_a_relative_program_is_found_in_the_working_directory(workshop: Workshop) -> None:
    program(workshop, "#!/bin/sh\necho here\n", 0o755)
    with trio.fail_after(PATIENCE):
        async with open_keeper() as keeper:
            await finished(keeper, "one", workshop.spec("./program", cwd=str(workshop.directory)))
    assert workshop.log == b"here\n"


@pytest.mark.parametrize("step", ["prepare", "nice", "user", "no user", "no group", "limits", "cwd", "exec"])
def test_every_failure_has_a_sentence(step: str) -> None:
    for number in errno.errorcode:
        spec = marshal.loads(ProcessSpec(argv=("program",), env={}, cwd="/", log_path="/log", grace=1.0).packed())  # noqa: S302  our own
        code, sentence = explain(f"{step},{number}".encode(), spec)
        assert code == number
        assert "'program'" in sentence
        assert "; " in sentence
