"""Docstrings say something: a text of pronouns and particles alone, or one that only points elsewhere, is refused."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest
from support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EMPTY = set(
    re.findall(
        r"\w+",
        """
        a an the this that these those it its itself one ones they them their there here where when what which
        who whose whom how why same such other others another any all both each every some none no not so thus
        then than too also likewise ditto and or but nor if as at by for from in into of off on onto over to
        up with without about above below before after beside between further is are was were be been being
        has have had do does did done will would shall should may might can could must see come comes came go
        goes went gone get gets got say says said tell tells told happen happens happened left give gives
        given take takes taken make makes made
        """,
    )
)
"""Words that say nothing without a noun."""
POINTER = re.compile(r"see (there|that|this|it|above|below|the same)\b", re.I)
SECTIONS = {"Args:", "Returns:", "Raises:", "Yields:", "Attributes:"}
ENTRY = re.compile(r"(?P<indent> *)(?P<name>\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*): (?P<text>.+)")
DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def is_riddle(text: str) -> bool:
    """Whether a docstring, or an entry of one, says nothing by itself."""
    words = re.findall(r"[\w']+", text.lower())
    return not set(words) - EMPTY or bool(POINTER.match(text.strip()))


def entries(docstring: str) -> Iterator[tuple[str, str]]:
    """The named entries of a docstring's sections, each with its text, continuation lines joined."""
    section, name, indent, text = False, "", 0, ""
    for line in [*docstring.splitlines(), "."]:
        depth = len(line) - len(line.lstrip())
        entry = ENTRY.fullmatch(line) if section else None
        if name and line.strip() and (depth <= indent):
            yield name, text
            name = ""
        if line.strip() in SECTIONS:
            section = True
        elif entry and not name:
            name, indent, text = entry["name"], depth, entry["text"]
        elif name:
            text += " " + line.strip()


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every docstring of a file with its line: of modules, classes and functions, and below assignments."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for before, statement in zip([node, *body], body, strict=False):
            documents = isinstance(before, (ast.Assign, ast.AnnAssign)) or (
                before is node and isinstance(node, DEFINITIONS)
            )
            value = statement.value if documents and isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield statement.lineno, value.value


def riddles(source: str) -> list[str]:
    """Docstrings and entries that say nothing, as `line: text`."""
    refused = []
    for line, docstring in docstrings(ast.parse(source)):
        text = " ".join(docstring.split("\n\n")[0].split())
        if is_riddle(text):
            refused.append(f"{line}: {text!r}")
        refused += [f"{line}: {name}: {text}" for name, text in entries(docstring) if is_riddle(text)]
    return refused


@pytest.mark.parametrize(
    "text",
    [
        "Where.", "See there.", "that.", "that one.", "What came of it.", "likewise.", "the same.", "The same, too.",
        "See above for more.", "What it is.", "(there)", "",
    ],
)  # fmt: skip
def test_a_riddle_is_refused(text: str) -> None:
    assert is_riddle(text)


@pytest.mark.parametrize(
    "text",
    [
        "Close it.",
        "the same at time 1.",
        "0..1.",
        "See `resolve_device`.",
        "None where it has none left over: a still.",
    ],
)
def test_a_short_text_with_a_noun_is_accepted(text: str) -> None:
    assert not is_riddle(text)


def test_every_kind_of_docstring_is_read() -> None:
    source = '''
class A:
    """There."""

    x = 1
    """That."""

    def f(self, a, b, c):
        """Add two numbers.

        Args:
            a: that.
            b: it
                and so.
            c: the first addend
                of the sum.

        Returns:
            The same.
        """
'''
    assert [line.split(": ", 1)[1] for line in riddles(source)] == ["'There.'", "'That.'", "a: that.", "b: it and so."]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "vsrife").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT / "vsrife"))
)
def test_docstrings_say_something(path: Path) -> None:
    assert not riddles(path.read_text(encoding="utf-8"))
