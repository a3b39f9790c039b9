"""Whatever a project's files hold, loading it tells problems and raises nothing."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hygge.project import load_project
from hygge.project.documents import EntityFile, FlowFile, ProjectFile

TEXTS = st.sampled_from(
    ["", "x", "a.b", "{entity}", "{env.a}", "{nothing}", "${NOT_SET_ANYWHERE}", "${X:-y}",
     "parquet", "sqlite", "*", "!*", "dev", "../x", "15m", "${", "1"]
)  # fmt: skip
KEYS = st.sampled_from(
    sorted({*ProjectFile.model_fields, *FlowFile.model_fields, "type", "path", "connection",
            "column", "lag", "url", "x", "dev", "a"})
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2000) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def document(model: type[ProjectFile] | type[FlowFile] | type[EntityFile]) -> Any:
    return st.dictionaries(st.sampled_from(sorted(model.model_fields)), VALUES, max_size=6)


@given(document(ProjectFile), document(FlowFile), document(EntityFile))
def test_nothing_is_raised(project: Any, flow: Any, entity: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "flows" / "f" / "entities").mkdir(parents=True)
        for name, content in (
            ("hygge.yml", project),
            ("flows/f/flow.yml", flow),
            ("flows/f/entities/e.yml", entity),
        ):
            (root / name).write_text(json.dumps(content), encoding="utf-8")
        loaded = load_project(root)
        assert all(problem.location is not None for problem in loaded.problems)
        for spec in loaded.entities:
            assert set(spec.provenance) >= {"home.type", "store.type"}
