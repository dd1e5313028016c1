"""Make the shipped multimodal language model out of a training run: its files with their card, and the model card.

python scripts/publish_chat.py RUN_DIR CORPUS_DIR src/mllm_motion/weights/chat
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from publish_model import corpus_card

from mllm_motion.data.shards import read_index
from mllm_motion.models.registry import ModelFiles, write_model

FILES = ("adapter.safetensors", "adapter.json")
LLM = "SmolLM2-135M-Instruct (Apache-2.0)"


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", required=True, help='for the model card, such as "700 of 16 conversations"')
    options = parser.parse_args()
    card = corpus_card(read_index(options.corpus), options.corpus, permissive=False)
    card |= {"steps": options.steps, "llm": LLM}
    options.out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(options.run / name, options.out / name)
    run = ModelFiles("run", options.run)
    config = run.config() | {"card": card}
    # Untrained fusion hands words on as they are: its weights need not be shipped.
    trained = {
        name: value
        for name, value in run.tensors().items()
        if "fusion" in config["trained"] or not name.startswith("fusion.")
    }
    write_model(options.out, trained, config)
    text = card_text(ModelFiles("chat", options.out), card, config["trained"])
    (options.out / "README.md").write_text(text, encoding="utf-8")


def card_text(files: ModelFiles, card: dict, trained: list[str]) -> str:
    """The model card."""
    size = sum(tensor.numel() for tensor in files.tensors().values()) / 1e6
    sources = "\n".join(f"| {s['name']} | {s['clips']} | {s['hours']} | {s['licence']} |" for s in card["sources"])
    return f"""# Model card: {files.name}

A language model that reads 3D human motion, answers in words, and decides to move: LoRA adapters and signal tokens for
{card["llm"]}, a motion encoder, its input projection, the comparison of two clips, the alignment (MDA) and the fusion
(FM), {size:.0f} M weights beside the adapters; phases trained: {", ".join(trained)} ({card["steps"]}).
English. Learnt from conversations made of {card["corpus"]}; no person wrote or reviewed them.

**Licence.** {card["licence"]}. {card["use"]}

| trained on | clips | hours | licence |
|---|---|---|---|
{sources}

**Knows.** Requests for motion, changes of a motion, captions, and questions about hands, legs, direction, turns,
counts, speed and order, and which of two clips is faster, longer or goes farther, as far as they can be measured on
joints.

**Does not know.** Facts about the world: it is a language model of 135 M weights. Hands and faces, objects, other
people. It can be wrong about what a clip shows; `mllm-motion evaluate chat` says how often.

Figures: README.md of the project; how it was trained and what was tried: docs/log.md.
"""


if __name__ == "__main__":
    main()
