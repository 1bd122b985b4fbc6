"""DICOM clips of a phantom heart, with patient and study as a scanner writes them."""

from __future__ import annotations

import numpy as np

PATIENT, NAME, STUDY_DATE = "P-0042", "Muster^Ada", "20260112"


def phantom_dataset(phantom, *, view="A4C", calibrated=True, **elements):
    """Make an ultrasound multi-frame instance of a phantom; an element given as None is left out."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    cine = phantom.cine
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientID, made.PatientName, made.PatientBirthDate, made.PatientSex = PATIENT, NAME, "19500203", "F"
    made.StudyDate, made.StudyTime, made.StudyID, made.AccessionNumber = STUDY_DATE, "101500", "7", "ACC-1"
    made.StudyDescription, made.ReferringPhysicianName = "Echo", "House^Gregory"
    made.Modality, made.SeriesNumber, made.InstanceNumber = "US", 1, 1
    made.Manufacturer, made.ImageType = "Phantom", ["ORIGINAL", "PRIMARY"]
    made.PatientOrientation = ""
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.NumberOfFrames, made.Rows, made.Columns = cine.frames.shape
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.FrameIncrementPointer, made.FrameTime = 0x00181063, str(round(1000 / cine.frame_rate, 3))
    if view:
        made.ViewName = view
    if calibrated:
        region = Dataset()
        region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
        region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = cine.shape[1] - 1, cine.shape[0] - 1
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
        region.PhysicalDeltaX, region.PhysicalDeltaY = cine.spacing.x / 10, cine.spacing.y / 10
        made.SequenceOfUltrasoundRegions = [region]
    made.PixelData = cine.frames.tobytes() + b"\0" * (cine.frames.nbytes % 2)
    made["PixelData"].VR = "OB"
    for keyword, value in elements.items():
        if value is None:
            del made[keyword]
        else:
            setattr(made, keyword, value)
    return made


def save(made, path):
    made.save_as(path, enforce_file_format=True)
    return path


def items(container, value_type=None):
    """Yield the content items of a report, all levels down."""
    for item in container.get("ContentSequence", ()):
        if value_type in (None, item.ValueType):
            yield item
        yield from items(item, value_type)


def numbers(report):
    """Return code value to (number or None, unit or qualifier) of every NUM item of a report."""
    found = {}
    for item in items(report, "NUM"):
        code = item.ConceptNameCodeSequence[0].CodeValue
        if item.MeasuredValueSequence:
            value = item.MeasuredValueSequence[0]
            found[code] = float(value.NumericValue), value.MeasurementUnitsCodeSequence[0].CodeValue
        else:
            found[code] = None, item.NumericValueQualifierCodeSequence[0].CodeValue
    return found


def points(item):
    """Return the vertices of a SCOORD as (N, 2) column and row."""
    return np.array(item.GraphicData, float).reshape(-1, 2)


def dciodvfy(path):
    """Return what dciodvfy says against a file; the test is skipped where there is no dciodvfy."""
    import shutil
    import subprocess

    import pytest

    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian's dicom3tools) is not installed")
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False).stderr
    return [line for line in said.splitlines() if line.startswith(("Error", "Abort"))]


def dsrdump(path):
    """Return the report as dcmtk reads it, long texts whole."""
    import shutil
    import subprocess

    import pytest

    if shutil.which("dsrdump") is None:
        pytest.skip("dsrdump (Debian's dcmtk) is not installed")
    done = subprocess.run(["dsrdump", "+Pl", "+Pc", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "E:" not in done.stderr
    assert "W:" not in done.stderr
    return done.stdout
