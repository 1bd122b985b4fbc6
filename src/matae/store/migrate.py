"""Bring a database to the newest version of the schema."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from matae.store.migrations import HEAD

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

__all__ = ["HEAD", "is_older", "migrate", "schema_version", "scripts"]

_TURN = threading.Lock()
"""Alembic keeps the migration under way in global variables: one thread at a time."""

FOLDER = Path(__file__).with_name("migrations")
"""Where the migrations are."""


def schema_version(connection: Connection) -> str | None:
    """Return the version of the schema, or None if this is no study."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def scripts() -> Any:
    """Return Alembic's view of the migrations in the package."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return ScriptDirectory.from_config(config)


def is_older(version: str) -> bool:
    """Say whether the migrations in the package start from this version; if not, it is newer than the package."""
    return version in {script.revision for script in scripts().walk_revisions()}


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing, inside the connection's transaction: all of them or none."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    directory = scripts()

    def steps(revision: Any, _context: Any) -> Any:
        return directory._upgrade_revs(HEAD, revision)  # noqa: SLF001 (what Alembic's own upgrade command calls)

    with _TURN, EnvironmentContext(Config(), directory, fn=steps, destination_rev=HEAD) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
