"""No method of the plugin only passes a call on: who needs a part reaches it (`session.masks`, `link.connection`)."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGIN = Path(__file__).resolve().parent.parent / "napari_matae"

_CORE = "what a session is about, asked all over the plugin; its part has switches that only the session may touch"
_TOOLKIT = "the part is a thread, a timer or an event of the toolkit's, and private"
_WORKER = "says whether work is under way; the worker itself is private, nobody else may start or drop it"
LEFT = {
    "session/session.py: Session.current": _CORE,
    "session/session.py: Session.frame": _CORE,
    "session/session.py: Session.seek": _CORE,
    "background/connections.py: Connections.when_closed": "the part is a plain list",
    "background/job.py: Job.is_running": _WORKER,
    "background/job.py: Job.stop": _TOOLKIT,
    "dock.py: MataeDock.is_probing": _WORKER,
    "edit/preview.py: Preview.is_running": _WORKER,
    "worklist/model.py: WorklistFilter.sort": _TOOLKIT,
    "worklist/model.py: WorklistModel.place_of": "the part is a plain dict",
    "worklist/queue.py: QueueRunner.is_pausing": _WORKER,
    "worklist/queue.py: QueueRunner.is_running": _WORKER,
    "worklist/source.py: WorklistSource.is_loading": _WORKER,
    "worklist/source.py: WorklistSource.rest": _TOOLKIT,
    "worklist/thumbnails.py: Thumbnails.is_reading": _WORKER,
    "session/paint_watcher.py: PaintWatcher.unfollow": "ends what `follow` began; the connections are private",
    "study/connection.py: StudyConnection.count_soon": _TOOLKIT,
    "study/proposals.py: StudyProposals.wait_no_longer": _TOOLKIT,
    "study/watcher.py: StudyWatcher.start": _TOOLKIT,
    "study_thread/request_queue.py: RequestQueue.start": _TOOLKIT,
    "measure/inputs.py: SuspectFrames.add": "the part is a plain set",
    "measure/biplane.py: BiplaneMeasurement.is_running": _WORKER,
    "measure/live_measurement.py: LiveMeasurement.is_asking_widths": _WORKER,
    "measure/width_check.py: WidthCheck.is_asking": _WORKER,
    "models/active_model.py: ActiveModel.is_busy": _WORKER,
    "widgets/option_form.py: OptionForm.set_row_visible": "the layout is the form's own",
    "open/panel.py: OpenPanel.is_reading": _WORKER,
    "verdict/picture_reader.py: PictureReader.is_reading": _WORKER,
    "verdict/picture_reader.py: PictureReader.stop": _WORKER,
}
"""Methods that only pass a call on and stay, with the reason."""


def passes_on(method: ast.FunctionDef) -> bool:
    """Return whether a method does nothing but call, or return, something of a part of its object.

    ``self.part.do(a, b)`` with the method's own arguments, each once and in order, or ``return self.part.value`` of a
    property. What adds an argument, changes one or does a second thing is no forward, and neither is a call of
    the method's own class.
    """
    body = method.body[1:] if ast.get_docstring(method) is not None else method.body
    if len(body) != 1 or not isinstance(body[0], ast.Return | ast.Expr) or body[0].value is None:
        return False
    value = body[0].value
    own = [argument.arg for argument in (*method.args.posonlyargs, *method.args.args)][1:]
    own += [argument.arg for argument in method.args.kwonlyargs]
    own += [argument.arg for argument in (method.args.vararg, method.args.kwarg) if argument is not None]
    if isinstance(value, ast.Call):
        given = [*value.args, *(keyword.value for keyword in value.keywords)]
        bare = [argument.value if isinstance(argument, ast.Starred) else argument for argument in given]
        if [argument.id if isinstance(argument, ast.Name) else "" for argument in bare] != own:
            return False
        value = value.func
    elif not any(isinstance(mark, ast.Name) and mark.id == "property" for mark in method.decorator_list):
        return False
    depth = 0
    while isinstance(value, ast.Attribute):
        value, depth = value.value, depth + 1
    return isinstance(value, ast.Name) and value.id == "self" and depth >= 2


def is_ours(method: ast.FunctionDef) -> bool:
    """Return whether the name is ours to choose: a slot or an override of Qt's is called by somebody else."""
    return not method.name.startswith("_") and method.name.lower() == method.name


def forwards(path: Path) -> Iterator[str]:
    """Yield the methods of a module that only pass a call on."""
    for kind in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(kind, ast.ClassDef) and not kind.name.startswith("_"):
            for method in kind.body:
                if isinstance(method, ast.FunctionDef) and is_ours(method) and passes_on(method):
                    yield f"{path.relative_to(PLUGIN).as_posix()}: {kind.name}.{method.name}"


def test_no_method_only_passes_a_call_on() -> None:
    found = {name for path in sorted(PLUGIN.rglob("*.py")) for name in forwards(path)}
    assert found == set(LEFT), "reach the part instead, or say in LEFT why it stays"


@pytest.mark.parametrize(
    ("text", "forward"),
    [
        ("def ask(self, work): self._queue.ask(work)", True),
        ("def ask(self, work, *, done=None):\n '''Ask.'''\n return self._queue.ask(work, done=done)", True),
        ("@property\ndef name(self): return self.study.name", True),
        ("def name(self): return self.study.name", False),
        ("def ask(self, work): self._queue.ask(work, 3)", False),
        ("def ask(self, work): self._ask(work)", False),
        ("def ask(self, work):\n self._queue.ask(work)\n self.asked = True", False),
        ("def close(self): pass", False),
    ],
)
def test_what_a_forward_is(text: str, forward: bool) -> None:
    method = ast.parse(text).body[0]
    assert isinstance(method, ast.FunctionDef)
    assert passes_on(method) is forward
