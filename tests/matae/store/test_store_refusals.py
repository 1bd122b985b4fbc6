"""What a study says no to, before anything it says yes to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from store_makers import SHAPE, disc, make_cine

from matae.errors import OutputError
from matae.store import Edit, Flag, FrameStatus, StoreError, Study
from matae.store.codec import as_class_map, decode_mask, digest_of, encode_mask


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("mysql://a@b/c", "cannot live in a mysql"),
        ("://x", "not a URL"),
        ("postgresql://host:port/x", "not a URL"),
        ("sqlite://", "would be lost"),
        ("sqlite:///:memory:", "would be lost"),
    ],
)
def test_places_no_study_can_be(target, why) -> None:
    for way in (Study.open, Study.create):
        with pytest.raises(StoreError, match=why):
            way(target)


def test_nothing_a_folder_an_empty_file_or_another_file_is_no_study(tmp_path) -> None:
    import sqlite3

    with pytest.raises(StoreError, match="study init"):
        Study.open(tmp_path / "none.matae")
    with pytest.raises(StoreError, match="is a folder"):
        Study.open(tmp_path)
    for name, data in (("empty", b""), ("text", b"notes " * 100), ("short", b"SQLite format 3\0")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(StoreError, match="no study"):
            Study.open(tmp_path / name)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE t (x)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="another program"):
        Study.open(tmp_path / "other.db")
    assert not (tmp_path / "none.matae").exists()


def test_a_study_is_never_made_over_something(bare_target) -> None:
    Study.create(bare_target).close()
    with pytest.raises(StoreError, match="not written over"):
        Study.create(bare_target)
    Study.open(bare_target).close()


def test_a_folder_that_is_a_file_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file"):
        Study.create(tmp_path / "file" / "a.matae")


def test_a_database_with_other_tables_is_refused(server) -> None:
    url = server.new_database()
    server.execute("CREATE TABLE audit (x int)", url.rpartition("/")[2])
    with pytest.raises(StoreError, match="another program"):
        Study.create(url)
    with pytest.raises(StoreError, match="holds no study"):
        Study.open(url)


def test_a_server_that_is_not_there_or_does_not_let_in_is_a_sentence(server) -> None:
    with pytest.raises(StoreError, match="does not answer") as gone:
        Study.open("postgresql://matae:hidden@127.0.0.1:1/x")
    with pytest.raises(StoreError, match="password"):
        Study.open(server.url("postgres", password="wrong"))
    with pytest.raises(StoreError, match="no database"):
        Study.open(server.url("missing"))
    assert "hidden" not in str(gone.value)


def test_a_closed_study_says_so(study, cine) -> None:
    study.close()
    study.close()
    for ask in (study.cines, study.statistics, study.check, lambda: study.set_last_frame(cine.content_id, 0)):
        with pytest.raises(StoreError, match="closed"):
            ask()


def test_an_unknown_cine_is_refused_everywhere(study) -> None:
    for ask in (study.frames, study.landmarks, study.marks, study.last_frame, study.cine, study.path_of, study.flags):
        with pytest.raises(StoreError, match="not in"):
            ask("0" * 64)
    with pytest.raises(StoreError, match="not in"):
        study.put_edits("0" * 64, [Edit(0, disc())])
    with pytest.raises(StoreError, match="not in"):
        study.put_proposals("0" * 64, {0: disc()}, model="m", width="1")
    assert not study.has_cine("0" * 64)


@pytest.mark.parametrize("frame", [-1, 6])
def test_a_frame_that_does_not_exist_is_refused(study, cine, frame) -> None:
    identity = cine.content_id
    for do in (
        lambda: study.put_edits(identity, [Edit(frame, disc())]),
        lambda: study.put_edits(identity, [Edit(frame, None)]),
        lambda: study.put_proposals(identity, {frame: disc()}, model="m", width="1"),
        lambda: study.set_landmarks(identity, frame, {"apex": (1, 1)}),
        lambda: study.set_marks(identity, ed=frame, es=0),
        lambda: study.set_flags(identity, {frame: Flag(1, "x")}),
        lambda: study.set_status(identity, [frame], FrameStatus.ACCEPTED),
    ):
        with pytest.raises(StoreError, match="does not exist"):
            do()
    assert study.frames(identity) == {}


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        (np.zeros((3, 3), np.uint8), "does not belong"),
        (np.zeros(SHAPE[0], np.uint8), "does not belong"),
        (np.zeros((1, *SHAPE), np.uint8), "does not belong"),
        (np.zeros(SHAPE), "whole class numbers"),
        (np.full(SHAPE, 256), "0 to 255"),
        (np.full(SHAPE, -1), "0 to 255"),
    ],
)
def test_a_mask_that_is_none_is_refused_and_nothing_of_the_step_is_kept(study, cine, mask, why) -> None:
    before = study.sequence
    with pytest.raises(StoreError, match=why):
        study.put_edits(cine.content_id, [Edit(0, disc()), Edit(1, mask)])
    with pytest.raises(StoreError, match=why):
        study.put_proposals(cine.content_id, {0: disc(), 1: mask}, model="m", width="1")
    assert study.frames(cine.content_id) == {}
    assert study.sequence == before


def test_a_frame_twice_in_one_step_is_refused_and_an_empty_step_is_none(study, cine) -> None:
    with pytest.raises(StoreError, match="twice"):
        study.put_edits(cine.content_id, [Edit(0, disc()), Edit(0, disc(3))])
    before = study.sequence
    assert study.put_edits(cine.content_id, []) == []
    assert study.sequence == before


def test_what_cannot_be_judged_or_placed_is_refused(study, cine) -> None:
    with pytest.raises(StoreError, match="no mask on frame 1"):
        study.set_status(cine.content_id, [0], FrameStatus.ACCEPTED)
    with pytest.raises(StoreError, match="no place"):
        study.set_landmarks(cine.content_id, 0, {"apex": (float("nan"), 1)})
    for subject in ("", "  ", "x" * 201):
        with pytest.raises(StoreError, match="pseudonym"):
            study.set_subject(cine.content_id, subject)
    with pytest.raises(StoreError, match="are 6 x 24 x 32"):
        study.load_masks(cine.content_id, np.zeros((5, *SHAPE), np.uint8))
    with pytest.raises(StoreError, match="no subject"):
        study.forget_subject("nobody")
    with pytest.raises(StoreError, match="no label"):
        study.add_release("r", {cine.content_id: [0]})
    with pytest.raises(StoreError, match="name"):
        study.add_release(" ", {})
    assert study.releases() == []


def test_other_pixels_in_a_labelled_file_are_refused_until_asked_for(study) -> None:
    first, second = make_cine(1, source="/clips/a.dcm"), make_cine(2, source="/clips/a.dcm")
    study.add_cine(first)
    study.put_edits(first.content_id, [Edit(0, disc())])
    with pytest.raises(StoreError, match=r"a\.dcm shows other pixels than when one frame of it"):
        study.add_cine(second)
    assert not study.has_cine(second.content_id)
    assert study.add_cine(second, changed=True).is_new
    np.testing.assert_array_equal(study.mask(first.content_id, 0), disc())
    assert study.mask(second.content_id, 0) is None


def test_other_pixels_in_a_file_nobody_labelled_are_another_cine(study) -> None:
    study.add_cine(make_cine(1, source="/clips/a.dcm"))
    assert study.add_cine(make_cine(2, source="/clips/a.dcm")).is_new


# --- the codec ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", encode_mask(disc())[:-20], b"GIF89a" + bytes(50)])
def test_damaged_bytes_are_a_sentence(data) -> None:
    with pytest.raises(StoreError, match="damaged"):
        decode_mask(data)


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_a_mask_comes_back_as_it_was(mask) -> None:
    back = decode_mask(encode_mask(mask))
    np.testing.assert_array_equal(back, mask)
    assert back.dtype == np.uint8
    assert digest_of(back) == digest_of(mask)


@given(arrays(np.uint8, (5, 7)), arrays(np.uint8, (5, 7)))
def test_only_equal_masks_have_equal_digests(one, two) -> None:
    assert (digest_of(one) == digest_of(two)) == np.array_equal(one, two)
    assert digest_of(one) != digest_of(np.ascontiguousarray(one.T))


@given(st.sampled_from([np.bool_, np.int64, np.uint16, np.uint8]))
def test_whole_numbers_of_any_kind_are_taken(kind) -> None:
    np.testing.assert_array_equal(as_class_map(disc().astype(kind), SHAPE), disc())
    np.testing.assert_array_equal(as_class_map(disc()[:, ::-1], SHAPE), disc()[:, ::-1])
