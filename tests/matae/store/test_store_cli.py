"""The study commands: exit codes, and one line where something is wrong."""

from __future__ import annotations

import json

import pytest
from store_makers import disc, make_cine, stroke
from typer.testing import CliRunner

from matae.cli import app
from matae.store import Edit, FrameStatus, Study


def run(*arguments: object, code: int = 0, answer: str | None = None) -> str:
    done = CliRunner().invoke(app, ["study", *map(str, arguments)], input=answer)
    assert done.exit_code == code, done.output
    # Where the database of the tests is named with its password, that is said first.
    return "".join(line for line in done.output.splitlines(keepends=True) if "a password on the command" not in line)


def test_what_is_no_study_is_one_line(tmp_path) -> None:
    for command in ("status", "check"):
        said = run(command, tmp_path / "none", code=1)
        assert said.count("\n") == 1
        assert "study init" in said
    run("backup", tmp_path / "none", tmp_path / "copy", code=1)
    run("init", code=2)
    assert "mysql" in run("init", "mysql://a/b", code=1)


def test_a_study_is_made_once(bare_target) -> None:
    run("init", bare_target)
    assert "not written over" in run("init", bare_target, code=1)
    assert "sound" in run("check", bare_target)


@pytest.fixture
def filled(target) -> str:
    cine = make_cine()
    with Study.open(target) as study:
        study.add_cine(cine, subject="p1")
        study.put_proposals(cine.content_id, {0: disc(), 1: disc()}, model="m", width="1")
        study.put_edits(cine.content_id, [Edit(0, stroke(1), 1, FrameStatus.ACCEPTED, 90)])
    return target


def test_status_says_how_far_it_is(filled) -> None:
    lines = [" ".join(line.split()) for line in run("status", filled).strip().splitlines()]
    assert lines == [
        "subjects 1", "cines 1", "of unknown patient 0", "frames 6",
        "machine 1", "edited 0", "accepted 1", "rejected 0", "without a label 4",
        "hours of work 0.0", "minutes per accepted frame 1.50", "accepted unedited 0 %",
    ]  # fmt: skip
    report = json.loads(run("status", filled, "--json"))
    assert report["frames"] == {"machine": 1, "edited": 0, "accepted": 1, "rejected": 0, "none": 4}
    assert (report["minutes_per_accepted"], report["accepted_unedited"], report["n_subjects"]) == (1.5, 0.0, 1)
    (line,) = report["cines"]
    assert line["frames"] == {"machine": 1, "accepted": 1}
    assert "clip" not in json.dumps(report)  # neither the file's name nor its path


def test_a_backup_is_named_and_opens(filled, tmp_path) -> None:
    copy = tmp_path / "copy.matae"
    assert run("backup", filled, copy).strip() == str(copy)
    assert "sound" in run("check", copy)
    assert "not written over" in run("backup", filled, copy, code=1)


def test_a_backup_can_go_to_a_server(filled, server) -> None:
    url = server.new_database()
    run("backup", filled, url)
    assert "accepted                  1" in run("status", url)


def test_damage_is_named_and_exits_with_1(file_study) -> None:
    import sqlite3

    raw = sqlite3.connect(file_study)
    raw.execute("DROP TRIGGER audit_refuses_delete")
    raw.commit()
    raw.close()
    said = run("check", file_study, code=1)
    assert "audit_refuses_delete is gone" in said
    assert "go back to the last backup" in said


def test_forgetting_asks_first(filled) -> None:
    run("forget", filled, "p1", code=1, answer="n\n")
    assert "  accepted                  1" in run("status", filled)
    assert "forgotten, with 1 cine" in run("forget", filled, "p1", answer="y\n")
    assert "no subject p1" in run("forget", filled, "p1", "--yes", code=1)
    assert json.loads(run("status", filled, "--json"))["cines"] == []
