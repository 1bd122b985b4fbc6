"""Every module of the engine is named by a test: imported, patched, named by a test file, or reached through its room.

What none of that holds for is listed below with the file that tests it all the same, through another module's front.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from .parsed import imports

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "src" / "matae"
TESTS = ROOT / "tests"
REACHED = {
    "cluster/test_cluster_cli.py": ("cli.many", "cli.measure_reporter"),
    "evaluate/test_evaluate_cli.py": ("cli.evaluate", "cli.evaluation_reporter"),
    "evaluate/test_evaluate_labelled.py": ("labelled._camus",),
    "exchange/test_exchange_foreign.py": ("exchange.layouts.stated_facts",),
    "exchange/test_exchange_foreign_readers.py": (
        "exchange.encodings.pictures",
        "exchange.layouts.detect",
        "exchange.layouts.labelme",
        "exchange.layouts.picture_folder",
    ),
    "exchange/test_exchange_hostile.py": (
        "exchange.archive",
        "exchange.encodings.jsonfile",
        "exchange.layouts.npz",
    ),
    "exchange/test_exchange_import.py": ("exchange.encodings.nifti",),
    "exchange/test_exchange_plan.py": ("exchange.export.candidate", "exchange.export.source"),
    "exchange/test_exchange_privacy.py": ("exchange.export.metadata",),
    "exchange/test_exchange_round_trip.py": (
        "exchange.layouts.camus",
        "exchange.layouts.dicom_seg",
        "exchange.layouts.legend",
    ),
    "exchange/test_exchange_seg_in.py": ("exchange.layouts.dicom_seg_reader",),
    "jobs/test_jobs_segment.py": ("jobs.run",),
    "learn/test_learn_cli.py": ("cli.training_reporter",),
    "learn/test_learn_run.py": (
        "learn.card",
        "learn.data",
    ),
    "measure/test_measure_clip.py": (
        "measure.beat_measurement",
        "measure.changes",
        "measure.derive",
        "measure.phase_marks",
    ),
    "measure/test_measure_output.py": ("cli.measure",),
    "measure/test_measure_two_views_cli.py": ("cli.measure_progress", "cli.two_views"),
    "measure/test_measure_pixel_shape.py": ("measure._plane",),
    "output/test_output_read_back.py": ("output.key",),
    "phantom/test_phantom_frames.py": ("phantom.imaging", "phantom.scanner_screen", "phantom.valves"),
    "store/test_store_worklist.py": ("store.claims", "store.fingerprints", "store.measurements", "store.queue"),
    "worklist/test_worklist_queue.py": ("cli.worklist",),
    "readers/test_readers_agreement.py": ("cli.readers",),
    "readers/test_readers_history.py": ("readers.difference",),
    "prompt/test_prompt_clip.py": ("cli.prompt",),
    "read/test_read_dicom.py": (
        "read._dicom_codestream",
        "read._dicom_cut",
        "read._dicom_image",
        "read._dicom_kinds",
        "read._dicom_pixels",
        "read._dicom_tags",
    ),
    "read/test_read_dicom_depth.py": ("read._dicom_grey",),
    "read/test_read_dicom_frames.py": ("read._dicom_fragments",),
    "read/test_read_images.py": ("read._assemble", "read._pictures", "read._turn"),
    "read/test_read_open.py": ("read._decode",),
    "read/test_read_pictures_field.py": (
        "read._gif",
        "read._tiff_calibration",
        "read._tiff_pixels",
        "read._tiff_stack",
        "read.tiff",
    ),
    "read/test_read_study.py": ("read._dicom_study",),
    "read/test_read_volume_field.py": ("read._volume_header",),
    "segment/test_segment_auto.py": ("segment.backends.hardware",),
    "segment/test_segment_backends.py": ("segment.backends.onnx_backend",),
    "speed/test_speed_cli.py": ("cli.benchmark", "speed.cold_start_child"),
    "store/test_store_audit.py": (
        "store.overview",
        "store.releases",
    ),
    "store/test_store_cines.py": ("store.cine_rows", "store.marks"),
    "store/test_store_cli.py": ("cli.study",),
    "store/test_store_labels.py": ("store.edits", "store.flags"),
    "store/test_store_locks.py": ("store.sqlite_worker",),
    "store/test_store_migrations.py": (
        "store.migrations.guards",
        "store.migrations.versions.v0004_worklist",
        "store.migrations.versions.v0005_looks",
        "store.migrations.versions.v0006_readings",
        "store.migrations.versions.v0007_implied_dice",
        "store.migrations.versions.v0001_first",
        "store.migrations.versions.v0002_patients_and_overrides",
        "store.migrations.versions.v0003_refused_versions",
    ),
    "store/test_store_patients_cli.py": ("cli.patients", "learn.migrate"),
    "store/test_store_readings.py": ("store.adjudications", "store.examinations", "store.reader_view"),
    "store/test_store_subjects.py": ("store.stated",),
    "test_option.py": ("cli.from_options",),
    "cli/test_cli_models.py": ("models.describe",),
    "test_maskfile.py": ("maskfile._picture", "maskfile._place", "maskfile._volume"),
    "train/test_train_devices.py": ("train.parallel",),
    "train/test_train_loop.py": ("train.curves",),
}
"""Test file to the modules that it tests through another's front."""
TESTED_THROUGH = {f"matae.{module}": file for file, modules in REACHED.items() for module in modules}


def module_of(path: Path) -> str:
    parts = path.relative_to(ENGINE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {module_of(path): path for path in sorted(ENGINE.rglob("*.py"))}


@cache
def imported_by(path: Path) -> set[tuple[str, str]]:
    """Return the (module, name) pairs that a file imports; the name is empty for a whole module."""
    found = set()
    for node in imports(path):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {(node.module, alias.name) for alias in node.names}
    return found


@cache
def fronts() -> dict[tuple[str, str], str]:
    """Return which module a name comes from that another, mostly the front of a room, hands on."""
    return {
        (front, name): module
        for front, path in modules().items()
        for module, name in imported_by(path)
        if name and module in modules()
    }


@cache
def named_in_tests() -> set[str]:
    """Return the modules that tests import, take a name of through the room's front, or name in a text."""
    found: set[str] = set()
    for path in TESTS.rglob("*.py"):
        if path in (Path(__file__), TESTS / "forked_runs.py"):  # that one only has them loaded
            continue
        for text in re.findall(r"\bmatae(?:\.\w+)+", path.read_text(encoding="utf-8")):
            found |= {text.rsplit(".", cut)[0] for cut in range(text.count("."))}
        for module, name in imported_by(path):
            found |= {module, f"{module}.{name}"}
            at = module
            while (at, name) in fronts():
                at = fronts()[at, name]
                found.add(at)
    return found


def has_file_of_its_name(module: str) -> bool:
    _, *rooms, stem = module.split(".")
    wanted = {f"test_{stem.strip('_')}", *(f"test_{room}_{stem.strip('_')}" for room in rooms)}
    return any(path.stem in wanted for path in (TESTS / "matae").rglob("test_*.py"))


def unnamed() -> set[str]:
    return {module for module in modules() if module not in named_in_tests() and not has_file_of_its_name(module)}


def test_every_module_of_the_engine_is_named_by_a_test() -> None:
    assert unnamed() - TESTED_THROUGH.keys() == set(), "give it a test file of its name"


def test_the_list_of_the_others_is_no_longer_than_it_must_be() -> None:
    assert TESTED_THROUGH.keys() - unnamed() == set(), "these have a test of their own now"


def test_the_files_that_test_the_others_are_there() -> None:
    assert {file for file in TESTED_THROUGH.values() if not (TESTS / "matae" / file).is_file()} == set()


def test_the_folders_of_tests_are_those_of_the_engine() -> None:
    rooms = {path.relative_to(ENGINE).parts[0].removesuffix(".py") for path in modules().values()}
    folders = {path.name for path in (TESTS / "matae").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= rooms
