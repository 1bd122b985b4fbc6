"""Triggers that keep rows which must never change, on both databases."""

from __future__ import annotations

from alembic import op

__all__ = ["guard"]


def guard(table: str, keys: list[str], owner: str = "") -> None:
    """Let the database refuse to change, delete or replace a table's rows.

    Parameters
    ----------
    table
        Which.
    keys
        What identifies a row: names of columns, with blanks between those of one key.
    owner
        What a row belongs to and may go with (``cine``, ``subject``), so that a subject can be forgotten.
    """
    _refuse(table, "UPDATE")
    _refuse(table, "DELETE", owner)
    if op.get_bind().dialect.name == "postgresql":
        _refuse(table, "TRUNCATE")
        return
    # INSERT OR REPLACE deletes without asking the triggers.
    same = " OR ".join("(" + " AND ".join(f"{k} = NEW.{k}" for k in key.split()) + ")" for key in keys)
    op.execute(
        f"CREATE TRIGGER {table}_refuses_replace BEFORE INSERT ON {table} "  # noqa: S608 (our names)
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _refuse(table: str, what: str, owner: str = "") -> None:
    """Make a trigger that refuses; with an owner only as long as that is there, so that a subject can be forgotten."""
    name = f"{table}_refuses_{what.lower()}"
    there = f"EXISTS (SELECT 1 FROM {owner}s WHERE id = OLD.{owner}_id)" if owner else ""  # noqa: S608
    if op.get_bind().dialect.name == "sqlite":
        when = f"WHEN {there} " if there else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {what} ON {table} {when}"
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
        return
    if there:
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {there} THEN RAISE EXCEPTION '{table} is append-only'; END IF; RETURN OLD; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    each = "STATEMENT" if what == "TRUNCATE" else "ROW"
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH {each} EXECUTE FUNCTION {name}()")
