"""What a later version of this program wrote is read, done anew, or refused in a sentence: never a traceback.

Every reader of JSON that this program wrote is given its own file with one value after the other replaced by what no
version has written yet.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from sqlalchemy import insert, select, update

from matae.cluster.measuring import _read as read_measurement
from matae.cluster.measuring import _row_before as row_of_measurement
from matae.errors import MataeError
from matae.evaluate.job import Answer
from matae.evaluate.journal import Journal
from matae.exchange.layouts.manifest_hints import hints_of
from matae.exchange.release import MANIFEST, read_manifest
from matae.learn.events import Started, Step, Validation, dump_event, load_event
from matae.learn.options import RetrainOptions
from matae.learn.paired import compare
from matae.learn.plan import PLAN, Plan
from matae.learn.uncorrected import FILE, Uncorrected
from matae.learn.verdict import HELD_OUT, FrameChange, MinutesSaved, Side, Verdict, decide
from matae.models.pointer import POINTER, Pointer
from matae.nn.adapter import read_adapter
from matae.nn.card import ModelCard
from matae.output.record import TOOL, read_record
from matae.output.write import _whole
from matae.prompt.head import HeadConfig
from matae.segment.auto import Speeds
from matae.store import Edit, OverrideName, StoreError, Study
from matae.store.schema import LandmarkRevision, OverrideRevision, StudyRow
from matae.store.schema_readings import ReadingRow
from matae.store.schema_worklist import QueueRow
from matae.store.types import Landmark, QueuedClip, StoredMeasurement
from matae.train.state import STATE, Run
from tests.matae.store.store_makers import disc, make_cine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STRANGE = (None, [], {}, {"kind": "of tomorrow"}, "tomorrow", [[]], -1, 99, True, 0.5)


def _paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, found in inner:
        yield from _paths(found, (*at, key))


def _of_tomorrow(values: Any) -> Iterator[tuple[str, Any]]:
    """Yield JSON values with one place of them replaced, and one more key, and say what was done."""
    if isinstance(values, dict):
        yield "one more key", {**values, "of_tomorrow": {"kind": 1}}
    for path in _paths(values):
        for strange in STRANGE:
            changed = deepcopy(values)
            inner = {"root": changed}
            for key in ("root", *path)[:-1]:
                inner = inner[key]
            inner[("root", *path)[-1]] = deepcopy(strange)
            yield f"{'.'.join(map(str, path))} = {strange!r}", changed if path else deepcopy(strange)


def _written(path: Path, values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return path


def _card(folder: Path, values: Any) -> Any:
    card = ModelCard.read(_written(folder / "m" / "card.json", values))
    return card.dumps(), card.outputs


def _events(folder: Path, values: Any) -> Any:
    event = load_event(json.dumps(values))
    if isinstance(event, Step):
        return f"{event.step:d} of {event.steps:d}, {event.seconds or 0:.1f}"
    if isinstance(event, Validation):
        return [f"{key}{value or 0:.3f}" for key, value in event.dice.items()], event.step + 1
    return event


def _record(folder: Path, values: Any) -> Any:
    path = _written(folder / "clip.json", values)
    record = read_record(path)
    return record and _whole(folder, path, record)


def _measurement(folder: Path, values: Any) -> Any:
    path = _written(folder / "clip_measurement.json", values)
    found = read_measurement(path)
    return found and row_of_measurement(found, path)


def _journal(folder: Path, values: Any) -> Any:
    path = folder / "journal"
    path.unlink(missing_ok=True)
    made = Journal(path, "key", ["stamp"])
    made.close()
    with path.open("a") as file:
        file.write(json.dumps(values) + "\n")
    again = Journal(path, "key", ["stamp"])
    again.close()
    return again.known


def _manifest(folder: Path, values: Any) -> Any:
    _written(folder / MANIFEST, values)
    return hints_of(read_manifest(folder))


def _adapter(folder: Path, values: Any) -> Any:
    path = folder / "adapter.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"adapter": json.dumps(values)})
    return read_adapter(path)


def _state(folder: Path, values: Any) -> Any:
    run = _run()
    with safe_open(folder / STATE, "pt") as file:  # as `_state_as_saved` left it
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    save_file(tensors, folder / STATE, metadata={"run": json.dumps(values)})
    return run.resume(folder)


def _run() -> Run:
    from matae.train.config import TrainConfig

    torch.manual_seed(0)
    model: Any = torch.nn.Linear(2, 1)
    optimiser = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda _: 1.0)
    return Run(model, deepcopy(model), optimiser, schedule, torch.Generator(), TrainConfig())


def _state_as_saved(folder: Path) -> Any:
    _run().save(folder)
    with safe_open(folder / STATE, "pt") as file:
        run = json.loads(file.metadata()["run"])
    some = {key: run[key] for key in ("step", "seconds", "data", "generator_on", "schedule")}
    config = dict(list(run["config"].items())[:3])  # what is not stated keeps its default
    return some | {"config": config, "groups": [{"lr": run["groups"][0]["lr"]}]}


def _speeds(folder: Path, values: Any) -> Any:
    speeds = Speeds.read("ab")
    _written(speeds._path, values)
    return Speeds.read("ab").rate("torch", 1.0)


CARD = {
    "version": 1, "name": "m", "family": "matae", "architecture": {"channels": [8]}, "grid": 32, "classes": ["a"],
    "regions": [["a"]], "grids": {"48": {"pixels": 4}}, "figures": {"x": 1}, "limits": ["one"], "parent": {"name": "b"},
}  # fmt: skip
RECORD = {"tool": TOOL, "record_version": 1, "key": "k", "files": {"mask": {"name": "clip.nii.gz", "sha256": "ab"}}}
MEASURED = {
    "record": "measurement", "record_version": 1, "source": "a", "content_id": "b", "ef_percent": 55.0,
    "ef_interval": {"low": 50, "high": 60}, "flags": [{"code": "x"}], "ef_doubts": [{"code": "x"}], "beats": [{}],
}  # fmt: skip
FIT = {"shape": [8, 8], "box": [0, 0, 8, 8], "aspect": [1, 1], "size": 8, "flip": False}
RELEASE = {
    "tool": "napari-matae", "manifest_version": 1,
    "clips": [
        {
            "name": "a", "patient": "p", "split": "train", "key": "k", "fit": FIT, "ed": 0, "es": 1,
            "frames": [{"frame": 0, "status": "accepted"}],
        }
    ],
}  # fmt: skip
DICE = compare("dice", [0.8] * 3, [0.9] * 3, list("abc"))
SIDE = Side(HELD_OUT, ("test",), 3, 3, {"dice": DICE}, (FrameChange("c", 0, "a", "ED", 0.8, 0.9),))
VERDICT = Verdict(
    "new",
    "old",
    SIDE,
    SIDE,
    DICE,
    True,
    MinutesSaved(3.5, 12, "From 12."),
    *decide(SIDE, DICE, guard_known=True),
    "ab",
    "cd",
)
READERS: dict[str, tuple[Any, Callable[[Path, Any], Any]]] = {
    "model card": (CARD, _card),
    "model in use": (
        {"model": "a", "before": ["b"]},
        lambda folder, values: Pointer.read(_written(folder / POINTER, values).parent),
    ),
    "adapter": ({"base": "a", "base_sha256": "b", "rank": 4}, _adapter),
    "prompt head": (
        {"features": [8], "widths": [1.0], "regions": 1, "channels": [8], "stem": 8},
        lambda _, values: _as_a_reader_would(lambda: HeadConfig.from_json(values)),
    ),
    "plan of a run": (
        {"options": RetrainOptions(name="m").to_json(), "study": "code", "release": ["r", 1], "steps": 5},
        lambda folder, values: Plan.read(_written(folder / PLAN, values).parent),
    ),
    "uncorrected frames of a run": (
        {"guard": {"a": [1]}, "learnt": {}, "between": {}},
        lambda folder, values: Uncorrected.read(_written(folder / FILE, values).parent),
    ),
    "verdict": (
        VERDICT.to_json(),
        lambda folder, values: Verdict.read(_written(folder / "verdict.json", values)),
    ),
    **{
        f"event {event.kind_of}": (json.loads(dump_event(event)), _events)
        for event in (
            Started("m", "b", "quick", "cpu", 1, 2.0, 0, 1, 1, 1, 1, 0),
            Step(1, 2, 0.5, 0.1, 1.0, 2.0, 3.0, 4),
            Validation(1, None, 2.0, {"1": 0.5}, {"1": 0.4}),
        )
    },
    "state of a training": (None, _state),
    "record of a segmentation": (RECORD, _record),
    "record of a measurement": (MEASURED, _measurement),
    "journal of an evaluation": ({"number": 0, "files": "stamp", "answer": asdict(Answer())}, _journal),
    "release": (RELEASE, _manifest),
    "speeds of this computer": ({"version": 1, "of": {}, "rates": {"torch": {"1": 3.0}}, "load": 0.5}, _speeds),
}


def _as_a_reader_would(read: Callable[[], Any]) -> Any:
    """Run what its caller runs with the errors in mind that are named there (`matae.prompt.weights.load_head`)."""
    try:
        return read()
    except (KeyError, TypeError, ValueError) as error:
        raise MataeError(f"It cannot be read ({error}); copy the model's whole folder again.") from None


@pytest.mark.parametrize("name", READERS)
def test_a_file_of_a_later_version_is_read_or_refused_in_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    values, read = READERS[name]
    if values is None:
        values = _state_as_saved(tmp_path)
    (tmp_path / "clip.nii.gz").write_bytes(b"mask")
    read(tmp_path, values)  # what this version wrote can be read
    problems = []
    for what, changed in _of_tomorrow(values):
        try:
            read(tmp_path, changed)
        except MataeError as error:
            if not str(error).rstrip().endswith(".") or ";" not in str(error):
                problems.append(f"{what}: no next step in '{error}'")
        except Exception as error:  # noqa: BLE001 - which of them escapes is what is asked
            problems.append(f"{what}: {error!r:.200}")
    assert problems == []


@pytest.mark.parametrize("name", list(OverrideName))
def test_a_setting_of_a_later_version_is_told_and_leaves_other_clips_usable(name: OverrideName, tmp_path: Path) -> None:
    good = {
        OverrideName.SECTOR: [(1.5, 3.0), (20.0, 1.0), (20.0, 28.0)], OverrideName.APEX_DOWN: True,
        OverrideName.SPACING: (0.3, 0.2), OverrideName.VIEW: "A4C", OverrideName.FRAME_RATE: 50.0,
        OverrideName.HEIGHT: 170.0, OverrideName.WEIGHT: 70.0,
    }[name]  # fmt: skip
    with Study.create(tmp_path / "s.matae", rater="anna") as study:
        cine, other = make_cine(1), make_cine(2)
        for one in (cine, other):
            study.add_cine(one, subject="p")
            study.set_override(one.content_id, name, good)
        before = study.overrides(other.content_id)
        refused = 0
        tomorrow = [(strange, json.dumps(strange)) for _, strange in _of_tomorrow(json.loads(json.dumps(good)))]
        for revision, (strange, text) in enumerate([*tomorrow, ("fan: 1, 2", "fan: 1, 2"), ("", "")], 2):
            with study._writing() as writing:
                row = writing.connection.execute(select(OverrideRevision.__table__)).mappings().first()
                new = {**row, "revision": revision, "value": text}
                writing.connection.execute(insert(OverrideRevision).values(new))
            said = _said(lambda: study.overrides(cine.content_id))
            if said:
                refused += 1
                words = f"A later version of this program set the {name.value.replace('_', ' ')} of this clip"
                assert words in said, strange
                assert "open the study with that version" in said
            assert study.override_versions(cine.content_id)[-1].value == strange  # nothing is lost
            assert len(study.worklist()) == 2
            assert study.overrides(other.content_id) == before
        assert refused >= 5
        study.set_override(cine.content_id, name, good)
        assert getattr(study.overrides(cine.content_id), name.value) == getattr(before, name.value)
        assert study.check() == []


def test_what_a_later_version_stored_elsewhere_in_a_study_leaves_it_usable(tmp_path: Path) -> None:
    measured = StoredMeasurement(55.0, 50.0, 60.0, ("short",), view="A4C", model="m", width="1")
    points = {"apex": Landmark(1.0, 2.0), "left": Landmark(10.0, 2.0), "right": Landmark(10.0, 8.0)}
    with Study.create(tmp_path / "s.matae", rater="anna") as study:
        cine, other = make_cine(1), make_cine(2)
        for one in (cine, other):
            study.add_cine(one, subject="p")
            study.set_landmarks(one.content_id, 0, points)
        study.assign_splits()
        study.put_reading_measurement(cine.content_id, "anna", measured)
        study.enqueue([QueuedClip(tmp_path / "a.dcm", "a", "", {"view": "A4C", "frames": 3})])
        study.put_edits(cine.content_id, [Edit(0, disc(), 0)])
        ours = study.landmarks(other.content_id)
        for _, strange in _of_tomorrow({"apex": [1.0, 2.0]}):
            with study._writing() as writing:
                newest = select(LandmarkRevision.__table__).order_by(LandmarkRevision.revision.desc())
                row = writing.connection.execute(newest.where(LandmarkRevision.cine_id == 1)).mappings().first()
                new = {**row, "revision": row["revision"] + 1, "points": json.dumps(strange)}
                writing.connection.execute(insert(LandmarkRevision).values(new))
            said = _said(lambda: study.landmarks(cine.content_id))
            assert not said or said.startswith("A later version of this program placed landmarks of this clip")
            assert study.landmarks(other.content_id) == ours
        for _, strange in _of_tomorrow({"ef": 55.0, "doubts": "", "view": None, "ed_frame": 3}):
            _set(study, ReadingRow.__table__, measured=json.dumps(strange))
            (reading,) = study.readings(cine.content_id)
            assert reading.measurement is None or isinstance(reading.measurement.ef, (int, float, type(None)))
        for _, strange in _of_tomorrow({"view": "A4C", "frames": 3}):
            _set(study, QueueRow.__table__, info=json.dumps(strange), taken_until="")
            assert len(study.worklist()) == 3
            clip = study.take_next()
            assert clip is not None
            assert isinstance(clip.info, dict)
        for _, strange in _of_tomorrow({"train": 0.7, "test": 0.3}):
            _set(study, StudyRow.__table__, split_shares=json.dumps(strange))
            said = _said(lambda: study.side_for("another"))
            assert not said or said.startswith("A later version of this program drew the sides of this study")
            assert study.split_of("p") is not None


def _said(ask: Callable[[], object]) -> str:
    """Return the sentence in which a study refused; empty where it answered."""
    try:
        ask()
    except StoreError as error:
        return str(error)
    return ""


def _set(study: Study, table: Any, **values: Any) -> None:
    with study._writing() as writing:
        writing.connection.execute(update(table).values(**values))
