"""Real hearts: tracings bring CAMUS masks back, and CAMUS folders are read as they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from exchange_makers import dice, labels

from matae.cine import Box
from matae.exchange import plan_export, plan_import, run_export, run_import
from matae.exchange.placing import placement_from_json
from matae.measure.disks import single_plane
from matae.placement import Placement
from matae.store import Study

DATA = Path(__file__).parents[4] / "shared" / "data"
NATIVE = DATA / "camus-native"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not NATIVE.is_dir(), reason="the CAMUS frames are not beside the repository"),
]


@pytest.fixture(scope="module")
def hearts(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Every CAMUS picture at hand, in both layouts, with its reference mask."""
    study = Study.create(tmp_path_factory.mktemp("hearts") / "hearts.matae", rater="camus")
    stored = 0
    for layout in ("nifti", "mhd"):
        plan = plan_import(study, NATIVE / layout)
        assert plan.format == "camus"
        assert plan.n_conflicts == 0
        stored += run_import(plan).stored
    assert stored == 20
    return study


@pytest.mark.parametrize(("size", "least"), [(None, 0.98), (112, 0.96)])
def test_a_tracing_holds_a_real_cavity(hearts: Study, size: int | None, least: float) -> None:
    from matae.exchange.clip import ExportClip, Label
    from matae.exchange.layouts.echonet import grid_tracing, mask_of_own_tracing

    for summary in hearts.cines():
        mask = (hearts.mask(summary.content_id, 0) == 1).astype(np.uint8)
        spacing = hearts.cine(summary.content_id).spacing
        fit = Placement(mask.shape, Box(0, 0, *mask.shape), (spacing.y, spacing.x), size)
        clip = ExportClip("c", "p", "train", (1, *mask.shape), np.zeros, {0: Label(mask)}, fit, spacing=spacing)
        rows = grid_tracing(clip, 0)
        assert rows.shape == (21, 4)
        assert dice(mask_of_own_tracing(rows, fit.out_shape), fit.mask(mask)) >= least


def test_masks_are_those_of_the_files(hearts: Study) -> None:
    import SimpleITK as sitk  # noqa: N813

    for summary in hearts.cines():
        path = hearts.path_of(summary.content_id)
        name = path.name.replace("_ED.", "_ED_gt.").replace("_ES.", "_ES_gt.")
        want = sitk.GetArrayFromImage(sitk.ReadImage(str(path.with_name(name))))
        np.testing.assert_array_equal(hearts.mask(summary.content_id, 0), want.reshape(want.shape[-2:]))


@pytest.mark.slow
@pytest.mark.parametrize(("native", "least"), [(True, 0.98), (False, 0.96)])
def test_tracings_of_real_cavities(hearts: Study, tmp_path: Path, native: bool, least: float) -> None:
    plan = plan_export(hearts, "echonet", native=native, view="A4C", cines=four_chamber(hearts))
    assert len(plan.clips) == 16
    release = run_export(plan, tmp_path / "out", looked=True)
    with Study.create(tmp_path / "new.matae") as new:
        assert run_import(plan_import(new, release.folder)).stored == 16
        fits = {clip["name"]: placement_from_json(clip["fit"], "") for clip in release.manifest["clips"]}
        original = {clip.name: clip.content_id for clip in plan.clips}
        ends: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
        for summary in new.cines():
            want = hearts.mask(original[summary.stem], 0) == 1
            ((_, mask),) = labels(new)[summary.content_id].items()
            assert dice(mask, fits[summary.stem].mask(want.astype(np.uint8))) >= least
            source = hearts.path_of(original[summary.stem])
            phase = "ED" if "_ED" in source.name else "ES"
            ends.setdefault(str(source.parent), {})[phase] = (want, mask)
        if native:
            for pair in ends.values():
                spacing = hearts.cine(original[summary.stem]).spacing
                before, after = (single_plane(pair["ED"][n], pair["ES"][n], spacing) for n in (0, 1))
                assert after.ef_percent == pytest.approx(before.ef_percent, abs=1.0)


def four_chamber(study: Study) -> list[str]:
    return [s.content_id for s in study.cines() if "4CH" in study.path_of(s.content_id).name]


def test_no_false_alarm_for_text(hearts: Study) -> None:
    plan = plan_export(hearts, "png", cines=four_chamber(hearts)[:6])
    assert [finding for finding in plan.findings if finding.needs_look] == []


@pytest.mark.slow
def test_camus_out_and_in_keeps_spacing_and_masks(hearts: Study, tmp_path: Path) -> None:
    release = run_export(plan_export(hearts, "camus"), tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "database_split")
    home = plan_import(hearts, release.folder)
    assert (home.n_new, home.n_same, home.n_conflicts) == (0, 20, 0)
    assert all(clip.is_own for clip in home.clips)
    with Study.create(tmp_path / "new.matae") as new:
        assert run_import(plan_import(new, release.folder)).stored == 20
        before = sorted((m.shape, m.tobytes()) for masks in labels(hearts).values() for m in masks.values())
        after = sorted((m.shape, m.tobytes()) for masks in labels(new).values() for m in masks.values())
        assert after == before
        spacings = {s.content_id: new.cine(s.content_id).spacing for s in new.cines()}
        assert all(spacing is not None for spacing in spacings.values())
        assert min(spacing.y for spacing in spacings.values()) == pytest.approx(0.154, abs=1e-3)
