"""The draw of sides, to the digit: who is drawn, on which side, and what the log says of it."""

from __future__ import annotations

import hashlib

import pytest
from store_makers import make_cine

from matae.store import StoreError, Study, SubjectSource
from matae.store.splits import DEFAULT_SHARES, draw


def log(study: Study, since: int) -> list[tuple[str, dict[str, object]]]:
    return [(entry.event, dict(entry.details)) for entry in study.audit()[since:]]


def test_a_draw_without_shares_for_everybody_gives_the_last_side() -> None:
    assert draw("anybody", 0, {"train": 0.0, "test": 0.0}) == "test"
    assert draw("anybody", 0, {"train": 1.0, "test": 0.0}) == "train"
    assert draw("anybody", 0, {"train": 0.0, "test": 1.0}) == "test"


def test_the_draw_is_the_hash_of_seed_and_pseudonym() -> None:
    # A side must be the same for as long as there are studies: this is written out a second time on purpose.
    for seed in (0, 7):
        for number in range(60):
            name = f"p{number}"
            place = int(hashlib.sha256(f"{seed}|{name}".encode()).hexdigest()[:16], 16) / 2**64
            wanted = "train" if place < 0.7 else "val" if place < 0.85 else "test"
            assert draw(name, seed, DEFAULT_SHARES) == wanted
    assert [draw(name, 0, DEFAULT_SHARES) for name in ("p0", "p1", "p2", "p3")] == ["train"] * 3 + ["val"]


def test_what_the_log_says_of_sides(study: Study) -> None:
    study.add_cine(make_cine(), subject="p1")
    before = len(study.audit())
    sides = study.assign_splits()
    assert log(study, before) == [
        ("splits fixed", {"seed": 0, "shares": DEFAULT_SHARES}),
        ("side drawn", {"side": sides["p1"]}),
    ]
    study.add_subject("p2", "val")
    assert log(study, before + 2) == [("subject added", {}), ("side given", {"side": "val"})]
    study.add_cine(make_cine(3), subject="p3")
    assert ("side drawn", {"side": study.splits()["p3"]}) in log(study, before + 4)
    codes = {entry.subject for entry in study.audit()[before + 1 :] if entry.event.startswith("side")}
    assert len(codes) == 3
    assert "" not in codes


def test_a_subject_that_is_there_stays_where_it_is(study: Study) -> None:
    study.add_subject("p1", "val")
    before = len(study.audit())
    study.add_subject(" p1 ", "train")
    assert study.splits() == {"p1": "val"}
    study.set_split("p1", "val")
    assert len(study.audit()) == before
    study.add_cine(make_cine(), subject="p2")
    study.set_split(" p2 ", "test")
    assert log(study, len(study.audit()) - 1) == [("side given", {"side": "test"})]
    assert study.split_of(" p2 ") == "test"
    # A subject without a side that is added again gets none.
    study.add_cine(make_cine(3), subject="p3")
    study.add_subject("p3", "train")
    assert study.split_of("p3") is None


def test_a_subject_that_is_added_gives_its_side_to_nobody_else(study: Study) -> None:
    study.add_cine(make_cine(0), subject="p1")  # has no side yet
    study.add_cine(make_cine(1), subject="p2")
    study.add_subject("p3", "val")
    assert study.splits() == {"p3": "val"}
    study.set_split("p2", "test")
    assert study.splits() == {"p2": "test", "p3": "val"}


@pytest.mark.parametrize("part", ["", "a b", "train!", "x" * 41, "-", "_"])
def test_names_that_are_no_side(study: Study, part: str) -> None:
    study.add_cine(make_cine(), subject="p1")
    for way in (study.set_split, study.add_subject):
        with pytest.raises(StoreError, match="is no name for a side; use letters and digits"):
            way("p1", part)
    assert study.splits() == {}


@pytest.mark.parametrize("part", ["train-2", "hold_out", "x" * 40, "3"])
def test_names_that_are_sides(study: Study, part: str) -> None:
    study.add_cine(make_cine(), subject="p1")
    study.set_split("p1", part)
    study.add_subject("p2", part)
    assert study.splits() == {"p1": part, "p2": part}


def test_the_side_a_subject_would_be_drawn_on_is_the_one_it_is_drawn_on(study: Study) -> None:
    names = [f"p{number}" for number in range(12)]
    assert [study.side_for(f" {name} ") for name in names] == [draw(name, 0, DEFAULT_SHARES) for name in names]
    assert study.splits() == {}
    shares = {"train": 0.5, "test": 0.5}
    study.assign_splits(seed=3, shares=shares)
    wanted = [draw(name, 3, shares) for name in names]
    assert [study.side_for(name) for name in names] == wanted
    assert wanted != [draw(name, 0, shares) for name in names]
    assert study.splits() == {}
    for number, name in enumerate(names):
        study.add_cine(make_cine(number), subject=name)
    assert list(study.splits().items()) == list(zip(names, wanted, strict=True))
    study.add_subject("given", "test")
    assert study.side_for("given") == "test"


def test_the_first_draw_fixes_seed_and_shares(study: Study) -> None:
    shares = {"train": 0.1, "val": 0.2, "test": 0.7}  # whose sum is not 1 to the last bit
    study.assign_splits(seed=5, shares=shares)
    study.assign_splits()
    study.assign_splits(seed=5)
    study.assign_splits(shares=shares)
    for other in ({"seed": 0}, {"seed": 5, "shares": {"train": 1.0}}, {"seed": 6, "shares": shares}):
        with pytest.raises(StoreError, match="drawn with seed 5 and shares"):
            study.assign_splits(**other)


@pytest.mark.parametrize("shares", [{"train": 1.0 + 1e-6}, {"train": 1 - 1e-6}, {"train": 1.0001, "test": -0.0001}])
def test_shares_that_do_not_sum_to_one(study: Study, shares: dict[str, float]) -> None:
    with pytest.raises(StoreError, match="must be positive and sum to one"):
        study.assign_splits(shares=shares)
    assert study.assign_splits(shares={"train": 1.0, "test": 0.0}) == {}


def test_nobody_is_drawn_for_a_guess(study: Study) -> None:
    study.add_cine(make_cine(0), subject="guessed", source=SubjectSource.GUESSED)
    study.add_cine(make_cine(1), subject="both", source=SubjectSource.GUESSED)
    study.add_cine(make_cine(2), subject="both")
    study.add_cine(make_cine(3), subject="said")
    study.add_cine(make_cine(4))
    assert set(study.assign_splits()) == {"both", "said"}
