"""What a session tells everybody who listens to it."""

from __future__ import annotations

from psygnal import Signal

__all__ = ["SessionSignals"]


class SessionSignals:
    """The signals of a session."""

    opened = Signal(object)
    """A cine was opened (OpenCine), or none is open any more (None)."""
    frame_changed = Signal(int)
    """Another frame is shown."""
    layers_wanted = Signal()
    """The layers are about to be shown, hidden or asked whether they are: whatever stands in for them gives way."""
    area_changed = Signal()
    """At least one frame's mask changed."""
    sector_taken = Signal()
    """The sector is another one, and its outline is about to be drawn: work that needs no outline may begin."""
    sector_changed = Signal()
    """The sector was found, dragged or reset."""
    region_chosen = Signal(object)
    """One of several pictures of the frame was chosen (Cine, of that picture alone): its sector wants to be found."""
    overridden = Signal(object)
    """A person set something of the cine that wants to be saved (`matae.store.OverrideName`)."""
    labels_changed = Signal()
    """The labels layer is another one, or gone."""
    touched = Signal()
    """Somebody draws; what is drawn is not recorded yet."""
    put_back = Signal(object)
    """A stroke ran over what anatomy leaves to another structure, and that is back: the classes drawn there."""
    stepped = Signal(object)
    """A change that can be undone was recorded (UndoStep)."""
    written = Signal(object, str)
    """Frames (list of int) were changed by a person and want to be saved; the tool's name."""
    run_asked = Signal()
    """A run was asked for and its model is loaded: somebody waits for masks, until they come or `run_ended` does."""
    run_began = Signal()
    """A model begins to propose masks."""
    run_ended = Signal()
    """It proposes no more: it is done, or was stopped."""
    doubted = Signal()
    """More is known of where the widths of the network disagree."""
    proposed = Signal(int)
    """A frame has a new proposal that wants to be saved."""
    status_changed = Signal()
    """The status of at least one frame changed."""
    restored = Signal()
    """The study's masks of the current cine are on screen: it may be worked on."""
    placed = Signal(int)
    """A person let go of a landmark of a frame."""
    marks_changed = Signal()
    """End-diastole or end-systole was marked, or the frames to look at changed."""
