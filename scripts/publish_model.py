"""Make a model folder out of a training run: weights, configuration, known captions and model card.

    python scripts/publish_model.py RUN_DIR CORPUS_DIR src/mllm_motion/weights/default [--permissive]

The known captions are sentences of the captioner, thinned to those that differ; captions people wrote are left out.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from mllm_motion.data.corpus import corpus_licences
from mllm_motion.data.loader import is_permissive
from mllm_motion.data.shards import read_index
from mllm_motion.generation.familiarity import Familiarity
from mllm_motion.generation.pipeline import DEFAULTS
from mllm_motion.models.encoders.text import TextEncoder
from mllm_motion.models.generator import GeneratorConfig
from mllm_motion.training.checkpoints import load_average
from mllm_motion.training.generator import export_generator

CAPTIONS = 4000

LICENCE = {True: "CC BY-SA 3.0 (HDM05's share-alike; all other sources are freer)", False: "CC BY-NC 4.0"}
USE = {
    True: "Any use, also commercial; name HDM05 (Müller et al. 2007) and mocap.cs.cmu.edu (NSF EIA-0196217).",
    False: "Non-commercial use only, since Bandai-Namco's clips are CC BY-NC 4.0; otherwise take --model permissive.",
}


def known_captions(rows: list[dict]) -> list[str]:
    """Up to CAPTIONS sentences, each action in turn."""
    written = {text for row in rows for text in row.get("human_texts", [])}
    by_action: dict[str, dict[str, None]] = {}
    for row in rows:
        if row["split"] == "train":
            texts = by_action.setdefault(row.get("action", ""), {})
            texts |= dict.fromkeys(text for text in row["texts"] if text not in written)
    chosen: dict[str, None] = {}
    queues = [list(texts) for texts in by_action.values()]
    for turn in range(max(map(len, queues))):
        for queue in queues:
            if turn < len(queue) and len(chosen) < CAPTIONS:
                chosen[queue[turn]] = None
    return list(chosen)


def corpus_card(rows: list[dict], corpus: Path, permissive: bool) -> dict:
    """What a model that learnt from `rows` may be used for, and what it has seen."""
    own = [r for r in rows if not r["mirrored"] and not r.get("augment")]
    licences = corpus_licences(corpus)
    sources = [
        {
            "name": source,
            "clips": sum(r["source"] == source for r in own),
            "hours": round(sum(r["frames"] / r["fps"] for r in own if r["source"] == source) / 3600, 2),
            "licence": licences[source],
        }
        for source in sorted({r["source"] for r in own})
    ]
    actions = [name for name, _ in Counter(r["action"] for r in own if r.get("action")).most_common()]
    sentences = len({text for row in rows for text in row["texts"]})
    return {
        "licence": LICENCE[permissive],
        "use": USE[permissive],
        "corpus": f"{len(own)} captured clips, {sum(s['hours'] for s in sources):.1f} h, and copies derived from them",
        "vocabulary": f"{sentences} sentences about {len(actions)} actions: " + ", ".join(actions).replace("_", " "),
        "sources": sources,
    }


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--permissive", action="store_true")
    parser.add_argument(
        "--sampling", type=json.loads, default={}, help="JSON of sampling defaults, as in pipeline.DEFAULTS"
    )
    options = parser.parse_args()
    rows = [r for r in read_index(options.corpus) if is_permissive(r) or not options.permissive]
    step, weights = load_average(options.run)
    card = corpus_card(rows, options.corpus, options.permissive) | {"steps": step}
    options.out.mkdir(parents=True, exist_ok=True)
    export_generator(options.out, weights, GeneratorConfig(), card)
    config_path = options.out / "config.json"
    config = json.loads(config_path.read_text()) | {"sampling": DEFAULTS | options.sampling}
    config_path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    sentences = known_captions(rows)
    Familiarity(sentences, TextEncoder().encode(sentences).pooled.numpy()).save(options.out)
    (options.out / "README.md").write_text(card_text(options.out.name, card, weights), encoding="utf-8")


def card_text(name: str, card: dict, weights: dict) -> str:
    """The model card."""
    size = sum(int(np.prod(value.shape)) for value in weights.values()) / 1e6
    sources = "\n".join(f"| {s['name']} | {s['clips']} | {s['hours']} | {s['licence']} |" for s in card["sources"])
    return f"""# Model card: {name}

Words to 3D human motion: a rectified-flow transformer of {size:.1f} M weights, {card["steps"]} steps of 64 clips.
22 joints, 20 frames a second, English. Learnt from {card["corpus"]}.

**Licence.** {card["licence"]}. {card["use"]}

| trained on | clips | hours | licence |
|---|---|---|---|
{sources}

**Knows.** {card["vocabulary"]}.

**Does not know.** Hands and faces, objects, other people, stairs and furniture (a chair is mimed on flat ground), and
whatever is not in the list above: then it says so and names the nearest captions it knows. The people captured were
few, healthy and adult; the motion of children, old or disabled people is acted, not captured.

Figures: README.md of the project; how it was trained and what was tried: docs/log.md.
"""


if __name__ == "__main__":
    main()
