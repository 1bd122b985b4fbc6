"""What `study check` says of labels: that each frame shows its last version, whole, and nothing else."""

from __future__ import annotations

import sqlite3

import pytest
from store_makers import disc, make_cine, stroke

from matae.store import Edit, FrameStatus, Study


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
