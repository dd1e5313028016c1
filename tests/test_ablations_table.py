"""The table of ablations: what is finished is kept and averaged over seeds."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "ablations.py"


@pytest.fixture(scope="module")
def ablations():
    sys.path.insert(0, str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("ablations", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def options(tmp_path):
    budget = {"generator": (5, 4, 9), "mda": (3, 4, 9), "fm": (2, 4, 9), "seeds": [0, 1]}
    asked = {"repeats": 1, "behaviours": 1}
    return argparse.Namespace(corpus=tmp_path / "corpus", work=tmp_path, **budget, **asked)


def finish(ablations, options, name, seed, share):
    place = ablations.figures_of(name, seed, options)
    place.parent.mkdir(parents=True)
    figures = {"ground truth": {"r_precision_1": 0.75}, "variant": {"r_precision_1": 0.5, "behaviours": share}}
    place.write_text(json.dumps(figures))
    return place


def test_finished_variants_stay_and_are_averaged(ablations, options):
    place = finish(ablations, options, "pooled text", 0, 0.2)
    finish(ablations, options, "pooled text", 1, 0.4)
    before = place.stat().st_mtime_ns
    ablations.run("pooled text", 0, options, encoder=None)  # would fail without a corpus if it did anything
    assert place.stat().st_mtime_ns == before
    lines = ablations.table(options).splitlines()
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}
    assert list(rows) == ["variant", "ground truth", "pooled text"]
    assert "| 2 | 30.0 ± 14.1 | 0.500 ± 0.000 |" in rows["pooled text"] and "| 0.750 |" in rows["ground truth"]
    assert "5 batches of 4 clips" in ablations.table(options)


def test_groups_have_their_own_tables_and_budgets(ablations, options):
    finish(ablations, options, "pooled text", 0, 0.2)
    finish(ablations, options, "8 signal tokens", 0, 0.2)
    text = ablations.table(options)
    assert text.index("5 batches of 4") < text.index("pooled text") < text.index("3 batches of 4")
    assert text.index("3 batches of 4") < text.index("| 8 signal tokens |")


def test_another_budget_is_another_place(ablations, options):
    place, figures = ablations.folder_of("default", 0, options), ablations.figures_of("default", 0, options)
    options.generator = (5, 4, 8)
    assert ablations.folder_of("default", 0, options) == place
    assert ablations.figures_of("default", 0, options) != figures
    options.generator = (6, 4, 8)
    assert ablations.folder_of("default", 0, options) != place
