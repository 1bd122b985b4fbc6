"""A process that draws strokes until it is killed: run by the crash test, not a test itself.

It stays warm and forks for each round, so that a kill costs milliseconds. What it is told and what it says are lines:
``TARGET CONTENT_ID FIRST`` in; ``pid N``, ``open``, one ``ack STEP`` after each step was stored, and ``dead`` out.
"""

from __future__ import annotations

import os
import sys

from store_makers import stroke

from matae.store import Edit, FrameStatus, OverrideName, Study

FRAMES = 6


def kind_of(step: int) -> str:
    """Return what a step changes: mostly masks, now and then something else of the cine, which holds its number."""
    return {4: "sector", 9: "landmarks", 11: "proposal", 13: "subject"}.get(step % 15, "mask")


def put_other(study: Study, identity: str, step: int) -> None:
    """Do a step that changes no mask of a person."""
    if kind_of(step) == "sector":
        study.set_override(identity, OverrideName.SECTOR, [(0, 0), (0, 20), (20, step)])
    elif kind_of(step) == "landmarks":
        study.set_landmarks(identity, 0, {"apex": (1.0, step)})
    elif kind_of(step) == "proposal":  # of a frame that nobody draws in
        study.put_proposals(identity, {FRAMES: stroke(step)}, model="m", width="1", implied={FRAMES: step / 2**16})
    else:
        study.set_subject(identity, f"p{step:09d}")


def others_in(study: Study, identity: str) -> dict[str, int]:
    """Return the last step of each kind that changes no mask of a person, as the study has it."""
    found = {}
    if (sector := study.overrides(identity).sector) is not None:
        found["sector"] = int(sector[2][1])
    if 0 in (landmarks := study.landmarks(identity)):
        found["landmarks"] = int(landmarks[0].points["apex"].x)
    if (proposed := study.frames(identity).get(FRAMES)) is not None:
        mask = study.mask(identity, FRAMES)
        assert mask is not None
        found["proposal"] = sum(int(bit) << place for place, bit in enumerate(mask[0, :16]))
        assert proposed.implied == found["proposal"] / 2**16  # mask and value are of the same proposal
    if (subject := study.cine(identity).subject) is not None:
        found["subject"] = int(subject[1:])
    return found


def frames_of(step: int) -> tuple[int, ...]:
    """Return the frames that a step changes: one stroke, and every fourth time several at once."""
    return (1, 3, 4) if step % 4 == 3 else (step % FRAMES,)


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def draw(target: str, identity: str, first: int) -> None:
    with Study.open(target, rater="drawer") as study:
        say("open")
        revisions = {frame: info.revision for frame, info in study.frames(identity).items()}
        step = first
        while True:
            if kind_of(step) != "mask":
                put_other(study, identity, step)
                say(f"ack {step}")
                step += 1
                continue
            if step % 7 == 6 and 0 in revisions:
                infos = study.set_status(identity, [0], FrameStatus.ACCEPTED, note=str(step))
            else:
                edits = [Edit(frame, stroke(step), revisions.get(frame, 0)) for frame in frames_of(step)]
                infos = study.put_edits(identity, edits, note=str(step))
            revisions |= {info.frame: info.revision for info in infos}
            say(f"ack {step}")
            step += 1


def main() -> None:
    for line in sys.stdin:
        target, identity, first = line.split()
        child = os.fork()
        if child == 0:
            try:
                say(f"pid {os.getpid()}")
                draw(target, identity, int(first))
            except BaseException as error:  # noqa: BLE001 (told to the test)
                say(f"error {error!r}")
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    import matae.store.study  # noqa: F401 (once, before the first fork)

    main()
