"""Every store test runs on a SQLite file and on a real PostgreSQL."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from store_makers import make_cine
from store_server import Server

from matae.store import Study
from matae.store.schema import Base

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matae.cine import Cine


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="needs the extra postgresql", exc_type=ImportError)
    pytest.importorskip("pwd", reason="PostgreSQL is started as another user, which Windows does otherwise")
    try:
        made = Server()
    except RuntimeError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture(scope="session")
def empty_study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.matae"
    Study.create(path).close()
    return path


@pytest.fixture(scope="session")
def study_database(server: Server) -> str:
    """Return a database with a study in it, which every test finds empty: making one for each would take minutes."""
    url = server.new_database()
    Study.create(url).close()
    database = url.rpartition("/")[2]
    server.execute("CREATE TABLE first_study AS SELECT * FROM study", database)
    server.execute("CREATE TABLE first_audit AS SELECT * FROM audit", database)
    deleted = "".join(f"DELETE FROM {table.name};" for table in reversed(Base.metadata.sorted_tables))
    server.execute(
        # No triggers: the audit log could not be emptied otherwise. A function's statements are planned once.
        "CREATE FUNCTION empty_study() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS $$ "
        f"BEGIN {deleted} INSERT INTO study SELECT * FROM first_study; "
        "INSERT INTO audit SELECT * FROM first_audit; END $$",
        database,
    )
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bare_target(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Where a study could be made."""
    if backend == "sqlite":
        return str(tmp_path / "bare.matae")
    return request.getfixturevalue("server").new_database()


@pytest.fixture
def target(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Where an empty study is."""
    if backend == "sqlite":
        shutil.copy(request.getfixturevalue("empty_study_file"), tmp_path / "study.matae")
        return str(tmp_path / "study.matae")
    url: str = request.getfixturevalue("study_database")
    request.getfixturevalue("server").call_again("SELECT empty_study()", url.rpartition("/")[2])
    return url


@pytest.fixture
def study(target: str) -> Iterator[Study]:
    with Study.open(target, rater="anna") as opened:
        yield opened


@pytest.fixture
def other(target: str, study: Study) -> Iterator[Study]:
    """Open the same study a second time, as somebody else."""
    with Study.open(target, rater="bela") as opened:
        yield opened


@pytest.fixture
def cine(study: Study) -> Cine:
    """Return a cine that is in the study."""
    made = make_cine()
    study.add_cine(made, subject="p1")
    return made


@pytest.fixture
def file_study(tmp_path: Path, empty_study_file: Path) -> Path:
    """Return an empty study in a file, for what only files do."""
    return shutil.copy(empty_study_file, tmp_path / "study.matae")
