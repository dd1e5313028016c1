"""What each part is worth: small trainings that differ in one thing, and the same questions to all.

    python benchmarks/ablations.py --corpus CORPUS --work FOLDER [--seeds 0 1 2] [--only NAME …]

Every variant of a group learns from the same number of samples and is asked for the same clips, which the same judge
scores: the generator, MDA and FM, each from its first weight on, with all the rest as shipped. The
command may be stopped and run again: what is finished is kept, a training goes on from its checkpoint, and
benchmarks/ablations.md is written anew after every variant.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
from ablation_variants import GENERATOR, GROUPS, VARIANTS

from mllm_motion import files
from mllm_motion.evaluation import sections
from mllm_motion.evaluation.answers import TRUTH, Answer
from mllm_motion.evaluation.behaviours import Generate, evaluate_behaviours
from mllm_motion.evaluation.held_out import read_held_out
from mllm_motion.evaluation.report import Section
from mllm_motion.evaluation.section_retrieval import retrieval
from mllm_motion.evaluation.sets import Sets
from mllm_motion.evaluation.settings import EvaluationConfig
from mllm_motion.evaluation.spaces import judge_space
from mllm_motion.models.encoders.text import TextEncoder
from mllm_motion.training.loop import LoopConfig

TABLE = Path(__file__).resolve().parent / "ablations.md"
# Group -> steps, clips a step, and clips of the test split that are asked for.
BUDGETS = {"generator": (2000, 64, 512), "MDA": (300, 32, 512), "FM": (100, 32, 512)}
# Figure -> (title of its column, factor, decimal places).
COLUMNS = {
    "behaviours": ("behaviours, %", 100, 1),
    "r_precision_1": ("R@1", 1, 3),
    "r_precision_3": ("R@3", 1, 3),
    "fid": ("FID", 1, 4),
    "mm_dist": ("MM-Dist", 1, 3),
    "diversity": ("diversity", 1, 3),
    "foot_slide_mm": ("foot slide, mm", 1, 2),
    "floor_penetration_mm": ("under floor, mm", 1, 2),
    "self_penetration_share": ("limbs in each other, %", 100, 1),
    "jitter_mm": ("jitter, mm", 1, 1),
}


def measure(
    generate: Generate, limit: int, tries: int, options: argparse.Namespace, encoder: TextEncoder
) -> dict[str, dict[str, float]]:
    """The figures of a generator and those of the true clips."""
    settings = EvaluationConfig(options.corpus, repeats=options.repeats, baselines=False)
    held_out = read_held_out(options.corpus, limit=limit)
    space = judge_space(options.judge, encoder)
    # Not as a model: thousands of clips for multimodality would take longer than all the rest.
    sets = Sets(held_out, {"variant": Answer(generate)}, settings, [space])
    found = {TRUTH: {}, "variant": {}}
    for section in [*retrieval(sets), *sections.physics(sets)]:
        for who, figures in found.items():
            figures |= means(section, who)
    if tries:
        found["variant"]["behaviours"] = evaluate_behaviours(generate, tries).mean
    return found


def means(section: Section, who: str) -> dict[str, float]:
    """Figure -> mean of one row."""
    return {name: cell.mean for name, cell in section.rows[who].items() if name in COLUMNS}


def run(name: str, seed: int, options: argparse.Namespace, encoder: TextEncoder) -> None:
    """Train and measure one variant, unless that is done."""
    steps, batch_size, limit = budget_of(name, options)
    variant, place, figures = VARIANTS[name], folder_of(name, seed, options), figures_of(name, seed, options)
    if figures.exists():
        return
    files.make_folder(place)
    print(f"{name}, seed {seed}", flush=True)
    model = folder_of(variant.needs, seed, options) if variant.needs else place
    if variant.train is not None and not (place / "model.safetensors").exists():
        variant.train(options.corpus, LoopConfig(place, steps, batch_size, seed=seed))
    tries = options.behaviours if name in GENERATOR else 0  # hundreds of replies would take longer than all the rest
    found = measure(variant.answer(model), limit, tries, options, encoder)
    with files.atomic_path(figures) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def budget_of(name: str, options: argparse.Namespace) -> tuple[int, int, int]:
    """Steps, clips a step and clips asked for of a variant: those of its group."""
    group = next(group for group, variants in GROUPS.items() if name in variants)
    steps, batch_size, limit = getattr(options, group.lower())
    return steps, batch_size, limit


def folder_of(name: str, seed: int, options: argparse.Namespace) -> Path:
    """Where a variant's model lies; another budget is another place."""
    steps, batch_size, _ = budget_of(name, options)
    return options.work / f"{steps}-steps-of-{batch_size}" / re.sub(r"\W+", "-", name) / f"seed-{seed}"


def figures_of(name: str, seed: int, options: argparse.Namespace) -> Path:
    """Where its figures lie; other questions are another file."""
    asked = f"{budget_of(name, options)[2]}-clips-{options.repeats}-pools-{options.behaviours}-tries"
    return folder_of(name, seed, options) / f"figures-{asked}.json"


def table(options: argparse.Namespace) -> str:
    """All finished variants by group, the mean over the seeds ± their standard deviation."""
    lines = [
        "# Ablations",
        "",
        "The budgets are far too small: the ranking counts, not the figures. Written by `benchmarks/ablations.py`; "
        f"corpus `{options.corpus.resolve().name}`, {options.repeats} draws of pools, {options.behaviours} clips of "
        "each behaviour. ± is the standard deviation over seeds.",
    ]
    for group, variants in GROUPS.items():
        rows: dict[str, tuple[str, list[dict[str, float]]]] = {}
        for name in variants:
            places = [figures_of(name, seed, options) for seed in options.seeds]
            done = [json.loads(place.read_text(encoding="utf-8")) for place in places if place.exists()]
            if done:
                rows.setdefault(TRUTH, ("captured clips", [found[TRUTH] for found in done[:1]]))
                rows[name] = (variants[name].says, [found["variant"] for found in done])
        if not rows:
            continue
        columns = [key for key in COLUMNS if any(key in found for _, figures in rows.values() for found in figures)]
        lines += [
            "",
            f"## The {group}",
            "",
            "{} batches of {} clips; {} clips of the test split are asked for.".format(
                *budget_of(next(iter(variants)), options)
            ),
            "",
            "| variant | what is different | seeds | " + " | ".join(COLUMNS[key][0] for key in columns) + " |",
            "|---" * (len(columns) + 3) + "|",
        ]
        for name, (says, figures) in rows.items():
            cells = [cell([found[key] for found in figures if key in found], *COLUMNS[key][1:]) for key in columns]
            lines.append(f"| {name} | {says} | {len(figures)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(values: list[float], factor: float, digits: int) -> str:
    """One cell of the table; empty without values."""
    if not values:
        return ""
    spread = f" ± {factor * np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{factor * np.mean(values):.{digits}f}{spread}"


def main() -> None:
    """Run what is not finished and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder made by mllm-motion prepare")
    parser.add_argument("--work", type=Path, required=True, help="folder for models and figures")
    parser.add_argument("--judge", help="folder of the retrieval model that judges; the shipped one if not given")
    for group, budget in BUDGETS.items():
        named = ("STEPS", "CLIPS", "ASKED")
        parser.add_argument(f"--{group.lower()}", type=int, nargs=3, default=budget, metavar=named, help="budget")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--repeats", type=int, default=20, help="draws of pools")
    parser.add_argument("--behaviours", type=int, default=10, help="clips of each behaviour")
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args()
    options.only += [need for name in options.only if (need := VARIANTS[name].needs) and need not in options.only]
    encoder = TextEncoder()
    for seed in options.seeds:
        for name in sorted(options.only, key=list(VARIANTS).index):
            run(name, seed, options, encoder)
            options.table.write_text(table(options), encoding="utf-8")
    print(options.table)


if __name__ == "__main__":
    main()
