"""The page of a measurement as Encapsulated PDF (PS3.3 A.45.1), in the patient's study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matae.clinic.codes import CODES
from matae.clinic.source import allowed, new_uid, say_equipment, stamp

if TYPE_CHECKING:
    from matae.measure import Measurement

__all__ = ["make_document"]

_ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
# Patient and study: what an archive sorts by, and what it may show beside the page.
_TAKEN_OVER = (
    "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
    "StudyDescription",
)  # fmt: skip


def make_document(measurement: Measurement, source: Any, *, keep_margins: bool = False) -> Any:
    """Return the page of a measurement as a DICOM object.

    Parameters
    ----------
    measurement
        What was measured.
    source
        Header of the instance it was measured on, as `matae.clinic.read_source` gives it.
    keep_margins
        Show what a scanner writes around the sector; otherwise it is black there.

    Returns
    -------
    pydicom.Dataset
        To be written by `matae.clinic.write_dicom`. It says that it may identify the patient (Burned In Annotation):
        the page names the file.

    Raises
    ------
    ExchangeError
        If the header of the source has a value that DICOM does not allow.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    from matae.measure.report import render_report

    page, _ = render_report(measurement, keep_margins=keep_margins)
    made = Dataset()
    with allowed(source):
        for keyword in _TAKEN_OVER:
            if keyword in source:
                made[keyword] = source[keyword]
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.ImplementationVersionName = "MATAE"
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = _ENCAPSULATED_PDF
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = new_uid()
    made.SeriesInstanceUID, made.SeriesNumber, made.InstanceNumber = new_uid(), 9003, 1
    made.Modality, made.ConversionType = "DOC", "SYN"
    stamp(made, "InstanceCreationDate", "InstanceCreationTime", "ContentDate", "ContentTime")
    made.AcquisitionDateTime = ""
    made.BurnedInAnnotation = "YES"
    made.DocumentTitle = "Left ventricle, measurements. Research use only. Not for diagnosis."
    made.VerificationFlag = "UNVERIFIED"
    made.ConceptNameCodeSequence = [_item(*CODES["document"])]
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = page + b"\0" * (len(page) % 2)
    made.EncapsulatedDocumentLength = len(page)
    reference = Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    made.SourceInstanceSequence = [reference]
    say_equipment(made, source, "Left ventricle, page")
    return made


def _item(value: str, scheme: str, meaning: str) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
