"""The segmenter that is kept: what makes it another first."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from matae.errors import ModelError
from matae.phantom import make_phantom
from matae.segment import Segmenter, SegmentOptions, segment
from matae.segment.backends import installed_backends
from matae.segment.kept import forget_kept, kept_segmenter, make_kept
from matae.segment.notices import take_notices

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def none_kept() -> None:
    forget_kept()
    take_notices()


def test_one_that_cannot_be_made_is_not_kept(tiny_model: str) -> None:
    for _ in range(2):
        with pytest.raises(ModelError, match="no model 'nobody'"), kept_segmenter(SegmentOptions("nobody")):
            pass


def test_the_same_options_have_the_same_segmenter_and_others_another(tiny_model: str) -> None:
    options = SegmentOptions(tiny_model, "1/2", "cpu", "torch")
    with kept_segmenter(options) as first, kept_segmenter(options) as meanwhile:
        assert meanwhile is not first
    with kept_segmenter(options, 50.0) as again:
        assert again is first
    with kept_segmenter(SegmentOptions(tiny_model, "1", "cpu", "torch")) as other:
        assert other is not first
    with kept_segmenter(options) as anew:
        assert anew is not first


@pytest.mark.parametrize("trouble", ["notice", "error"])
def test_one_that_had_trouble_is_made_anew(trouble: str, tiny_model: str) -> None:
    options, used = SegmentOptions(tiny_model, "1/2", "cpu", "torch"), []

    def use() -> None:
        with kept_segmenter(options) as segmenter:
            used.append(segmenter)
            if trouble == "error":
                raise OSError("no frames")
            segmenter.notices.append("Memory ran out.")

    with pytest.raises(OSError, match="no frames") if trouble == "error" else nullcontext():
        use()
    with kept_segmenter(options) as again:
        assert again is not used[0]
        assert again.notices == []


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_damaged_file_of_one_made_before_is_said_by_the_next_run_alone(
    backend: str, tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if backend not in installed_backends():
        pytest.skip(f"{backend} is not installed")
    monkeypatch.setenv("MATAE_CACHE", str(tmp_path / "cache"))
    options, cine = SegmentOptions(tiny_model, "1/2", "cpu", backend), make_phantom(1, n_frames=2, shape=(64, 64)).cine
    Segmenter(options)
    files = sorted((tmp_path / "cache").rglob("*.bin"))
    assert files
    for file in files:
        file.write_bytes(b"not what was written")
    make_kept(options)  # as a check of the model does, and the viewer in the background
    said = []
    for _ in range(2):
        with kept_segmenter(options) as segmenter:
            said.append(segment(cine, segmenter=segmenter).notices)
    assert [text for text in said[0] if "is damaged; it was made anew" in text]
    assert said[1] == []


def test_one_at_a_grid_that_nobody_checked_is_kept(tiny_model: str) -> None:
    options = SegmentOptions(tiny_model, "1/2", "cpu", "torch", grid="96")
    with kept_segmenter(options) as first:
        assert "never checked at a grid of 96" in first.lasting_notices[0]
    with kept_segmenter(options) as again:
        assert again is first


def test_one_whose_run_was_left_is_kept(tiny_model: str) -> None:
    options = SegmentOptions(tiny_model, "1/2", "cpu", "torch")

    def run() -> object:
        with kept_segmenter(options) as segmenter:
            while True:
                yield segmenter

    left = run()
    first = next(left)
    left.close()
    with kept_segmenter(options) as again:
        assert again is first


def test_another_rate_that_asks_for_another_width_is_another_segmenter(
    tiny_model: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matae.models import find_model
    from matae.segment.auto import Speeds

    monkeypatch.setenv("MATAE_MEASURE", "1")
    monkeypatch.setenv("MATAE_CACHE", str(tmp_path / "cache"))
    speeds = Speeds.read(find_model(tiny_model).card.sha256)
    for width, rate in ((0.125, 400.0), (0.25, 200.0), (0.5, 100.0), (1.0, 50.0)):
        speeds.note("torch", width, rate)
    speeds.write()
    options = SegmentOptions(tiny_model, device="cpu", backend="torch")
    with kept_segmenter(options, 30.0) as slow:
        assert slow.width == 1
    with kept_segmenter(options, 35.0) as alike:
        assert alike is slow
        assert "keeps up with 35" in alike.describe()["auto"]
    with kept_segmenter(options, 70.0) as fast:
        assert fast.width == 0.5


def test_whoever_comes_while_one_is_made_has_that_one(tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options, made, asked = SegmentOptions(tiny_model, "1/2", "cpu", "torch"), [], threading.Event()
    real = Segmenter.__init__

    def slowly(self: Segmenter, *given: object, **how: object) -> None:
        made.append(self)
        asked.wait(60)  # until the other has come; it waits for this one, or makes a second
        real(self, *given, **how)

    monkeypatch.setattr(Segmenter, "__init__", slowly)
    early = threading.Thread(target=make_kept, args=(options,))
    early.start()
    threading.Timer(0.2, asked.set).start()
    with kept_segmenter(options) as used:
        early.join()
    assert made == [used]
    make_kept(options)  # it is there
    with kept_segmenter(options) as running:
        make_kept(options)  # it runs: another beside it would only take its processor
        assert made == [running]
    forget_kept()
    make_kept(options)
    assert len(made) == 2


def test_what_is_measured_meanwhile_decides_for_the_next_clip(
    tiny_model: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matae.models import find_model
    from matae.segment import auto
    from matae.segment.run import measure_speeds

    monkeypatch.setenv("MATAE_MEASURE", "1")
    monkeypatch.setenv("MATAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(auto, "_measure", lambda *_: 400.0)
    monkeypatch.setattr(auto, "_load", lambda: 0.0)
    speeds = auto.Speeds.read(find_model(tiny_model).card.sha256)
    speeds.note("torch", 0.125, 400.0)  # as far as the time sufficed at the first start
    speeds.write()
    options = SegmentOptions(tiny_model, device="cpu", backend="torch")
    make_kept(options, measures=False)
    with kept_segmenter(options, 30.0, measures=False) as first:
        assert first.width == 0.125
    measure_speeds(options)
    # Where one frame of the clip is run again, the one that did the others does, however large its sector is by now.
    with kept_segmenter(options, 30.0, 64, measures=False, chooses=False) as again:
        assert again is first
        assert again.describe()["grid"] == 64
    with kept_segmenter(options, 30.0, measures=False) as second:
        assert second.width == 1


def test_where_the_disk_takes_nothing_what_was_measured_before_stands(
    tiny_model: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matae.segment import auto
    from matae.segment.run import measure_speeds

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(auto, "write_atomic", refuse)
    monkeypatch.setenv("MATAE_MEASURE", "1")
    monkeypatch.setenv("MATAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(auto, "_measure", lambda *_: 400.0)
    options = SegmentOptions(tiny_model, device="cpu", backend="torch")
    with kept_segmenter(options, 30.0) as first:
        assert first.width == 1
    measure_speeds(options)
    with kept_segmenter(options, 30.0, measures=False) as second:
        assert second is first
