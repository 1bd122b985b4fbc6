"""Statements are made once for all engines of one kind of database, and every engine still asks its own database."""

from __future__ import annotations

from sqlalchemy import select
from store_makers import make_cine

from matae.store import Study
from matae.store.engine import make_engine, parse_target
from matae.store.schema import Cine


def test_another_engine_makes_no_statement_anew_and_asks_its_own_database(target, tmp_path) -> None:
    with Study.open(target) as study:
        study.add_cine(make_cine(1), subject="s1")
    with Study.create(tmp_path / "other.matae") as study:
        for seed in (2, 3):
            study.add_cine(make_cine(seed), subject="s2")
    found = []
    for place in (target, target, str(tmp_path / "other.matae"), str(tmp_path / "other.matae")):
        engine = make_engine(parse_target(place))
        for content in (make_cine(1).content_id, make_cine(3).content_id):
            with engine.connect() as connection:
                rows = connection.execute(select(Cine.content_id).where(Cine.content_id == content))
                found.append((rows.context.cache_hit.name, rows.scalars().all() == [content]))
        engine.dispose()
    ours, theirs = [True, False], [False, True]
    assert [there for _, there in found] == ours + ours + theirs + theirs
    assert [hit for hit, _ in found[1:4]] == ["CACHE_HIT"] * 3
    assert [hit for hit, _ in found[5:]] == ["CACHE_HIT"] * 3
