"""What is exchanged with a clinic: DICOM objects that belong to the patient's study, and lists of clips with identity.

Unlike `matae.exchange`, whose objects are pseudonymous, these carry the patient and the study of the clip they
speak of. They are made only where somebody asks for them by name. Importing this package imports numpy alone.
"""

from __future__ import annotations

from matae.clinic.describe import Described, describe
from matae.clinic.document import make_document
from matae.clinic.listing import ClipEntry, ClipList, list_clips
from matae.clinic.objects import write_objects
from matae.clinic.report import make_report, write_report_beside
from matae.clinic.segmentation import make_segmentation
from matae.clinic.source import Algorithm, algorithm_of, read_source, write_dicom

__all__ = [
    "Algorithm",
    "ClipEntry",
    "ClipList",
    "Described",
    "algorithm_of",
    "describe",
    "list_clips",
    "make_document",
    "make_report",
    "make_segmentation",
    "read_source",
    "write_dicom",
    "write_objects",
    "write_report_beside",
]
