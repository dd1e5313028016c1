"""Measure what the README claims: `make bench` -> benchmarks/results.json and the README's table.

Timings and behaviours need nothing but the installed package. The held-out rows and docs/report.html need a prepared
corpus (`--corpus DIR`); without one those of the last run that had one are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import torch

import mllm_motion as mm
from mllm_motion.evaluation import baseline
from mllm_motion.evaluation.answers import pipeline_generator
from mllm_motion.evaluation.behaviours import evaluate_behaviours
from mllm_motion.evaluation.report import Report
from mllm_motion.generation import pipeline
from mllm_motion.generation.chat import load_model
from mllm_motion.models.registry import CHAT, find_model, model_names
from mllm_motion.models.speaking import stream
from mllm_motion.models.tokens import MOTION_SLOT

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
REPORT = ROOT / "docs" / "report.html"
LANGUAGE_REPORT = ROOT / "docs" / "report_chat.html"
PARTS = ["speed", "behaviours", "held_out", "language"]
SECONDS = 9.8


def machine() -> dict:
    """What the figures were taken on."""
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "python": platform.python_version(),
        "date": date.today().isoformat(),
    }


def timed(work, repeats: int) -> dict:
    """Median, least and most seconds of `repeats` calls, after one that does not count."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds), "runs": repeats}


def bench_speed() -> dict:
    """Seconds for a clip, its files and the whole command; sizes."""
    pipe = mm.load()
    clip = pipe.generate(["a person walks forward and waves"], [SECONDS], [0])[0].motion
    figures = {"clip_s": timed(lambda: pipe.generate(["a person walks forward and waves"], [SECONDS], [0]), 30)}
    with tempfile.TemporaryDirectory() as folder:
        figures["bvh_s"] = timed(lambda: mm.save(clip, Path(folder) / "clip.bvh"), 15)
        figures["glb_s"] = timed(lambda: mm.save(clip, Path(folder) / "clip.glb"), 15)
        figures["mp4_s"] = timed(lambda: mm.save(clip, Path(folder) / "clip.mp4"), 3)
        runs, peaks = [], []
        for n in range(3):
            command = [sys.executable, "-m", "mllm_motion", "generate", "a person bows", "--seconds", str(SECONDS)]
            start = time.perf_counter()
            subprocess.run([*command, "-o", f"{folder}/cold{n}.glb"], check=True, capture_output=True)
            runs.append(time.perf_counter() - start)
            peaks.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10)
    figures["command_s"] = {"median": statistics.median(runs), "min": min(runs), "max": max(runs), "runs": 3}
    figures["command_peak_mib"] = max(peaks)
    folder = find_model("default").folder
    figures["model_mib"] = sum(f.stat().st_size for f in folder.iterdir()) / 2**20
    return figures


def bench_talk() -> dict:
    """Seconds to the first word, words a second, and seconds from the signal to the motion, of the language model."""
    pipe = mm.load()
    model, clip = load_model(CHAT), pipe.generate(["a person waves with the right hand"], [4.0], [0])[0].motion
    asked = [{"role": "user", "content": f"{MOTION_SLOT}\nDescribe this clip in detail."}]
    first, rates = [], []
    for _ in range(8):
        start = time.perf_counter()
        with torch.no_grad():
            pieces = stream(model.language, asked, model.project([clip]), kinds=(), max_tokens=48)
            text = next(pieces)
            first.append(time.perf_counter() - start)
            start = time.perf_counter()
            text += "".join(pieces)
        count = len(model.language.tokenizer(text)["input_ids"]) - 1
        rates.append(count / (time.perf_counter() - start))
    decided, moved = [], []
    for seed in range(8):
        chat = pipe.chat()
        start = time.perf_counter()
        wanted = [{"role": "user", "content": "Show me a person who waves."}]
        for _ in stream(model.language, wanted, kinds=("motion",)):
            break
        decided.append(time.perf_counter() - start)
        start = time.perf_counter()
        chat.send("Show me a person who waves.", seed=seed)
        moved.append(time.perf_counter() - start)
    return {
        "first_token_s": statistics.median(first[1:]),
        "tokens_per_s": statistics.median(rates[1:]),
        "motion_s": max(statistics.median(moved[1:]) - statistics.median(decided[1:]), 0.0),
        "chat_mib": sum(f.stat().st_size for f in find_model(CHAT).folder.iterdir()) / 2**20,
    }


def language(report: Report) -> dict:
    """The figures of a language model that the README shows, by section, row and column."""
    return {
        section.name: {who: {name: cell.mean for name, cell in cells.items()} for who, cells in section.rows.items()}
        for section in report.sections
    }


def held_out(report: Report) -> dict:
    """The rows of the test split, without the variants of a model."""
    rows = {}
    for name, cells in report.section("retrieval").rows.items():
        if "," in name or name == "random training clip":
            continue
        figures = cells | report.section("physics").rows[name] | report.section("memorisation").rows.get(name, {})
        for key in ("r_precision", "alike_precision"):
            rows.setdefault(name, {})[key] = [figures[f"{key}_{k}"].mean for k in (1, 2, 3)]
        for key in ("fid", "foot_slide_mm", "second_difference_mm", "nearest_train_m"):
            if key in figures:
                rows[name][key] = figures[key].mean
    return rows


def main() -> None:
    """Run the parts asked for and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=PARTS)
    options = parser.parse_args()
    wanted = options.only or PARTS
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if "speed" in wanted:
        results["speed"] = bench_speed() | {"machine": machine()}
    if "behaviours" in wanted:
        table = results.setdefault("behaviours", {})
        for name in model_names():
            table[name] = evaluate_behaviours(pipeline_generator(pipeline.load(name)), options.seeds).to_dict()
        if options.corpus:
            nearest = baseline.nearest_caption(options.corpus, pipeline.load("default").encoder)
            table["nearest caption"] = evaluate_behaviours(nearest, options.seeds).to_dict()
    if "held_out" in wanted and options.corpus:
        first, *others = model_names()
        only = ("retrieval", "pairs", "physics", "memorisation")
        report = mm.evaluate(first, options.corpus, only=only, also=tuple(others), repeats=options.repeats)
        REPORT.write_text(report.to_html(), encoding="utf-8")
        results["held_out"] = held_out(report)
    if "language" in wanted:
        results.setdefault("language", {})["talk"] = bench_talk()
        if options.corpus:
            report = mm.evaluate(CHAT, options.corpus, repeats=options.repeats)
            LANGUAGE_REPORT.write_text(report.to_html(), encoding="utf-8")
            results["language"] |= language(report)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    marks = r"(<!-- bench -->\n).*?(<!-- /bench -->)"
    readme.write_text(re.sub(marks, lambda m: m[1] + table_of(results) + m[2], text, flags=re.S), encoding="utf-8")


def table_of(results: dict) -> str:
    """The README's table."""
    rows = [("what", "measured", "aim"), ("---", "---", "---")]
    speed = results.get("speed")
    if speed:
        s = {k: v["median"] if isinstance(v, dict) and "median" in v else v for k, v in speed.items()}
        peak = s["command_peak_mib"] / 1024
        rows += [
            ("text to a 9.8 s clip, model loaded, clean-up included", f"{s['clip_s']:.3f} s", "≤ 0.15 s"),
            ("whole command, cold start, GLB written", f"{s['command_s']:.1f} s, {peak:.2f} GiB", "≤ 8 s, ≤ 1.5 GB"),
            ("BVH of that clip", f"{s['bvh_s']:.3f} s", "≤ 0.05 s"),
            ("MP4 of that clip, body mesh, 640×640, no GPU", f"{s['mp4_s']:.1f} s", "≤ 10 s"),
            ("default model on disk", f"{s['model_mib']:.0f} MiB", "≤ 60 MB"),
        ]
    for name, report in results.get("behaviours", {}).items():
        low = sum(row["passed"] < 0.6 for row in report["behaviours"])
        aim = "≥ 85 %, none under 60 %" if name in ("default", "permissive") else "the baseline"
        figures = f"{report['mean']:.1%}; {low} of {len(report['behaviours'])} under 60 %"
        rows.append((f"behaviours that hold, {name}", figures, aim))
    for name, row in results.get("held_out", {}).items():
        figures = f"R-precision top 3 {row['r_precision'][2]:.2f}, alike allowed {row['alike_precision'][2]:.2f}; "
        figures += f"FID {row['fid']:.2f}; foot slide {row['foot_slide_mm']:.1f} mm a frame"
        if "nearest_train_m" in row:
            figures += f"; nearest training clip {row['nearest_train_m'] * 100:.1f} cm"
        aim = "" if name in ("ground truth", "nearest caption") else "slide ≤ 1.2 × ground truth"
        rows.append((f"test split, {name}", figures, aim))
    rows += language_rows(results.get("language", {}))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    if speed:
        at = speed["machine"]
        lines += [
            "",
            f"{at['processor']}, {at['cores']} cores, {at['memory_gib']} GiB; Python {at['python']}; {at['date']}.",
        ]
    return "\n".join(lines) + "\n"


def language_rows(found: dict) -> list[tuple[str, str, str]]:
    """The rows of the language model."""
    rows = []
    if talk := found.get("talk"):
        figures = f"{talk['first_token_s']:.2f} s, {talk['tokens_per_s']:.0f} tokens/s"
        rows.append(("chat: first token, and those after it", figures, "≤ 1.0 s, ≥ 15 tokens/s"))
        rows.append(("chat: motion after the last signal token", f"{talk['motion_s']:.2f} s", "≤ 2 s"))
        rows.append(("chat weights on disk", f"{talk['chat_mib']:.0f} MiB", "≤ 60 MB"))
    if "decisions" in found:
        own, constant = (found["decisions"][who]["right"] for who in (CHAT, "best constant answer"))
        rows.append(("chat: moves or not, 500 new requests", f"{own:.1%} right; constant {constant:.1%}", "≥ 97 %"))
    if "captions" in found:
        figures = "; ".join(
            f"{who} {cells['precision_3']:.2f} ({cells['alike_3']:.2f}), CIDEr {cells['cider']:.2f}"
            for who, cells in found["captions"].items()
        )
        rows.append(("captions: R-precision top 3 (alike allowed)", figures, "≥ 0.8 × reference, > nearest clip's"))
    if "questions" in found:
        own, blind = (found["questions"][who]["all"] for who in (CHAT, "best constant answer"))
        rows.append(("measured questions about clips", f"{own:.1%} right; constant {blind:.1%}", "≥ 85 %"))
    if "edits" in found:
        own = found["edits"][CHAT]
        figures = f"{own['both']:.0%}, the rest moved by {own['kept_m'] * 100:.1f} cm"
        rows.append(("edits asked of the chat: change made, rest kept", figures, "≥ 80 %"))
    if "paths" in found:
        figures = "; ".join(f"{who} {cells['r_precision_3']:.2f}" for who, cells in found["paths"].items())
        rows.append(("told by, R-precision top 3", figures, "signal tokens ≥ 0.9 × text encoder"))
    return rows


if __name__ == "__main__":
    main()
