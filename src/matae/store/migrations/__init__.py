"""Migrations of the study database: one module a version of the schema, run from inside the package by Alembic.

To add one: change `matae.store.schema`, write ``versions/v000N_what.py`` beside the others, and set `HEAD`. The tests
compare what the migrations make with what the schema says, on both databases. Where SQLite has to make a table anew
(`op.batch_alter_table`), its triggers go with the old one: make the guards again with `guards.guard`.
"""

from __future__ import annotations

HEAD = "0007"
"""The newest version; known without importing Alembic, so that opening a study stays quick."""
