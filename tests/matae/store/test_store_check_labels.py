"""What `study check` says: of labels, masks, guards and the log, each named once and nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from store_makers import disc, make_cine, stroke

from matae.store import Edit, FrameStatus, Study
from matae.store.integrity import GUARDS


@pytest.fixture
def worked(file_study) -> Study:
    """Return the file of a study with two versions of a frame, and one of another."""
    with Study.open(file_study) as study:
        identity = make_cine().content_id
        study.add_cine(make_cine(), subject="p1")
        study.put_proposals(identity, {0: disc(), 1: disc()}, model="m", width="1", model_sha256="cd" * 32)
        study.put_edits(identity, [Edit(0, stroke(1), 1, seconds=3)], note="brush")
        study.set_status(identity, [1], FrameStatus.ACCEPTED)
        assert study.check() == []
    return file_study


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE labels SET revision = 1 WHERE frame = 0",  # an earlier version
        "UPDATE labels SET revision = 9 WHERE frame = 0",  # none
        "UPDATE labels SET status = 'accepted' WHERE frame = 0",
        "UPDATE labels SET mask_id = NULL WHERE frame = 0",
        "UPDATE labels SET mask_id = (SELECT mask_id FROM revisions WHERE frame = 0 AND number = 1) WHERE frame = 0",
    ],
)
def test_a_frame_that_does_not_show_its_last_version_is_found(worked, statement: str) -> None:
    raw = sqlite3.connect(worked)
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    assert raw.execute(statement).rowcount == 1
    raw.commit()
    raw.close()
    with Study.open(worked) as study:
        problems = [line for line in study.check() if "The guard" not in line]
    assert problems == [f"Frame 1 of cine {make_cine().content_id[:12]} does not show its last version."]


def test_a_version_that_is_gone_is_found(worked) -> None:
    raw = sqlite3.connect(worked)
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute("DELETE FROM revisions WHERE frame = 0 AND number = 1")
    raw.commit()
    raw.close()
    with Study.open(worked) as study:
        assert f"Versions of frame 1 of cine {make_cine().content_id[:12]} are gone." in study.check()


@pytest.mark.parametrize("extra", [0, 1])
def test_an_area_of_all_structures_as_earlier_versions_counted_it_is_no_damage(tmp_path, extra: int) -> None:
    several = disc()
    several[:, several.shape[1] // 2 :] *= 2
    with Study.create(tmp_path / "s.sqlite") as study:
        identity = make_cine().content_id
        study.add_cine(make_cine(), subject="p1")
        study.put_proposals(identity, {0: several}, model="m", width="1", model_sha256="cd" * 32)
    raw = sqlite3.connect(tmp_path / "s.sqlite")
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute("UPDATE masks SET area = ?", (int((several != 0).sum()) + extra,))
    raw.commit()
    raw.close()
    with Study.open(tmp_path / "s.sqlite") as study:
        problems = [line for line in study.check() if "The guard" not in line]
    assert problems == [f"A mask of cine {make_cine().content_id[:12]} is not what was stored."] * extra


def damage(study: Path, *statements: str) -> list[str]:
    """Change a study behind its back; return what `check` says of it, but for the guards that were taken away."""
    raw = sqlite3.connect(study)
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        assert raw.execute(statement).rowcount
    raw.commit()
    raw.close()
    with Study.open(study) as opened:
        return [line for line in opened.check() if "The guard" not in line]


CINE = make_cine().content_id[:12]


def test_a_version_that_was_never_shown_is_no_label(worked) -> None:
    said = damage(worked, "UPDATE revisions SET shown = 0 WHERE frame = 1 AND number = 2")
    assert said == [f"Frame 2 of cine {CINE} does not show its last version."]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE masks SET area = area + 1 WHERE id = 1",
        "UPDATE masks SET png = substr(png, 1, 40) WHERE id = 1",
        "UPDATE masks SET png = (SELECT png FROM masks WHERE id = 2) WHERE id = 1",
        "UPDATE masks SET sha256 = 'ab' || substr(sha256, 3) WHERE id = 1",
    ],
)
def test_a_mask_that_is_not_what_was_stored_is_found(worked, statement: str) -> None:
    assert damage(worked, statement) == [f"A mask of cine {CINE} is not what was stored."]


@pytest.mark.parametrize("side", ["height", "width"])
def test_masks_of_another_shape_than_their_cine_are_found(worked, side: str) -> None:
    assert damage(worked, f"UPDATE cines SET {side} = {side} + 1") == 2 * [
        f"A mask of cine {CINE} is not what was stored."
    ]


def test_at_most_twenty_of_a_kind_are_named(file_study) -> None:
    long = make_cine(3, n_frames=25)
    with Study.open(file_study) as study:
        study.add_cine(long, subject="p1")
        study.put_edits(long.content_id, [Edit(frame, stroke(frame + 1)) for frame in range(25)])
    said = damage(file_study, "UPDATE masks SET area = 0", "UPDATE labels SET status = 'accepted'")
    assert len(said) == 40
    assert sum("is not what was stored" in line for line in said) == 20
    named = {line.split()[1] for line in said if "does not show" in line}
    assert len(named) == 20
    assert named <= {str(number) for number in range(1, 26)}


def test_a_check_says_how_far_it_is(file_study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.store.integrity._AT_ONCE", 2)
    heard: list[tuple[int, int]] = []
    with Study.open(file_study) as study:
        study.check(lambda *numbers: heard.append(numbers))
        assert heard == []
        study.add_cine(make_cine(), subject="p1")
        study.put_edits(make_cine().content_id, [Edit(frame, stroke(frame)) for frame in range(5)])
        assert study.check(lambda *numbers: heard.append(numbers)) == []
    assert heard == [(2, 5), (4, 5), (5, 5)]


def test_each_guard_that_is_gone_is_named(worked) -> None:
    raw = sqlite3.connect(worked)
    raw.execute("DROP TRIGGER masks_refuses_update")
    raw.execute("DROP TRIGGER audit_refuses_replace")
    raw.commit()
    raw.close()
    with Study.open(worked) as study:
        assert study.check() == [
            f"The guard {name} is gone: what must never change could have been changed."
            for name in ("audit_refuses_replace", "masks_refuses_update")
        ]
    tables = {name.partition("_refuses_")[0] for name in GUARDS["sqlite"]}
    assert len(GUARDS["sqlite"]) == len(GUARDS["postgresql"]) == 3 * len(tables) == 27
    assert {name.partition("_refuses_")[2] for name in GUARDS["postgresql"]} == {"update", "delete", "truncate"}


def test_rows_whose_owner_is_gone_are_found(worked) -> None:
    said = damage(worked, "DELETE FROM masks WHERE id = 2")
    assert "A row of revisions belongs to a row of masks that is gone." in said


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET number = 99 WHERE number = 3", "The audit log was changed or cut at entry 3."),
        ("UPDATE audit SET digest = '' WHERE number = 3", "The audit log was changed or cut at entry 3."),
        ("UPDATE study SET audit_head = 'x'", "The audit log was cut after entry 6: 6 were written."),
        ("UPDATE study SET audit_count = 9", "The audit log was cut after entry 6: 9 were written."),
    ],
)
def test_a_log_that_does_not_hang_together_is_found(worked, statement: str, said: str) -> None:
    assert damage(worked, statement) == [said]
