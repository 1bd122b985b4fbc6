"""Record the tour of the tutorial: the real viewer, from a clip to a verdict, by mouse and keyboard.

    python docs/record_tour.py                 (on any display; writes docs/images/tour.mp4 and a picture of it)
    python docs/record_tour.py --gif FILE      (a GIF too, for pages that play no video)
    python docs/record_tour.py --beat FILE     (only a GIF of the heart with its curve beside it, for the README)

The clip is the demonstration cine that comes with pydicom; the patients to learn from are phantoms. Study, models and
settings live in a temporary folder. The training is real and short. What the viewer does by itself is recorded as it
happens, long waits quicker than they were; where it waits for a person, the picture stands as long as it takes to read
the caption.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QOpenGLWidget
from screenshot_learn import IMAGES, LEARN, fill
from waiting import wait, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = (1120, 700)
BEAT_HEIGHT = 300
CAPTION = 44
"""Height in pixels of the line under the window."""
RATE = 30
STEPS = 40
"""Of the training: few, so that its verdict is seen."""
LEARNING = 900.0
PATIENCE = 600.0
"""Seconds that the slowest step may take on a busy computer."""
TAUGHT, HELD_OUT = 5, 5
"""Phantoms to learn from, and to be judged on."""
OPEN, SEGMENT, REVIEW, MEASURE = range(4)
NONE, SHIFT, ALT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier


@dataclass
class Recorder:
    """Collects pictures of a window and how long each is shown."""

    window: Any
    shots: list[tuple[Image.Image, float]] = field(default_factory=list)
    caption: str = ""
    key: str = ""
    pointer: QPoint | None = None
    poster: Image.Image | None = None
    """The picture that stands for the video."""
    beat: list[tuple[Image.Image, float]] = field(default_factory=list)
    """The heart and its curve, without the rest of the window."""

    def say(self, caption: str, key: str = "") -> None:
        """Write a line under the pictures from now on, and the key that is pressed."""
        self.caption, self.key = caption, key

    def grab(self) -> Image.Image:
        """Return the window as it is, with the pointer and the line under it."""
        QApplication.processEvents()
        pixels = np.asarray(self.window.screenshot(canvas_only=False, flash=False))[..., :3]
        picture = Image.new("RGB", (SIZE[0], SIZE[1] + CAPTION), "#15181c")
        picture.paste(Image.fromarray(pixels), (0, 0))
        draw = ImageDraw.Draw(picture)
        x, middle = 14, SIZE[1] + CAPTION // 2
        if self.key:
            font = ImageFont.load_default(17)
            wide = draw.textlength(self.key, font=font)
            draw.rounded_rectangle((x, middle - 15, x + wide + 18, middle + 15), 5, fill="#3f4653", outline="#8b95a5")
            draw.text((x + 9, middle), self.key, font=font, fill="white", anchor="lm")
            x += round(wide) + 32
        draw.text((x, middle), self.caption, font=ImageFont.load_default(19), fill="#f2f4f7", anchor="lm")
        if self.pointer is not None:
            x, y = self.pointer.x(), self.pointer.y()
            arrow = (
                (x, y),
                (x, y + 17),
                (x + 4, y + 13),
                (x + 8, y + 20),
                (x + 10, y + 19),
                (x + 7, y + 12),
                (x + 12, y + 12),
            )
            draw.polygon(arrow, fill="white", outline="black")
        return picture

    def hold(self, seconds: float) -> None:
        """Show what is on the screen for a while."""
        wait(500)  # what was asked for is drawn
        self.shots.append((self.grab(), seconds))

    def live(self, done: Callable[[], bool], most: float, shown: float | None = None, every: float = 0.15) -> None:
        """Record what happens until something is done.

        Parameters
        ----------
        done
            When to end.
        most
            Seconds after which it ends in any case.
        shown
            Seconds that it takes in the video at most: a wait that was longer is shown quicker.
        every
            Seconds between two pictures; each costs the viewer some of its time.
        """
        begun = last = time.monotonic()
        taken = []
        while True:
            ended = done() or time.monotonic() - begun > most
            picture = self.grab()
            wait(round(1000 * every))
            now = time.monotonic()
            taken.append((picture, now - last))
            last = now
            if ended:
                break
        whole = last - begun
        quicker = 1.0 if shown is None else min(1.0, shown / whole)
        self.shots += [(picture, seconds * quicker) for picture, seconds in taken]

    def frames(self) -> list[tuple[Image.Image, int]]:
        """Return each picture with the number of video frames that it is shown."""
        found, clock, written = [], 0.0, 0
        for picture, seconds in self.shots:
            clock += seconds
            count = round(clock * RATE) - written
            if count > 0:
                found.append((picture, count))
                written += count
        return found


class Hand:
    """A hand on the mouse and the keyboard over the canvas."""

    def __init__(self, dock: Any, recorder: Recorder) -> None:
        self.window = dock.window()
        self.canvas = max(self.window.findChildren(QOpenGLWidget), key=lambda w: w.width() * w.height())
        self.dock, self.recorder = dock, recorder

    def at(self, y: float, x: float) -> QPoint:
        """Return where a pixel of the cine is on the canvas."""
        camera = getattr(self.dock.viewer, "scene", self.dock.viewer).camera  # napari 0.9 keeps it in the scene
        scale = np.asarray(self.dock.session.current.cine.pixel_aspect)
        away = (np.array([y, x]) * scale - np.asarray(camera.center)[-2:]) * camera.zoom
        return QPoint(round(self.canvas.width() / 2 + away[1]), round(self.canvas.height() / 2 + away[0]))

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = NONE) -> None:
        """Press a key over the picture."""
        QTest.keyClick(self.canvas, key, modifier)

    def press(self, button: Any) -> None:
        """Click a button, with the pointer on it."""
        self.recorder.pointer = button.mapTo(self.window, button.rect().center())
        self.recorder.hold(0.8)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.recorder.hold(0.2)
        self.recorder.pointer = None

    def _send(self, kind: QEvent.Type, point: QPoint, button: Qt.MouseButton, held: Qt.MouseButton) -> None:
        event = QMouseEvent(kind, QPointF(point), QPointF(self.canvas.mapToGlobal(point)), button, held, NONE)
        QApplication.sendEvent(self.canvas, event)
        self.recorder.pointer = self.canvas.mapTo(self.window, point)

    def drag(self, places: np.ndarray) -> None:
        """Drag over pixels of the cine, (N, 2) as row and column."""
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        points = [self.at(*place) for place in places]
        self._send(QEvent.Type.MouseMove, points[0], none, none)
        wait(50)
        self._send(QEvent.Type.MouseButtonPress, points[0], left, left)
        for point in points[1:]:
            wait(30)  # vispy passes over moves that follow each other within 10 ms
            self._send(QEvent.Type.MouseMove, point, none, left)
            self.recorder.shots.append((self.recorder.grab(), 0.12))
        self._send(QEvent.Type.MouseButtonRelease, points[-1], left, none)


def segment_and_measure(dock: Any, recorder: Recorder, hand: Hand) -> None:
    recorder.say("A clip is opened: drop a file here, or begin with the real cine that comes along.")
    dock.steps.setCurrentIndex(OPEN)
    recorder.hold(2.5)
    hand.press(dock.open_panel.real_button)
    wait_until(lambda: dock.session.current is not None and dock.session.current.ready)
    recorder.say("What the file states of itself stands here; nothing is guessed.")
    dock.steps.setCurrentIndex(OPEN)
    recorder.hold(2.5)
    recorder.say("One key segments every frame and measures.", "Alt+R")
    dock.steps.setCurrentIndex(SEGMENT)
    recorder.hold(1.2)
    measuring = dock.measure_panel.measuring
    hand.key(Qt.Key.Key_R, ALT)
    recorder.live(lambda: dock.steps.currentIndex() == MEASURE, PATIENCE, 7, 0.3)
    recorder.live(lambda: measuring.measurement is not None and not measuring.is_running, PATIENCE, 1, 1)
    recorder.say("The ejection fraction stands on top with its 90 % interval, and what to doubt below it.")
    recorder.hold(4)


def play(dock: Any, recorder: Recorder, hand: Hand) -> None:
    dock.steps.setCurrentIndex(REVIEW)
    dock.more_room.toggle()
    recorder.say("The heart beats at the file's own rate; the curve runs along.", "Shift+Space")
    recorder.hold(1)
    hand.key(Qt.Key.Key_Space, SHIFT)
    wait(300)
    hand.key(Qt.Key.Key_Space, SHIFT)
    # Taking a picture costs more than the time of a frame: each frame is shown for as long as the file says.
    cine = dock.session.current.cine
    beat = []
    for frame in range(cine.n_frames):
        dock.session.seek(frame)
        wait(30)
        picture = recorder.grab()
        beat.append((picture, cine.duration / cine.n_frames))
        recorder.beat.append((beside(picture, hand, dock), cine.duration / cine.n_frames))
    recorder.shots += 3 * beat


def beside(picture: Image.Image, hand: Hand, dock: Any) -> Image.Image:
    """Return the heart, and the strip over the curve beside it."""

    def part(first: Any, last: Any) -> Image.Image:
        corner = first.mapTo(hand.window, QPoint(0, 0))
        end = last.mapTo(hand.window, QPoint(last.width(), last.height()))
        return picture.crop((corner.x(), corner.y(), end.x(), end.y()))

    heart, curve = part(hand.canvas, hand.canvas), part(dock.strip, dock.area_plot)
    shape = dock.session.current.cine.shape
    top, end = hand.at(0, 0), hand.at(*shape)
    heart = heart.crop((max(0, top.x()), max(0, top.y()), min(heart.width, end.x()), min(heart.height, end.y())))
    scale = BEAT_HEIGHT / heart.height
    heart = heart.resize((round(heart.width * scale), BEAT_HEIGHT), Image.Resampling.LANCZOS)
    both = Image.new("RGB", (heart.width + 8 + curve.width, BEAT_HEIGHT), curve.getpixel((1, curve.height - 1)))
    both.paste(heart, (0, 0))
    both.paste(curve, (heart.width + 8, (BEAT_HEIGHT - curve.height) // 2))
    return both


def correct(dock: Any, recorder: Recorder, hand: Hand) -> None:
    """Correct three frames: a stroke each, then accept."""
    session = dock.session
    phases = dock.workspace.phase_finder.phases
    frame = int(np.nanargmax(session.current.area_px)) if phases.ed is None else phases.ed
    session.seek(frame)
    recorder.say("A frame that is not right: B takes the brush, and a stroke adds to the cavity.", "B")
    recorder.hold(2)
    hand.key(Qt.Key.Key_B)
    recorder.hold(0.8)
    for place in range(3):
        rows, columns = np.nonzero(session.current.mask(session.frame) == 1)
        middle = (rows.min() + rows.max()) / 2
        along = np.linspace(middle - 14, middle + 16, 16)
        side = np.array([columns[np.abs(rows - row) < 2].max() for row in along])
        hand.drag(np.stack([along, side + 1.5 - session.current.labels.brush_size / 2], axis=1))
        recorder.live(lambda: dock.workspace.link.state == "saved", PATIENCE, 1)
        recorder.pointer = None
        said = "Each stroke is saved as it ends. A accepts the frame, and the next one to look at comes."
        recorder.say(said if place < 2 else "The third one is accepted.", "A")
        recorder.hold(1.5 if place == 0 else 0.8)
        hand.key(Qt.Key.Key_A)
        recorder.hold(1)


def finish(dock: Any, recorder: Recorder, hand: Hand) -> None:
    """Measure again, retrain, and read the verdict."""
    measuring = dock.measure_panel.measuring
    recorder.say("The numbers follow the corrected outlines.", "Shift+M")
    hand.key(Qt.Key.Key_M, SHIFT)
    wait_until(lambda: measuring.measurement is not None and not measuring.is_running, PATIENCE)
    recorder.hold(3)
    recorder.poster = recorder.shots[-1][0]
    dock.steps.setCurrentIndex(LEARN)
    box = dock.learn_panel.retrain
    for name in ("data", "models"):
        dock.learn_panel.sections[name].set_open(False)
    box.choices.replay.setCurrentIndex(box.choices.replay.findData("none"))
    box.choices.steps.setValue(STEPS)
    wait_until(lambda: box.is_current and box.learn_button.isEnabled(), PATIENCE)
    recorder.say("Learn trains from what was corrected, in the background, and is judged on other patients.")
    recorder.hold(3)
    dock.steps.currentWidget().ensureWidgetVisible(box.learn_button)
    hand.press(box.learn_button)
    recorder.live(lambda: bool(box.view.curves.scores["dice"]), PATIENCE, 3, 2)
    recorder.say("A quick training, shortened here: the curves say how it goes.")
    recorder.live(lambda: box.verdict.verdict is not None, LEARNING, 5, 4)
    wait_until(lambda: not box.verdict.is_drawing, PATIENCE)
    recorder.say("The verdict: on patients it never learnt from, and whether the new model is offered.")
    scroll_to(dock, box.verdict.headline)
    recorder.hold(5)
    recorder.say("Before and after, in figures.")
    scroll_to(dock, box.verdict.held_out)
    recorder.hold(4)
    recorder.say("Frame by frame. It is used when you say so; going back is one click.")
    scroll_to(dock, box.verdict.plot)
    recorder.hold(5)


def scroll_to(dock: Any, widget: Any) -> None:
    """Bring a part of the step to the top of what is seen."""
    area = dock.steps.currentWidget()
    area.verticalScrollBar().setValue(widget.mapTo(area.widget(), QPoint(0, 0)).y())


def write_video(recorder: Recorder, path: Path) -> None:
    import av

    width, height = SIZE[0], SIZE[1] + CAPTION
    with av.open(str(path), "w", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "27", "preset": "slow", "tune": "animation"}
        for picture, count in recorder.frames():
            frame = np.asarray(picture)
            for _ in range(count):
                file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())


def write_gif(recorder: Recorder, path: Path) -> None:
    """Write what is shown at five pictures a second, at three quarters of the size, in 64 colours."""
    small, spent, rest = [], [], 0.0
    for picture, seconds in recorder.shots:
        rest += seconds
        if rest < 0.2:
            continue
        size = (picture.width * 3 // 4, picture.height * 3 // 4)
        small.append(picture.resize(size, Image.Resampling.LANCZOS).quantize(64, dither=Image.Dither.NONE))
        spent.append(round(1000 * rest))
        rest = 0.0
    small[0].save(path, save_all=True, append_images=small[1:], duration=spent, loop=0, optimize=True)


def write_beat(recorder: Recorder, path: Path) -> None:
    """Write the heart and its curve as a GIF that goes on and on, at half the frames."""
    pictures = [picture.quantize(48, dither=Image.Dither.NONE) for picture, _ in recorder.beat[::2]]
    spent = [round(2000 * seconds) for _, seconds in recorder.beat[::2]]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=spent, loop=0, optimize=True)


def hold_out(path: Path) -> None:
    """Keep the last phantoms for the verdict."""
    from matae.store import Study

    with Study.open(path, rater="reader 1") as study:
        for number in range(TAUGHT, TAUGHT + HELD_OUT):
            study.set_split(f"P{number + 1}", "val")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gif", type=Path, metavar="FILE")
    parser.add_argument("--beat", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, default=IMAGES / "tour.mp4", metavar="FILE")
    given = parser.parse_args()
    # What the viewer began and nobody waits for may still write there when it has closed.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder, study = Path(name), Path(name) / "lab.sqlite"
        os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = f"{folder}/home", str(study)
        os.environ["NAPARI_CONFIG"] = f"{folder}/napari.yaml"
        if given.beat is None:
            fill(folder, study, range(TAUGHT + HELD_OUT))
            hold_out(study)
        from napari_matae.app import open_viewer

        viewer, opened = open_viewer()
        dock: Any = opened
        viewer.window.resize(*SIZE)
        wait_until(lambda: not dock.is_probing)
        wait(1500)
        recorder = Recorder(viewer.window)
        hand = Hand(dock, recorder)
        for part in (segment_and_measure, play, correct, finish)[: 2 if given.beat else None]:
            part(dock, recorder, hand)
        viewer.close()
        wait(300)
    if given.beat is not None:
        write_beat(recorder, given.beat)
        print(f"wrote {given.beat}: {given.beat.stat().st_size / 1e6:.2f} MB")
        return
    write_video(recorder, given.out)
    recorder.poster.quantize(128).save(given.out.with_suffix(".png"), optimize=True)
    if given.gif is not None:
        write_gif(recorder, given.gif)
    for path in (given.out, given.gif):
        if path is not None:
            print(f"wrote {path}: {path.stat().st_size / 1e6:.2f} MB, {sum(s for _, s in recorder.shots):.0f} s")


if __name__ == "__main__":
    main()
