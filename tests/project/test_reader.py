"""The YAML reader: what texts mean, and that nothing but a Problem comes of a bad file."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hygge.project import reader
from hygge.project.nodes import Node, plain, provenance
from hygge.project.reader import read_bytes, read_file
from hygge.project.scalars import scalar

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=15,
)


def read(text: str) -> Any:
    node, problems = read_bytes(text.encode(), "f.yml")
    assert not problems
    assert node is not None
    return plain(node)


def wrong(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    _, problems = read_bytes(data, "f.yml")
    return [str(p) for p in problems]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        # https://yaml.org/spec/1.2.2/#1032-tag-resolution, and what YAML 1.1 made of the same
        ("null", None), ("~", None), ("", None), ("Null", None), ("nul", "nul"),
        ("true", True), ("True", True), ("FALSE", False),
        ("no", "no"), ("on", "on"), ("yes", "yes"), ("y", "y"), ("off", "off"),
        ("0", 0), ("12", 12), ("-12", -12), ("+12", 12), ("0o14", 12), ("0x1F", 31),
        ("010", "010"), ("0010", "0010"), ("1_000", "1_000"), ("0b11", "0b11"),
        ("12:30:45", "12:30:45"), ("1:2", "1:2"), ("2024-01-31", "2024-01-31"),
        ("2024-01-31 10:00:00", "2024-01-31 10:00:00"),
        ("1.5", 1.5), ("-0.5", -0.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("12e-2", 0.12),
        ("00.5", "00.5"), ("1.2.3", "1.2.3"), ("e3", "e3"), ("-", "-"), (".", "."), ("+", "+"),
        (".inf", math.inf), ("-.INF", -math.inf), ("=", "="), ("9" * 5000, "9" * 5000),
        ("1e999", "1e999"),
    ],
)  # fmt: skip
def test_what_an_unquoted_text_means(written: str, meant: object) -> None:
    found = scalar(written)
    assert found == meant
    assert type(found) is type(meant)


def test_quoted_texts_stay_texts() -> None:
    assert read("a: '12'\nb: \"true\"\nc: |\n  12\nd: !!str 12\ne: ''") == {
        "a": "12", "b": "true", "c": "12\n", "d": "12", "e": "",
    }  # fmt: skip


@given(st.dictionaries(TEXT.filter(lambda key: key != "<<"), VALUES, max_size=5))
def test_json_is_yaml(value: dict[str, Any]) -> None:
    """JSON is a subset of YAML 1.2: https://yaml.org/spec/1.2.2/#12-recommended-schemas"""
    assert read(json.dumps(value, ensure_ascii=False)) == value


@given(st.dictionaries(TEXT.filter(lambda key: key != "<<"), VALUES, max_size=5))
def test_what_another_writes_is_read(value: dict[str, Any]) -> None:
    written = yaml.safe_dump(value, allow_unicode=True)
    found = read(written)
    expected = json.dumps(value, sort_keys=True)
    # PyYAML writes YAML 1.1, in which a float needs a point: `1e+16` is written `1.0e+16`.
    assert json.dumps(found, sort_keys=True) == expected


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_give_a_node_or_problems(data: bytes) -> None:
    node, problems = read_bytes(data, "f.yml")
    assert (node is None) <= bool(problems)
    for problem in problems:
        assert problem.location is not None
        assert problem.message


@given(st.lists(st.sampled_from(list("ab01:-?[]{},&*!|>'\"%@`#\t\n ~<")), max_size=60).map("".join))
def test_any_yaml_like_text_gives_a_node_or_problems(text: str) -> None:
    node, problems = read_bytes(text.encode(), "f.yml")
    assert (node is None) <= bool(problems)
    lines = text.count("\n") + 2
    for problem in problems:
        assert problem.location is not None
        assert 0 <= problem.location.line <= lines


def test_every_value_knows_its_place() -> None:
    text = "a: 1\nb:\n  c: 'two'\n  d: [x, y]\n"
    node, _ = read_bytes(text.encode(), "f.yml")
    assert node is not None
    found = {path: (at.line, at.column) for path, at in provenance(node).items()}
    assert found == {"a": (1, 4), "b.c": (3, 6), "b.d": (4, 3)}


def test_an_alias_points_at_what_it_stands_for() -> None:
    node, _ = read_bytes(b"a: &x [1, 2]\nb: *x\n", "f.yml")
    assert node is not None
    assert plain(node) == {"a": [1, 2], "b": [1, 2]}
    assert node.items["b"].elements[0].at.line == 1


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "more than 200,000 values" in wrong("\n".join(lines))[0]


def test_depth_is_refused_even_through_aliases() -> None:
    assert "64 levels" in wrong("a: " + "[" * 65)[0]
    assert "64 levels" in wrong("a: " + "[" * 100_000)[0]
    lines = ["a0: &a0 " + "[" * 40 + "]" * 40]
    lines += [f"a{n}: &a{n} " + "[" * 40 + f"*a{n - 1}" + "]" * 40 for n in range(1, 50)]
    assert "64 levels" in wrong("\n".join(lines))[0]


def test_size_is_refused() -> None:
    assert "larger than 4 MB" in wrong(b"a: " + b"x" * reader.MAX_BYTES)[0]


def test_files_that_are_no_utf_8(tmp_path: Path) -> None:
    assert "UTF-16" in wrong("a: 1".encode("utf-16"))[0]
    assert read_bytes(b"\xef\xbb\xbfa: 1", "f.yml")[1] == []
    assert "U+0000" in wrong("a: \0")[0]
    node, problems = read_file(tmp_path)
    assert node is None
    assert "cannot be read" in problems[0].message
    assert "No such file" in read_file(tmp_path / "none.yml")[1][0].message


def test_a_byte_that_is_no_utf_8_is_found_by_column() -> None:
    assert wrong("a: 1\nå: ".encode() + b"\xff")[0].startswith("f.yml:2:4: ")


def test_an_empty_file_is_an_empty_mapping() -> None:
    for text in ("", "\n", "# nothing\n", "---\n", "~"):
        node, problems = read_bytes(text.encode(), "f.yml")
        assert isinstance(node, Node)
        assert (node.value, problems) == ({}, [])


def test_both_parsers_tell_the_same_places(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        "a: 'x",
        "a: [1",
        "a: b: c",
        "a:\n  b: 1\n c: 2",
        "a: @x",
        "a:\n\tb: 1",
        "a: 1\nb\nc: 2",
    ]
    monkeypatch.setattr(reader, "_LOADER", yaml.Loader)
    pure = [wrong(text) for text in texts]
    monkeypatch.undo()
    for text, without_c in zip(texts, pure, strict=True):
        line = re.match(r"f.yml:(\d+)", wrong(text)[0])
        assert line is not None
        assert without_c[0].startswith(line[0])
