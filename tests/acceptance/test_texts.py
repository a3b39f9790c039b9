"""Every example in the README and the docs, taken out of its page and run.

A page's blocks run in order, in one folder that holds the demo's `shop.db` and `visits.csv`:

- `python`: a program of its own, in which `await` may stand anywhere. One that begins with the
  comment `# some/file.py` is that file instead.
- `yaml`: begins with the comment `# some/file.yml`, is that file, and must be valid.
- `bash`: must succeed. It starts in the page's folder.
- `console`: commands after `$ `, and what they print. It starts where the one before it ended;
  `...` stands for any lines; times, durations, sizes and names of runs may differ.

Blocks of no language, `toml` and `text` are only shown.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.acceptance.support import DEADLINE_S, environment, python

from hygge import Coordinator
from hygge.cli.sample import write_sqlite, write_visits

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "samples").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (?P<path>[\w./-]+\.(?:yml|yaml|py))\n")
SHOWN = {"", "toml", "text"}
# Not a project's own business: what sets a machine up.
SET_UP = re.compile(r"^(pip|make|git|uv) ", re.MULTILINE)
AWAITING = """
import ast, asyncio, inspect, sys
source = open(sys.argv[1], encoding="utf-8").read()
code = compile(source, sys.argv[1], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
names = {"__name__": "__main__"}
if code.co_flags & inspect.CO_COROUTINE:
    asyncio.run(eval(code, names))
else:
    exec(code, names)
"""
VARYING = (
    (r"\d{8}T\d{6}-[0-9a-f]{6}", "RUN"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:Z|\+00:00)?", "TIME"),
    (r"\b[\d.,]+ (?:min|h|s)\b", "DURATION"),
    (r"\b[\d.,]+ [KMG]?B\b", "SIZE"),
    (r"hygge [\d.]+, Python [\d.]+, Polars [\d.]+", "VERSIONS"),
    (r"[ \t─━]+", " "),
)


@dataclass(frozen=True)
class Block:
    """One fenced block: its page, the line it begins in, its language and text."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that it is, if it says so."""
        match = FILE.match(self.text)
        return match["path"] if match else None


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page, line, match["language"], match["text"])


@pytest.mark.timeout(300)  # a tour is a dozen processes, one after the other
@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_example_works(page: Path, tmp_path: Path) -> None:
    write_sqlite(tmp_path / "shop.db")
    write_visits(tmp_path / "visits.csv")
    here = tmp_path
    for block in blocks(page):
        if block.language in SHOWN:
            continue
        if block.language == "python":
            _python(block, tmp_path)
        elif block.language == "yaml":
            _yaml(block, tmp_path)
        elif block.language == "bash":
            _bash(block, block.text, tmp_path)
        else:
            assert block.language == "console", f"{block.where}: nobody runs {block.language}"
            here = _console(block, here)


def _python(block: Block, folder: Path) -> None:
    name = block.file
    if name is not None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(block.text, encoding="utf-8")
        return
    (folder / "example.py").write_text(block.text, encoding="utf-8")
    done = python("-c", AWAITING, "example.py", cwd=folder, code=None)
    assert done.returncode == 0, f"{block.where}:\n{done.stdout}\n{done.stderr}"


def _yaml(block: Block, folder: Path) -> None:
    name = block.file
    assert name is not None, f"{block.where}: which file is it?"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(block.text, encoding="utf-8")
    config = name if re.search(r"^flows:", block.text, re.MULTILINE) else "hygge.yml"
    if (folder / config).is_file():
        coordinator = Coordinator(config_path=folder / config)
        assert coordinator.checked_plan(), f"{block.where} plans nothing"


def _bash(block: Block, text: str, folder: Path) -> str:
    text = SET_UP.sub(": ", text)
    path = f"{Path(sys.executable).parent}:{environment()['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=environment({"PATH": path}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, f"{block.where} left with {done.returncode}:\n{done.stdout}"
    return done.stdout


def _console(block: Block, folder: Path) -> Path:
    """Run the block's commands one by one, and compare; returns where it ended."""
    for command, expected in _exchanges(block):
        said = _bash(block, f"{command}\n\npwd", folder)
        *lines, ended = said.rstrip("\n").split("\n")
        folder = Path(ended)
        wanted = _pattern(expected)
        got = "\n".join(_plain(line) for line in lines if line.strip())
        told = f"{block.where}: `{command}` printed:\n" + "\n".join(lines)
        assert re.fullmatch(wanted, got + "\n" if got else ""), told
    return folder


def _exchanges(block: Block) -> Iterator[tuple[str, list[str]]]:
    command, expected = "", list[str]()
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, expected
            command, expected = line[2:], []
        elif line.strip():
            expected.append(line)
    yield command, expected


def _pattern(expected: list[str]) -> str:
    return "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(_plain(line)) + r"\n"
        for line in expected
    )


def _plain(line: str) -> str:
    for pattern, name in VARYING:
        line = re.sub(pattern, name, line)
    return line.strip()


def test_there_are_examples() -> None:
    counted = [b.language for page in PAGES for b in blocks(page)]
    assert min(counted.count(kind) for kind in ("python", "yaml", "bash", "console")) > 0


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in _anchors(file), f"{page.name}: {target}"


def _anchors(page: Path) -> set[str]:
    """The names that headings have, as forges make them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in heads}
