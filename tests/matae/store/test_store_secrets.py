"""A database's password is in no sentence, no log, no file and no list of processes, whatever goes wrong."""

from __future__ import annotations

import logging
import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from store_makers import make_cine
from store_server import PASSWORD
from typer.testing import CliRunner

from matae.cli import app
from matae.learn.client import LearnRun
from matae.store import StoreError, Study

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store_server import Server

WRONG = "sesame-open-77"


@pytest.fixture
def url(study_database: str, caplog: pytest.LogCaptureFixture) -> str:
    caplog.set_level(logging.DEBUG)
    return study_database


def broken(server: Server) -> Iterator[tuple[str, str]]:
    """Yield addresses that cannot be opened, and the password in each."""
    yield server.url("postgres", password=WRONG), WRONG
    yield server.url("no_such_database"), PASSWORD
    yield server.url("postgres"), PASSWORD  # no study
    yield f"postgresql://matae:{WRONG}@127.0.0.1:1/lab", WRONG
    yield f"postgresql://matae:{WRONG}@no-such-host.invalid/lab", WRONG
    yield f"postgresql://matae:{WRONG}@/lab?host=/no/such/folder", WRONG
    yield f"postgresql://matae@127.0.0.1:{server.port}/postgres?password={WRONG}", WRONG
    yield f"postgresql://matae:x@{WRONG}@127.0.0.1/lab", WRONG
    yield f"postgresql://matae:{WRONG}@127.0.0.1:port/lab", WRONG
    yield f"mysql://matae:{WRONG}@127.0.0.1/lab", WRONG


def processes() -> Iterator[str]:
    """Yield how every process was called, and what is around those that this user may look into, but this very one."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            for name in ("cmdline", "environ"):
                try:
                    yield (folder / name).read_bytes().decode(errors="replace")
                except OSError:
                    continue


def test_no_error_and_no_log_says_it(server: Server, url: str, caplog: pytest.LogCaptureFixture) -> None:
    for target, password in broken(server):
        with pytest.raises(StoreError) as caught:
            Study.open(target)
        said = "".join(traceback.format_exception(caught.value))
        assert password not in str(caught.value)
        assert password not in said, said
    with Study.open(url, rater="anna") as study:
        assert PASSWORD not in repr(study)
        assert PASSWORD not in study.name
        study.add_cine(make_cine())
        with pytest.raises(StoreError) as caught:
            study.cine("nothing")
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    assert not [record for record in caplog.records if PASSWORD in record.getMessage() or WRONG in record.getMessage()]


def test_no_command_says_it(server: Server, url: str, tmp_path: Path) -> None:
    run = CliRunner()
    commands = [
        ["study", "status", url], ["study", "status", url, "--json"], ["study", "check", url],
        ["study", "patient", url], ["study", "migrate", url],
        ["study", "backup", url, str(tmp_path / "copy.matae")], ["study", "init", url],
        ["study", "forget", url, "nobody", "--yes"],
        ["study", "merge", str(tmp_path / "copy.matae"), "--into", url, "--yes"],
    ]  # fmt: skip
    for command in commands:
        done = run.invoke(app, command)
        assert PASSWORD not in done.output, command
        assert "a password on the command line can be read by everybody" in done.stderr, command
    for target, password in broken(server):
        done = run.invoke(app, ["study", "status", target])
        assert done.exit_code != 0
        assert password not in done.output, target
    quiet = url.replace(f":{PASSWORD}", "")
    assert "can be read by everybody" not in run.invoke(app, ["study", "status", quiet]).stderr


def test_the_process_of_a_retraining_is_not_told_on_its_command_line(url: str, tmp_path: Path) -> None:
    """It hears the address on its input, which nobody else can read."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("processes cannot be looked at here")
    folder = tmp_path / "run"
    folder.mkdir()
    with Study.open(url) as study:
        run = LearnRun(study, folder)
        try:
            assert not [line for line in processes() if PASSWORD in line]
            run._process.wait(120)  # there is no plan in the folder: it says so and ends
        finally:
            run._process.kill()
            run._process.wait()
            run._process.stdin.close()
    for file in folder.rglob("*"):
        assert PASSWORD not in file.read_text("utf-8", errors="replace"), file.name
    assert list(folder.iterdir())
