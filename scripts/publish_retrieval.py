"""Make a model folder out of a training run of the retrieval model: weights, configuration and model card.

python scripts/publish_retrieval.py RUN_DIR CORPUS_DIR src/mllm_motion/weights/judge [--permissive]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from publish_model import corpus_card, known_captions

from mllm_motion.data.loader import is_permissive
from mllm_motion.data.shards import read_index
from mllm_motion.generation.embedding import embed_sentences
from mllm_motion.generation.familiarity import Familiarity
from mllm_motion.models.encoders.text import TextEncoder
from mllm_motion.models.retrieval import RetrievalConfig, load_retrieval
from mllm_motion.training.checkpoints import load_average
from mllm_motion.training.retrieval import export_retrieval

PURPOSE = {
    "judge": "It judges what generators make, and does nothing else: it never trained, reranked or chose a model.",
    "retrieval": "It searches and reranks clips and captions; its motion tower is that of the language model.",
}


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--permissive", action="store_true")
    parser.add_argument("--derived", action="store_true", help="the run had --derived")
    parser.add_argument("--batch-size", type=int, default=128, help="of the run, for the model card")
    options = parser.parse_args()
    rows = [r for r in read_index(options.corpus) if is_permissive(r) or not options.permissive]
    step, weights = load_average(options.run)
    config = RetrievalConfig(**json.loads((options.run / "config.json").read_text())["retrieval"])
    card = corpus_card(rows, options.corpus, options.permissive) | {"steps": step, "batch": options.batch_size}
    if not options.derived:
        card["corpus"] = card["corpus"].replace("copies derived from them", "their mirror images")
    if not options.permissive:
        card["use"] = "Non-commercial use only, since Bandai-Namco's clips are CC BY-NC 4.0."
    options.out.mkdir(parents=True, exist_ok=True)
    export_retrieval(options.out, weights, config, card)
    if options.out.name == "retrieval":
        sentences = known_captions(rows)
        vectors = embed_sentences(load_retrieval(options.out), TextEncoder(), sentences)
        Familiarity(sentences, vectors).save(options.out)
    size = sum(value.numel() for value in weights.values()) / 1e6
    purpose = PURPOSE.get(options.out.name, "")
    (options.out / "README.md").write_text(card_text(options.out.name, card, config, size, purpose), encoding="utf-8")


def card_text(name: str, card: dict, config: RetrievalConfig, size: float, purpose: str) -> str:
    """The model card."""
    sees = "joint positions and root velocities only" if config.view == "positions" else "all features"
    sources = "\n".join(f"| {s['name']} | {s['clips']} | {s['hours']} | {s['licence']} |" for s in card["sources"])
    return f"""# Model card: {name}

How well do a sentence and a motion fit: two transformer towers of {size:.1f} M weights together, trained by
contrast for {card["steps"]} steps of {card["batch"]} clips; the motion tower sees {sees}.
{purpose}
22 joints, 20 frames a second, up to 10 s at once, English. Learnt from {card["corpus"]}.

**Licence.** {card["licence"]}. {card["use"]}

| trained on | clips | hours | licence |
|---|---|---|---|
{sources}

Its scores are of this corpus and this model: they cannot be put beside published figures on HumanML3D.
"""


if __name__ == "__main__":
    main()
