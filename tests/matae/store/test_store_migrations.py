"""The schema: what the migrations make is what the code expects, and an older study is brought up to date."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sqlalchemy import inspect, text
from store_makers import disc, make_cine

from matae.store import StoreError, Study
from matae.store import migrate as migrations
from matae.store.engine import parse_target
from matae.store.integrity import GUARDS
from matae.store.schema import Base

if TYPE_CHECKING:
    import sqlite3


def test_the_newest_migration_is_the_one_the_code_asks_for() -> None:
    assert migrations.scripts().get_current_head() == migrations.HEAD
    assert len(migrations.scripts().get_heads()) == 1
    assert migrations.is_older("0001")
    assert not migrations.is_older("9999")


def test_the_migrations_make_what_the_schema_says(study) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with study._reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [
            difference
            for difference in compare_metadata(context, Base.metadata)
            if not (difference[0] == "remove_table" and difference[1].name.startswith("first_"))  # of the tests
        ]
    assert differences == []


def test_the_quick_studies_of_other_tests_are_what_the_migrations_make(tmp_path, monkeypatch) -> None:
    from tests.quick_studies import make_studies_quickly

    found = []
    for name in ("real", "quick"):
        with Study.create(tmp_path / f"{name}.matae") as study, study._reading() as connection:
            assert study.check() == []
            tables = connection.execute(text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"))
            found.append((tables.all(), connection.execute(text("SELECT * FROM alembic_version")).all()))
        make_studies_quickly(monkeypatch)
    assert found[0] == found[1]
    assert len(found[0][0]) > 50


def test_every_table_has_the_constraints_of_the_schema(study) -> None:
    with study._reading() as connection:
        found = inspect(connection)
        for name, table in Base.metadata.tables.items():
            wanted = {(key.column.table.name, key.ondelete) for column in table.columns for key in column.foreign_keys}
            assert {(k["referred_table"], k["options"].get("ondelete")) for k in found.get_foreign_keys(name)} == wanted
            checks = {c.name for c in table.constraints if type(c).__name__ == "CheckConstraint"}
            assert {c["name"] for c in found.get_check_constraints(name)} == checks


def test_the_guards_are_there(study) -> None:
    question = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    with study._reading() as connection:
        found = set(connection.execute(text(question[connection.dialect.name])).scalars())
        assert found == GUARDS[connection.dialect.name]


@pytest.fixture
def future(tmp_path, monkeypatch) -> str:
    """Let there be a version 0008 that adds a column."""
    from matae.store import study as study_module

    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for known in migrations.scripts().walk_revisions():
        shutil.copy(known.path, folder / "versions")
    (folder / "versions" / "v0008_colour.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\nrevision = '0008'\ndown_revision = '0007'\n\n\n"
        "def upgrade():\n    op.add_column('cines', sa.Column('colour', sa.Text(), server_default='grey'))\n"
    )
    monkeypatch.setattr(migrations, "FOLDER", folder)
    monkeypatch.setattr(migrations, "HEAD", "0008")
    monkeypatch.setattr(study_module, "HEAD", "0008")
    return "0008"


def test_an_older_study_is_copied_then_brought_up_to_date(target, study, cine, backend, future) -> None:
    study.close()
    try:
        with Study.open(target) as newer:
            assert newer.cines()[0].subject == "p1"
            with newer._reading() as connection:
                assert migrations.schema_version(connection) == future
                assert connection.execute(text("SELECT colour FROM cines")).scalar_one() == "grey"
            assert newer.check() == []
        Study.open(target).close()
        assert list(Path(target).parent.glob("study.version-0007.matae")) or backend == "postgresql"
    finally:
        if backend == "postgresql":
            back(target)


def back(target: str) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(parse_target(target).url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE cines DROP COLUMN colour"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0007'"))
    engine.dispose()


def test_a_table_that_is_made_anew_loses_nothing_that_belongs_to_it(file_study, future, tmp_path) -> None:
    """SQLite changes a column by dropping the table, and with it would go every label of every cine."""
    script = tmp_path / "migrations" / "versions" / "v0008_colour.py"
    script.write_text(
        script.read_text() + "    with op.batch_alter_table('cines', recreate='always') as batch:\n"
        "        batch.alter_column('view', type_=sa.String(80))\n"
    )
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(file_study)) as raw:  # as it would be in the version before
        raw.execute(
            "INSERT INTO cines (id, code, content_id, stem, path, n_frames, height, width, added_at, sequence, "
            "session) VALUES (1, 'c', 'i', 's', '/p', 1, 1, 1, '2026-01-01', 0, '')"
        )
        raw.execute("INSERT INTO flags VALUES (1, 0, 1.0, 'kept')")
        raw.commit()
    with Study.open(file_study) as newer:
        assert newer.flags("i")[0].reason == "kept"
        assert newer.check() == []
    stale = file_study.with_name("study.version-0007.matae")
    with closing(sqlite3.connect(stale)) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == ("0007",)


def test_a_copy_of_an_earlier_upgrade_is_not_taken_for_this_one(file_study, future) -> None:
    taken = file_study.with_name("study.version-0007.matae")
    taken.write_text("mine")
    Study.open(file_study).close()
    assert taken.read_text() == "mine"
    assert file_study.with_name("study.version-0007-2.matae").exists()


def test_a_migration_that_fails_leaves_the_study_as_it_was(file_study, future, tmp_path) -> None:
    script = tmp_path / "migrations" / "versions" / "v0008_colour.py"
    script.write_text(script.read_text() + "    op.execute('SELECT * FROM nowhere')\n")
    before = file_study.read_bytes()
    with pytest.raises(Exception, match="nowhere"):
        Study.open(file_study)
    script.write_text(script.read_text().replace("    op.execute('SELECT * FROM nowhere')\n", ""))
    assert file_study.read_bytes() == before
    with Study.open(file_study) as study:
        assert study.check() == []


def before_implied(raw: sqlite3.Connection) -> None:
    """Take away what version 0007 added."""
    raw.execute("ALTER TABLE revisions DROP COLUMN implied_dice")


def before_readings(raw: sqlite3.Connection) -> None:
    """Take away what version 0006 added but for a column of a table that is itself taken away."""
    for table, column in (("study", "blind"), ("cines", "recorded")):
        raw.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    for table in ("readings", "adjudications"):
        raw.execute(f"DROP TABLE {table}")


def test_what_was_set_before_refused_versions_were_kept_still_counts(file_study) -> None:
    import sqlite3
    from contextlib import closing

    with Study.open(file_study, rater="anna") as study:
        cine = make_cine()
        study.add_cine(cine)
        study.set_override(cine.content_id, "view", "A2C")
        study.set_marks(cine.content_id, ed=1, es=3)
        study.set_landmarks(cine.content_id, 2, {"apex": (1, 2)})
    with closing(sqlite3.connect(file_study)) as raw:  # as version 0002 had them
        for table in ("landmarks", "marks", "overrides"):
            raw.execute(f"ALTER TABLE {table} DROP COLUMN shown")
        before_implied(raw)
        before_readings(raw)
        for table in ("measurements", "claims", "queue", "looks"):
            raw.execute(f"DROP TABLE {table}")
        raw.execute("DROP INDEX ix_labels_worklist")
        raw.execute("UPDATE alembic_version SET version_num = '0002'")
        raw.commit()
    with Study.open(file_study) as study:
        assert study.overrides(cine.content_id).view == "A2C"
        assert study.marks(cine.content_id).ed == 1
        assert study.landmarks(cine.content_id)[2].points == {"apex": (1, 2)}
        assert study.check() == []


def test_a_study_of_before_looks_were_kept_has_frames_to_correct(file_study) -> None:
    import sqlite3
    from contextlib import closing

    from matae.store import Flag

    with Study.open(file_study) as study:
        cine = make_cine()
        study.add_cine(cine, subject="p1")
        study.put_proposals(cine.content_id, {2: disc()}, model="m", width="1", model_sha256="")
        study.set_flags(cine.content_id, {2: Flag(0.1, "end-diastole")})
    with closing(sqlite3.connect(file_study)) as raw:  # as version 0004 had it
        before_implied(raw)
        before_readings(raw)
        raw.execute("ALTER TABLE measurements DROP COLUMN la_ml")
        raw.execute("DROP TABLE looks")
        raw.execute("UPDATE alembic_version SET version_num = '0004'")
        raw.commit()
    with Study.open(file_study) as study:
        (frame,) = study.frames_to_correct()
        assert (frame.frame, frame.look, frame.phase) == (2, None, "ED")
        assert study.check() == []


def test_proposals_of_before_imply_nothing_and_stay_as_they_are(target, study, cine, backend) -> None:
    """What is proposed from then on has its value, on the same frame too; the guards are there as before."""
    from sqlalchemy import create_engine

    identity = cine.content_id
    study.put_proposals(identity, {1: disc(), 2: disc(4)}, model="m", width="1")
    study.close()
    engine = create_engine(parse_target(target).url)
    with engine.begin() as raw:  # as version 0006 had it
        raw.execute(text("ALTER TABLE revisions DROP COLUMN implied_dice"))
        raw.execute(text("UPDATE alembic_version SET version_num = '0006'"))
    engine.dispose()
    with Study.open(target) as newer:
        assert {t: info.implied for t, info in newer.frames(identity).items()} == {1: None, 2: None}
        np.testing.assert_array_equal(newer.mask(identity, 2), disc(4))
        newer.put_proposals(identity, {2: disc(4)}, model="m", width="1", implied={2: 0.75})
        assert {t: info.implied for t, info in newer.frames(identity).items()} == {1: None, 2: 0.75}
        assert newer.check() == []
    with Study.open(target) as again:
        assert again.frames(identity)[2].implied == 0.75
    assert list(Path(target).parent.glob("study.version-0006.matae")) or backend == "postgresql"


def test_a_study_older_than_any_migration_known_is_refused(file_study, monkeypatch, tmp_path) -> None:
    with Study.open(file_study) as study, study._writing() as writing:
        writing.connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(StoreError, match="newer version"):
        Study.open(file_study)


def test_values_and_help_load_no_database_library() -> None:
    code = (
        "import sys\nimport matae.store\nimport matae.cli\n"
        "sys.exit(','.join({'sqlalchemy', 'alembic', 'psycopg', 'PIL'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_opening_loads_no_migration_library(file_study) -> None:
    code = (
        "import sys\nfrom matae.store import Study\nStudy.open(sys.argv[1]).cines()\n"
        "sys.exit(','.join({'alembic', 'psycopg', 'torch', 'skimage', 'scipy'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file_study)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
