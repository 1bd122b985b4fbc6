"""Many clips of a study: found in folders, segmented and measured in the background, and listed as a table."""

from __future__ import annotations

from matae.worklist.add import Added, add_paths
from matae.worklist.run import Done, WorkSettings, work_off
from matae.worklist.segmenting import StudyJob, StudySettings, stored_measurement
from matae.worklist.suggest import Suggestion, next_to_correct, suggest, suggestions_as_json
from matae.worklist.table import COLUMNS, as_json, as_records, write_csv

__all__ = [
    "COLUMNS",
    "Added",
    "Done",
    "StudyJob",
    "StudySettings",
    "Suggestion",
    "WorkSettings",
    "add_paths",
    "as_json",
    "as_records",
    "next_to_correct",
    "stored_measurement",
    "suggest",
    "suggestions_as_json",
    "work_off",
    "write_csv",
]
