"""What the tests of the documentation share: pages, their blocks, and the commands that are in these."""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

from support import ROOT

from vsrife.cli import main

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
WORDS = {"for", "do", "done", "if", "then", "fi", "in"}
"""The shell's own."""


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Args:
        page: where it is.
        line: its first one.
        language: as it is marked; `indented` where it is not fenced.
        text: of it.
        why_not: what the comment before it says why it is not run.
        script: the last block of Python before it on the page.
    """

    page: Path
    line: int
    language: str
    text: str
    why_not: str = ""
    script: str = ""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Every block of a page, in order."""
    found: list[Block] = []
    script = ""
    lines = page.read_text(encoding="utf-8").splitlines()
    n = 0
    while n < len(lines):
        start = n
        if lines[n].startswith("```"):
            end = lines.index("```", n + 1)
            marked = NOT_RUN.fullmatch(lines[n - 1])
            text = "\n".join(lines[n + 1 : end]) + "\n"
            block = Block(page, n + 1, lines[n][3:], text, marked[1] if marked else "", script)
            found.append(block)
            script = text if block.language == "python" else script
            n = end
        elif lines[n].startswith("    ") and not lines[n - 1].strip():
            while n < len(lines) and (lines[n].startswith("    ") or not lines[n].strip()):
                n += 1
            text = "\n".join(line[4:] for line in lines[start:n]) + "\n"
            found.append(Block(page, start + 1, "indented", text))
        n += 1
    return found


BLOCKS = [block for page in PAGES for block in blocks(page)]


def commands(text: str) -> list[list[str]]:
    """The simple commands of a shell script, as words, those in loops too; redirections to files are words."""
    found: list[list[str]] = []
    for line in re.sub(r"\d?>&\d", "", text.replace("\\\n", " ")).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&")
        lexer.whitespace_split = True
        command: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|;&"):
                if command and command[0] != "for":
                    found.append(command)
                command = []
            elif command or word not in WORDS or word == "for":
                command.append(word)
    return found


def ours(command: Sequence[str]) -> list[str] | None:
    """What a command gives to `vsrife`, without redirections; None where it is another's."""
    if "vsrife" not in command or command[0] not in {"vsrife", "torchrun", "python"}:
        return None
    rest = list(command[list(command).index("vsrife") + 1 :])
    return rest[: next((n for n, word in enumerate(rest) if word.startswith((">", "2>"))), len(rest))]


class Parsed(Exception):  # noqa: N818 - it is no error
    """A command line was understood; carries the parser."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def parsed(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Parse a command line of `vsrife` without running it; exits as argparse does where it is wrong."""
    parse = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, args: Sequence[str] | None = None, namespace: object = None) -> None:
        parse(self, args)
        raise Parsed(self)

    with mock.patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            main(list(arguments))
        except Parsed as done:
            return done.parser
    raise AssertionError("main did not parse")


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Every option of a parser and of those below it."""
    found: set[str] = set()
    for action in parser._actions:
        found |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                found |= options(below)
    return found
