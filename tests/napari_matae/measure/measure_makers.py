"""What the tests of the Measure step share: a beating phantom, its masks, and a panel without a window round it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matae.cine import Cine
    from matae.phantom import Phantom
    from napari_matae.measure.live_measurement import LiveMeasurement
    from napari_matae.measure.panel import MeasurePanel
    from napari_matae.timeline.area_plot import AreaPlot
    from napari_matae.workspace.workspace import Workspace


@cache
def phantom() -> Phantom:
    """Return two beats and a bit of a small phantom."""
    from matae.phantom import make_phantom

    return make_phantom(seed=5, n_frames=53, frame_rate=21.0, shape=(96, 112))


def two_beats() -> tuple[Cine, np.ndarray]:
    """Return its cine, whose file marks nothing, and the masks of its cavity."""
    made = phantom()
    return replace(made.cine, ed_frame=None, es_frame=None), (made.masks == 1).astype(np.uint8)


def show_masks(session, masks: np.ndarray) -> None:
    """Let masks be proposed by a model, as a run does."""
    from matae.segment import FrameMask

    session.current.run = {"model": "gone", "width": "1"}
    session.masks.begin_run()
    for t, mask in enumerate(masks):
        session.masks.receive(FrameMask(t, mask, mask * 255, int(mask.sum())))
    session.masks.end_run()


@dataclass
class Bench:
    """A panel with all it works with."""

    workspace: Workspace
    panel: MeasurePanel
    plot: AreaPlot

    @property
    def measuring(self) -> LiveMeasurement:
        return self.panel.measuring

    def measured(self, qtbot) -> object:
        """Wait until everything on screen is measured, and return the measurement."""
        measuring = self.measuring
        qtbot.waitUntil(lambda: measuring.measurement is not None and not measuring.is_running, timeout=20_000)
        return measuring.measurement

    def open(self, qtbot, cine: Cine, masks: np.ndarray | None = None) -> None:
        """Open a cine, with masks if there are any."""
        self.workspace.session.open(cine)
        qtbot.waitUntil(lambda: self.workspace.session.current.ready, timeout=20_000)
        if masks is not None:
            show_masks(self.workspace.session, masks)


def dicom_of(cine: Cine, **elements: object) -> object:
    """Return a cine as an ultrasound instance of somebody's study."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = generate_uid(), generate_uid(), "US"
    made.NumberOfFrames, made.Rows, made.Columns = cine.frames.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.FrameTime, made.FrameIncrementPointer = str(round(1000 / cine.frame_rate, 3)), 0x00181063
    made.PixelData = cine.frames.tobytes() + b"\0" * (cine.frames.nbytes % 2)
    made["PixelData"].VR = "OB"
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made
