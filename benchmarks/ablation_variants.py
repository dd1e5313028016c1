"""The rows of benchmarks/ablations.md: what each variant changes, how it trains, and how it answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mllm_motion.evaluation.answers import pipeline_generator
from mllm_motion.evaluation.behaviours import Generate
from mllm_motion.evaluation.mdm_baseline import mdm_generator
from mllm_motion.generation.chat import signal_condition
from mllm_motion.generation.pipeline import Pipeline, load
from mllm_motion.models.alignment import AlignmentConfig
from mllm_motion.models.fusion import FusionConfig
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


def alignment(signals: int = 0, **changes) -> Callable[[Path, LoopConfig], Path]:
    """Trains MDA from nothing on the shipped language model, which stays as it is."""

    def train(corpus: Path, loop: LoopConfig) -> Path:
        shared = _share(loop.out)
        settings = AlignmentTraining(
            corpus=corpus,
            loop=loop,
            start=_untrained(loop.out),
            model=AlignmentConfig(signals=signals),
            freeze_language=True,
            captions=1,
            derived=False,
            **changes,
        )
        return _kept(train_alignment(settings), shared)

    return train


def fusion(experts: int = 8, top_k: int = 2, **changes) -> Callable[[Path, LoopConfig], Path]:
    """Trains FM from nothing behind the shipped MDA; the generator stays as it is, so that FM alone is compared."""

    def train(corpus: Path, loop: LoopConfig) -> Path:
        shared = _share(loop.out)
        model = FusionConfig(experts=experts, top_k=top_k)
        start = find_chat(CHAT).folder
        settings = FusionTraining(
            corpus=corpus, loop=loop, start=start, model=model, freeze_generator=True, captions=1, **changes
        )
        return _kept(train_fusion(settings), shared)

    return train


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
        return pipeline_generator(load(FULL), as_one=True, condition=signal_condition(folder, fused=words))

    return answer


LANGUAGE = {
    "text encoder": Variant("the words themselves, no language model", None, lambda _: _by_text()),
    **{
        f"{count} signal tokens": Variant(f"MDA reads the first {count} of 24", alignment(count), spoken())
        for count in (4, 8, 16)
    },
    "24 signal tokens": Variant("MDA as it is", alignment(), spoken()),
    "MDA by words alone": Variant("no loss through the generator", alignment(generation_weight=0.0), spoken()),
    "MDA by generation alone": Variant(
        "no distance to the text encoder", alignment(words_weight=0.0, generation_weight=1.0), spoken()
    ),
    **{
        f"FM, {experts} experts, top {top_k}": Variant(
            "words and signals, fused", fusion(experts, top_k), spoken(words=True)
        )
        for experts in (1, 4, 8, 16)
        for top_k in (1, 2)
        if top_k <= experts
    },
    "FM without the out loss": Variant("8 experts, top 2", fusion(out_weight=0.0), spoken(words=True)),
}


def _by_text() -> Generate:
    return pipeline_generator(load(FULL), as_one=True)


GROUPS = {"generator": GENERATOR, "language": LANGUAGE}
VARIANTS = GENERATOR | LANGUAGE
