"""Empty studies at once: the migrations run once a process, and the tables they made are made again from their words.

Running all migrations takes a tenth of a second of a processor, and every viewer of a test begins with a new study.
That they make what the schema says is tested in `tests/matae/store`, where nothing is replaced.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import pytest

# SQLite's own order would do for tables; triggers and views name tables that a migration may have made anew after them.
_ORDER = "CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid"


@cache
def _made() -> tuple[tuple[str, ...], tuple[tuple[str, tuple[Any, ...]], ...]]:
    """Return what the migrations make in an empty file: the words of its tables and triggers, and its rows."""
    from matae.store.create import make_file
    from matae.store.sqlite_client import connect

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tables.matae"
        file.touch()
        make_file(file, fill=False)
        with closing(connect(file)) as study:
            found = study.execute(f"SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY {_ORDER}")
            things = found.fetchall()
            rows: list[tuple[str, tuple[Any, ...]]] = []
            for kind, name, _ in things:
                if kind == "table":
                    rows += [(name, tuple(row)) for row in study.execute(f'SELECT * FROM "{name}"').fetchall()]
    return tuple(sql for _, _, sql in things), tuple(rows)


def make_studies_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new files get their tables from what the migrations made once in this process."""
    from matae.store import create

    statements, rows = _made()
    real = create.migrate

    def migrate(connection: Any) -> None:
        if connection.dialect.name != "sqlite" or create.schema_version(connection) is not None:
            real(connection)
            return
        for statement in statements:
            connection.exec_driver_sql(statement)
        for table, row in rows:
            connection.exec_driver_sql(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(row))})', row)

    monkeypatch.setattr(create, "migrate", migrate)
