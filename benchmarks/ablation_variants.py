"""The rows of benchmarks/ablations.md: what each variant changes, how it trains, and how it answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from mllm_motion.evaluation.answers import pipeline_generator
from mllm_motion.evaluation.behaviours import Generate
from mllm_motion.evaluation.mdm_baseline import mdm_generator
from mllm_motion.generation.chat import load_model
from mllm_motion.generation.pipeline import Pipeline, load
from mllm_motion.models.alignment import AlignmentConfig
from mllm_motion.models.fusion import FusionConfig
from mllm_motion.models.generator import TextCondition
from mllm_motion.models.multimodal import MotionLanguageModel
from mllm_motion.models.registry import CHAT, find_chat, find_model
from mllm_motion.training.alignment import AlignmentTraining, train_alignment
from mllm_motion.training.fusion import FusionTraining, train_fusion
from mllm_motion.training.generator import GeneratorTraining, train_generator
from mllm_motion.training.loop import LoopConfig
from mllm_motion.training.mdm import MdmTraining, train_mdm

FULL = "default"
_KEPT = ("signals-*", "conditions-*")


@dataclass(frozen=True)
class Variant:
    """One row.

    Attributes:
        says: what is different.
        train: (corpus, loop) -> model folder; None trains nothing.
        answer: model folder -> generator.
        needs: the variant whose weights it takes if it trains nothing of its own.
    """

    says: str
    train: Callable[[Path, LoopConfig], Path] | None
    answer: Callable[[Path], Generate]
    needs: str | None = None


def generator(**changes) -> Callable[[Path, LoopConfig], Path]:
    """Trains the generator with some settings changed."""
    return lambda corpus, loop: train_generator(GeneratorTraining(corpus=corpus, loop=loop, **changes))


def sampled(**options) -> Callable[[Path], Generate]:
    """Samples a trained generator with some options of `Pipeline.generate`."""
    return lambda folder: pipeline_generator(Pipeline(find_model(folder)), **options)


GENERATOR = {
    FULL: Variant("the generator as it is", generator(), sampled()),
    "pooled text": Variant("one sentence vector instead of the words", generator(text="pooled"), sampled()),
    "no derived clips": Variant("captured and mirrored clips only", generator(derived=False), sampled()),
    "no geometry losses": Variant("squared error of features only", generator(geometry=0.0), sampled()),
    "no guidance": Variant("the default's weights, guidance 1", None, sampled(guidance=1.0), FULL),
    "no clean-up": Variant("the default's weights, clips as sampled", None, sampled(raw=True), FULL),
    "mdm": Variant(
        "MDM: encoder, pooled text, 50 steps, clips as sampled",
        lambda corpus, loop: train_mdm(MdmTraining(corpus=corpus, loop=loop)),
        mdm_generator,
    ),
}


def alignment(signals: int = 0, words: float = 1.0, generation: float = 0.0) -> Callable[[Path, LoopConfig], Path]:
    """Trains MDA from nothing on the shipped language model, which stays as it is."""

    def train(corpus: Path, loop: LoopConfig) -> Path:
        shared = _share(loop.out)
        settings = AlignmentTraining(
            corpus=corpus,
            loop=_short(loop, learning_rate=1.5e-3),
            start=_untrained(loop.out),
            model=AlignmentConfig(signals=signals),
            freeze_language=True,
            captions=1,
            derived=False,
            words_weight=words,
            generation_weight=generation,
        )
        return _kept(train_alignment(settings), shared)

    return train


def fusion(experts: int = 8, top_k: int = 2, **changes) -> Callable[[Path, LoopConfig], Path]:
    """Trains FM from nothing behind the shipped MDA; the generator stays as it is, so that FM alone is compared."""

    def train(corpus: Path, loop: LoopConfig) -> Path:
        shared = _share(loop.out)
        settings = FusionTraining(
            corpus=corpus,
            loop=_short(loop, learning_rate=4e-4),
            start=find_chat(CHAT).folder,
            model=FusionConfig(experts=experts, top_k=top_k),
            freeze_generator=True,
            captions=1,
            derived=False,
            **changes,
        )
        return _kept(train_fusion(settings), shared)

    return train


def _short(loop: LoopConfig, learning_rate: float) -> LoopConfig:
    """With the usual warm-up and average a small budget would be over before the weights have moved."""
    return replace(loop, learning_rate=learning_rate, warmup=max(loop.steps // 10, 1), ema=0.98)


def _untrained(out: Path) -> Path:
    """The shipped model under the claim that no phase was through with it, so that every part begins anew."""
    folder = out / "start"
    shutil.copytree(find_chat(CHAT).folder, folder, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | {"trained": []}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _share(out: Path) -> Path:
    """Let `out` find what the language model said of all sentences, which is the same for all variants."""
    shared = out.parents[1] / "kept"
    shared.mkdir(parents=True, exist_ok=True)
    for folder in shared.iterdir():
        if not (out / folder.name).exists():
            (out / folder.name).symlink_to(folder.resolve())
    return shared


def _kept(out: Path, shared: Path) -> Path:
    for pattern in _KEPT:
        for folder in out.glob(pattern):
            if not folder.is_symlink():
                folder.rename(shared / folder.name)
    return out


def spoken(words: bool = False) -> Callable[[Path], Generate]:
    """Asks the shipped generator through a language model; with `words` the text encoder speaks too."""

    def answer(folder: Path) -> Generate:
        model = load_model(folder)

        def told(sentences: Sequence[str], text: TextCondition) -> TextCondition:
            return model.condition(_said(model, sentences), text if words else None).to(text.states.device)

        return pipeline_generator(load(FULL), as_one=True, condition=told)

    return answer


_SAID: dict[str, Tensor] = {}  # sentence -> states at its signal tokens


def _said(model: MotionLanguageModel, sentences: Sequence[str]) -> Tensor:
    """`model.signals`, each sentence once for all variants: their language model is the same."""
    new = [sentence for sentence in dict.fromkeys(sentences) if sentence not in _SAID]
    _SAID.update(zip(new, model.signals(new) if new else [], strict=True))
    return torch.stack([_SAID[sentence] for sentence in sentences])


MDA = {
    "text encoder": Variant("the words themselves, no language model", None, lambda _: _by_text()),
    **{
        f"{count} signal tokens": Variant(f"MDA reads the first {count} of 24", alignment(count), spoken())
        for count in (4, 8, 16)
    },
    "24 signal tokens": Variant("MDA by its distance to the text encoder alone", alignment(), spoken()),
    "MDA by both losses": Variant("with the loss through the generator", alignment(generation=0.3), spoken()),
    "MDA by generation alone": Variant("without the distance", alignment(words=0.0, generation=1.0), spoken()),
}
FM = {
    **{
        f"FM, {experts} experts, top {top_k}": Variant("words and signals, fused", fusion(experts, top_k), spoken(True))
        for experts in (1, 4, 8, 16)
        for top_k in (1, 2)
        if top_k <= experts
    },
    "FM without the out loss": Variant("8 experts, top 2", fusion(out_weight=0.0), spoken(True)),
}


def _by_text() -> Generate:
    return pipeline_generator(load(FULL), as_one=True)


GROUPS = {"generator": GENERATOR, "MDA": MDA, "FM": FM}
VARIANTS = GENERATOR | MDA | FM
