"""The changes that can be made to a module, one at a time.

What is changed and into what comes from mutmut's operators (`mutmut.mutation.mutators`). Three are added here for what
guards something: a condition that is never or always met, a call for its effect that is left out, and a comprehension
that leaves nothing out. Of a string there is one change (mutmut has three), and of a module's constants the numbers.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_number, operator_string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_NOT_LOOKED_INTO = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)
_CALLS_LEFT_ALONE = {"len", "isinstance", "cast"}


@dataclass(frozen=True)
class Change:
    """One change of a module.

    Attributes
    ----------
    name : str
        The file below the root, line, column, and the number of the change at this place.
    path : str
        The file below the root.
    lines : tuple of int
        First and last line of the outermost function that it lies in; ``(0, 0)`` for a constant of the module.
    when_defined : bool
        Whether it takes effect when the module is run (a constant, the default of a parameter), not when a function is.
    """

    name: str
    path: str
    lines: tuple[int, int]
    when_defined: bool
    module: cst.Module
    old: cst.CSTNode
    new: cst.CSTNode

    @cached_property
    def source(self) -> str:
        """The module with the change."""
        changed = self.module.deep_replace(self.old, self.new)
        assert isinstance(changed, cst.Module)
        return changed.code

    @property
    def shown(self) -> str:
        """The lines that differ, as a diff without its head."""
        pair = (code.splitlines() for code in (self.module.code, self.source))
        return "\n".join(line for line in list(difflib.unified_diff(*pair, n=0, lineterm=""))[2:] if line[0] in "+-")


def changes_of(root: Path, path: str) -> list[Change]:
    """Return the changes that can be made to a file below the root, in the order of the source."""
    finder = _Finder(path)
    wrapper = MetadataWrapper(cst.parse_module((root / path).read_text(encoding="utf-8")))
    finder.module = wrapper.module
    wrapper.visit(finder)
    return finder.found


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.module: cst.Module
        self.found: list[Change] = []
        self._functions: list[cst.FunctionDef] = []
        self._classes = 0
        self._constant: cst.CSTNode | None = None
        self._default: cst.CSTNode | None = None
        self._seen: dict[tuple[int, int], int] = {}

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, _NOT_LOOKED_INTO) or _is_left_alone(node):
            return False
        if isinstance(node, cst.If) and "TYPE_CHECKING" in cst.Module([]).code_for_node(node.test):
            return False
        if isinstance(node, cst.FunctionDef):
            self._functions.append(node)
        elif isinstance(node, cst.ClassDef):
            self._classes += 1
        elif isinstance(node, cst.Assign | cst.AnnAssign) and not self._functions and not self._classes:
            self._constant = node
        elif isinstance(node, cst.Param) and node.default is not None and self._default is None:
            self._default = node
        for new in self._changed(node):
            self._add(node, new)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef):
            self._functions.pop()
        elif isinstance(original_node, cst.ClassDef):
            self._classes -= 1
        elif original_node is self._constant:
            self._constant = None
        elif original_node is self._default:
            self._default = None

    def _changed(self, node: cst.CSTNode) -> Iterable[cst.CSTNode]:
        if self._functions:
            simple = isinstance(node, cst.Name | cst.BaseNumber | cst.SimpleString)
            return operators(node) if self._default is None or simple else ()
        return operator_number(node) if self._constant is not None and isinstance(node, cst.BaseNumber) else ()

    def _add(self, old: cst.CSTNode, new: cst.CSTNode) -> None:
        start = self.get_metadata(PositionProvider, old).start
        place = (start.line, start.column)
        count = self._seen[place] = self._seen.get(place, 0) + 1
        lines = (0, 0)
        if self._functions:
            span = self.get_metadata(PositionProvider, self._functions[0])
            lines = (span.start.line, span.end.line)
        name = f"{self.path}:{start.line}:{start.column + 1}#{count}"
        # A nested function's default is evaluated when the outer one runs.
        when_defined = not self._functions or (self._default is not None and len(self._functions) == 1)
        self.found.append(Change(name, self.path, lines, when_defined, self.module, old, new))


def _is_left_alone(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in _CALLS_LEFT_ALONE


def operators(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield what a node can become."""
    for kind, operator in mutation_operators:
        if not isinstance(node, kind):
            continue
        if operator is operator_string:
            yield from list(operator(node))[:1]
        else:
            yield from operator(node)
    if isinstance(node, cst.If):
        yield from (node.with_changes(test=test) for test in _forced(node.test))
    elif isinstance(node, cst.CompIf):
        yield node.with_changes(test=cst.Name("True"))
    elif isinstance(node, cst.Expr) and isinstance(node.value, cst.Call):
        yield cst.Pass()


def _forced(test: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    """Yield a condition that is never met and one that always is; what it computes is still computed."""
    inside = test.with_changes(lpar=[*test.lpar, cst.LeftParen()], rpar=[cst.RightParen(), *test.rpar])
    yield cst.BooleanOperation(left=inside, operator=cst.And(), right=cst.Name("False"))
    yield cst.BooleanOperation(left=inside, operator=cst.Or(), right=cst.Name("True"))
