"""Several structures on disk: their numbers in the mask, their names and areas in the record."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK
from by_hand import disc, make_cine, make_result

from matae.output import write_results
from matae.output.record import make_record

CLASSES = {"1": "left ventricular cavity", "2": "left ventricular myocardium", "3": "left atrium"}


def test_a_record_without_classes_or_with_one_has_no_areas_by_name() -> None:
    cine = make_cine()
    result = make_result(cine)
    plain = make_record(cine, result)
    assert "areas_px" not in plain
    result.run["classes"] = {"1": CLASSES["1"]}
    assert make_record(cine, result) == plain | {"run": result.run}


def test_every_structure_is_written_with_its_number_name_and_area(tmp_path: Path) -> None:
    cine = make_cine()
    result = make_result(cine)
    for mask in result.masks:
        ring, below = disc(cine.shape, 16) - disc(cine.shape, 14), np.zeros(cine.shape, bool)
        below[-4:, 5:15] = True
        mask[(ring > 0) & (mask == 0)] = 2
        mask[below] = 3
    result.run["classes"] = CLASSES
    result.area_px[4] = np.nan  # not segmented
    written = write_results(cine, result, tmp_path, overlay=False)
    masks = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(written.files["mask"])))
    np.testing.assert_array_equal(masks, result.masks)
    assert np.unique(masks).tolist() == [0, 1, 2, 3]
    record = json.loads(written.files["record"].read_text("utf-8"))
    assert record["run"]["classes"] == CLASSES
    assert list(record["areas_px"]) == list(CLASSES.values())
    for number, name in CLASSES.items():
        wanted = [None if t == 4 else int((result.masks[t] == int(number)).sum()) for t in range(6)]
        assert record["areas_px"][name] == wanted
    assert record["areas_px"][CLASSES["1"]] == record["area_px"]
