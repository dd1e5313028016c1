"""`mllm-motion evaluate chat`: what a language model decides, says, answers, changes and tells the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mllm_motion import __version__
from mllm_motion.data.instructions_clips import ClipLibrary, ClipPool
from mllm_motion.data.instructions_comparisons import comparison
from mllm_motion.data.instructions_decisions import decision_requests
from mllm_motion.data.instructions_edits import edit
from mllm_motion.data.instructions_motion import text_to_motion
from mllm_motion.data.instructions_questions import question
from mllm_motion.data.instructions_schema import Ref, Sample, chat_messages
from mllm_motion.data.instructions_words import Book
from mllm_motion.data.questions import QUESTIONS, chance, is_right
from mllm_motion.errors import InvalidInputError
from mllm_motion.evaluation.answers import TRUTH, Answer, pipeline_generator
from mllm_motion.evaluation.behaviours import Generate
from mllm_motion.evaluation.edit_checks import distance_kept_m, edit_holds
from mllm_motion.evaluation.held_out import HeldOut, read_held_out
from mllm_motion.evaluation.language_captions import captions
from mllm_motion.evaluation.report import Cell, Metric, Report, Section
from mllm_motion.evaluation.retrieval import pool_size, r_precision
from mllm_motion.evaluation.section_retrieval import retrieval
from mllm_motion.evaluation.sets import Sets
from mllm_motion.evaluation.settings import LANGUAGE_SECTIONS, EvaluationConfig
from mllm_motion.evaluation.spaces import Space, judge_space
from mllm_motion.generation.chat import Chat, load_model, signal_condition
from mllm_motion.generation.edit_words import edits_from_words
from mllm_motion.generation.parts import MotionPart
from mllm_motion.generation.pipeline import Pipeline, load
from mllm_motion.models.encoders.text import TextEncoder
from mllm_motion.models.language import Message, clips_shown
from mllm_motion.models.multimodal import MotionLanguageModel
from mllm_motion.models.registry import find_model
from mllm_motion.models.speaking import Said, reply_to_all
from mllm_motion.motion.clip import Motion

REQUESTS, QUESTIONS_ASKED, COMPARED, EDITS, REQUESTED = 500, 400, 60, 100, 256
MIN_REQUESTS = 3  # so that the top three of a pool are a choice
STAYED_M = 0.1
"""What an edit should have left alone may move so far on average."""
ALWAYS = "best constant answer"
_NOTHING = "No clip of the split can be asked about: they need captions and actions, as `prepare corpus` gives them."
_AT_ONCE = 16
_TRIES = 20


@dataclass(frozen=True)
class Asked:
    """What all sections of a language model share."""

    name: str
    model: MotionLanguageModel
    settings: EvaluationConfig
    held_out: HeldOut
    library: ClipLibrary
    space: Space
    on_progress: Callable[[str], None]

    @property
    def pool(self) -> ClipPool:
        """The captioned clips of the split, derived ones too."""
        rows = [row for row in self.library.rows.values() if row["split"] == self.settings.split]
        return ClipPool(self.library, [row for row in rows if row.get("texts") and row.get("action")])

    def made(self, maker: Callable[..., Sample | None], count: int, salt: int) -> list[Sample]:
        """`count` samples in the wordings held out; fewer where the clips yield no more."""
        pool, book = self.pool, Book(held_out=True)
        found = (maker(pool, book, np.random.default_rng([self.settings.seed, salt, n])) for n in range(_TRIES * count))
        usable = (sample for sample in found if sample is not None)
        return [sample for sample, _ in zip(usable, range(count), strict=False)]

    def replies(
        self, conversations: Sequence[Sequence[Message]], clips: Sequence[Sequence[Motion]], **options: object
    ) -> list[Said]:
        """The model's reply to each conversation, the clips of its user shown."""
        return replies(self.model, conversations, clips, **options)


def replies(
    model: MotionLanguageModel,
    conversations: Sequence[Sequence[Message]],
    clips: Sequence[Sequence[Motion]],
    **options: object,
) -> list[Said]:
    """The reply to each conversation, with the clips that its slots stand for; those of like length go together."""
    lengths = [sum(len(message["content"]) for message in conversation) for conversation in conversations]
    order, said = sorted(range(len(conversations)), key=lambda k: lengths[k]), {}
    for at in range(0, len(order), _AT_ONCE):
        part = order[at : at + _AT_ONCE]
        asked, shown = [conversations[k] for k in part], [clip for k in part for clip in clips[k]]
        with torch.no_grad():
            motion = model.project(shown, clips_shown(asked)) if shown else None
        found = reply_to_all(model.language, asked, motion, **options)
        said |= dict(zip(part, found, strict=True))
    return [said[k] for k in range(len(conversations))]


def evaluate_language(
    name: str | Path, settings: EvaluationConfig, on_progress: Callable[[str], None] = lambda step: None
) -> Report:
    """The report of a multimodal language model; it needs a prepared corpus.

    Raises:
        InvalidInputError: no corpus is given, it has no captioned clips in the split, or a section is asked for that a
            language model has not.
    """
    if settings.data is None:
        raise InvalidInputError("a language model is measured on clips: give a prepared corpus with --data DIR")
    if foreign := [part for part in settings.only if part not in LANGUAGE_SECTIONS]:
        raise InvalidInputError(
            f"{', '.join(foreign)} cannot be measured on a language model; known: {', '.join(LANGUAGE_SECTIONS)}"
        )
    held_out = read_held_out(settings.data, settings.split, settings.limit)
    encoder = TextEncoder()
    asked = Asked(
        find_model(name).name,
        load_model(name),
        settings,
        held_out,
        ClipLibrary(settings.data),
        judge_space(settings.judge, encoder),
        on_progress,
    )
    parts: dict[str, Callable[[], Section]] = {
        "paths": lambda: paths(asked, load("default"), name),
        "requests": lambda: requests(asked, load("default"), name),
        "decisions": lambda: decisions(asked),
        "captions": lambda: captions(asked, encoder),
        "questions": lambda: questions(asked),
        "edits": lambda: edits(asked, load("default")),
    }
    sections = [parts[part]() for part in LANGUAGE_SECTIONS if not settings.only or part in settings.only]
    about = {
        "version": __version__,
        "model": asked.name,
        "corpus": settings.data.resolve().name,
        "split": settings.split,
        "clips": len(held_out.ids),
        "left_out": held_out.left_out,
        "sample": held_out.fingerprint(),
        "repeats": settings.repeats,
        "seed": settings.seed,
        "judges": [asked.space.title],
    }
    note = "Requests and questions are in wordings that training never sees, about clips that it never sees."
    return Report(about, tuple(sections), (note,))


def paths(asked: Asked, pipe: Pipeline, weights: str | Path) -> Section:
    """The same captions told by the text encoder, by the signal tokens alone, and by both through fusion."""
    rows = {who: Answer(generate) for who, generate in _ways(pipe, weights).items()}
    [section] = retrieval(Sets(asked.held_out, rows, asked.settings, [asked.space], asked.on_progress))
    return replace(
        section, name="paths", title=f"What tells the generator {pipe.name!r}, judged by {asked.space.title}"
    )


def _ways(pipe: Pipeline, weights: str | Path) -> dict[str, Generate]:
    """Who can tell the generator what to make."""
    return {
        "text encoder": pipeline_generator(pipe, as_one=True),
        "signal tokens alone": pipeline_generator(pipe, as_one=True, condition=signal_condition(weights)),
        "both, fused": pipeline_generator(pipe, as_one=True, condition=signal_condition(weights, fused=True)),
    }


def requests(asked: Asked, pipe: Pipeline, weights: str | Path) -> Section:
    """The same for whole requests ("For the intro I want a man who …"), judged by the captions they are made of."""
    samples = {s.output_motion[0].clip: s for s in asked.made(text_to_motion, REQUESTED, 4) if s.expects == "motion"}
    rows: dict[str, dict[str, Cell]] = {}
    if len(samples) > MIN_REQUESTS:
        asked.on_progress(f"{len(samples)} requests")
        truth = [asked.library.load(Ref(clip)) for clip in samples]
        texts = asked.space.texts([sample.output_motion[0].text for sample in samples.values()])
        words = [" ".join(sample.turns[-2].value.split()) for sample in samples.values()]
        given = words, [max(motion.seconds, 1.0) for motion in truth], list(range(len(words)))
        made = {TRUTH: truth} | {who: make(*given) for who, make in _ways(pipe, weights).items()}
        for who, clips in made.items():
            found = r_precision(texts, asked.space.motions(clips), seed=asked.settings.seed)
            rows[who] = {f"precision_{k}": Cell(float(found[k - 1])) for k in (1, 2, 3)}
    metrics = tuple(Metric(f"precision_{k}", f"R-precision, top {k}", "higher") for k in (1, 2, 3)) if rows else ()
    note = f"{len(samples)} requests in wordings that training never sees, pools of {pool_size(len(samples))}."
    title = "What tells the generator of a request"
    return Section("requests", title, "clips", metrics, rows, (note if rows else _NOTHING,))


def decisions(asked: Asked) -> Section:
    """Whether words, motion or both answer a request."""
    samples = decision_requests(asked.settings.seed, REQUESTS)
    asked.on_progress(f"{len(samples)} decisions")
    any_clip = list(asked.held_out.truth.values())
    shown = [[any_clip[(n + k) % len(any_clip)] for k in range(len(s.input_motion))] for n, s in enumerate(samples)]
    # A request after a motion of the model's own needs no clip: its signal tokens stand in the conversation.
    found = [
        "words" if not said.signals else "both" if said.text else "motion"
        for said in asked.replies(_turns(samples), shown)
    ]
    moves = {"words": False, "motion": True, "both": True}
    wanted = [str(sample.expects) for sample in samples]
    constant = max(set(wanted), key=wanted.count)
    rows = {}
    for who, decided in ((asked.name, found), (ALWAYS, [constant] * len(wanted))):
        right = [moves[a] == moves[b] for a, b in zip(decided, wanted, strict=True)]
        rows[who] = {
            "right": Cell.of(np.array(right, float)),
            "exact": Cell.of(np.array([a == b for a, b in zip(decided, wanted, strict=True)], float)),
        }
        for kind in sorted(set(wanted)):
            rows[who][kind] = Cell.of(np.array([r for r, w in zip(right, wanted, strict=True) if w == kind], float))
    metrics = (
        Metric("right", "moves or not, right, %", "higher", 100, 1),
        Metric("exact", "words, motion or both, right, %", "higher", 100, 1),
        *(Metric(kind, f"{kind} asked for, right, %", "higher", 100, 1) for kind in ("words", "motion", "both")),
    )
    wrong = [
        f"“{_last(sample)}” ({want})"
        for sample, want, r in zip(samples, wanted, found, strict=True)
        if moves[want] != moves[r]
    ]
    notes = [f"{len(samples)} requests.", *([f"Wrong: {'; '.join(wrong[:8])}."] if wrong else [])]
    return Section("decisions", "Words or motion", "requests", metrics, rows, tuple(notes))


def _turns(samples: Sequence[Sample]) -> list[list[Message]]:
    """What was said before the reply that counts."""
    return [chat_messages(sample)[:-1] for sample in samples]


def _last(sample: Sample) -> str:
    return " ".join(sample.turns[-2].value.replace("<motion>", "").split())[:80]


def questions(asked: Asked) -> Section:
    """Questions whose answers are measured on the clips, one column for each kind."""
    samples = asked.made(question, QUESTIONS_ASKED, 1) + asked.made(_compared, COMPARED, 2)
    if not samples:
        return Section("questions", "Questions with measured answers", "questions", (), {}, (_NOTHING,))
    asked.on_progress(f"{len(samples)} questions")
    clips = [[asked.library.load(ref) for ref in sample.input_motion] for sample in samples]
    said = asked.replies(_turns(samples), clips, kinds=(), max_tokens=48)
    right: dict[str, list[float]] = {kind: [] for kind in QUESTIONS}
    expected: dict[str, list[str]] = {kind: [] for kind in QUESTIONS}
    for sample, reply in zip(samples, said, strict=True):
        q = sample.question or {}
        right[q["kind"]].append(float(is_right(q["kind"], q["answer"], reply.text, q["about"])))
        expected[q["kind"]].append(q["answer"])
    there = [kind for kind in QUESTIONS if right[kind]]
    own = {kind: Cell.of(right[kind]) for kind in there}
    blind = {kind: Cell(chance(kind, expected[kind])) for kind in there}
    everything = [value for kind in there for value in right[kind]]
    mean_blind = float(np.average([blind[kind].mean for kind in there], weights=[len(right[kind]) for kind in there]))
    rows = {asked.name: {"all": Cell.of(everything)} | own, ALWAYS: {"all": Cell(mean_blind)} | blind}
    metrics = (
        Metric("all", "all, right, %", "higher", 100, 1),
        *(Metric(kind, f"{kind.replace('_', ' ')} ({len(right[kind])}), %", "higher", 100, 1) for kind in there),
    )
    note = "Counts may be off by one, angles by less than 45 degrees. Every answer is asked for about as often."
    return Section("questions", "Questions with measured answers", "questions", metrics, rows, (note,))


def _compared(pool: ClipPool, book: Book, rng: np.random.Generator) -> Sample | None:
    sample = comparison(pool, book, rng)
    return sample if sample is not None and sample.question else None


def edits(asked: Asked, pipe: Pipeline) -> Section:
    """Requests to change the clip shown: is that change made, and does the rest stay?"""
    samples = asked.made(lambda *given: _of_shown(edit(*given)), EDITS, 3)
    if not samples:
        return Section("edits", "Edits", "edits", (), {}, (_NOTHING,))
    asked.on_progress(f"{len(samples)} edits")
    rows: dict[str, list[float]] = {name: [] for name in ("moved", "holds", "both", "kept_m")}
    by_op: dict[str, list[float]] = {}
    for sample in samples:
        before = asked.library.load(sample.input_motion[0])
        holds, kept = _edited(Chat(pipe, asked.model), sample, before)
        done = holds is True and kept <= STAYED_M
        rows["moved"].append(float(holds is not None))
        rows["holds"].append(float(holds is True))
        rows["both"].append(float(done))
        if holds is True:
            rows["kept_m"].append(kept)
        by_op.setdefault(str((sample.edit or {})["op"]), []).append(float(done))
    metrics = (
        Metric("both", "change made and rest kept, %", "higher", 100, 1),
        Metric("holds", "change made, %", "higher", 100, 1),
        Metric("moved", "answered by a motion, %", "higher", 100, 1),
        Metric("kept_m", "rest moved by, cm", "lower", 100, 1),
    )
    told = ", ".join(f"{op.replace('_', ' ')} {np.mean(done):.0%} of {len(done)}" for op, done in sorted(by_op.items()))
    notes = (
        f"{len(samples)} edits; the rest is kept where it moves by at most {100 * STAYED_M:.0f} cm on average.",
        f"{told}.",
    )
    own = {name: Cell.of(values) for name, values in rows.items() if values}
    return Section("edits", "Edits", "edits", metrics, {asked.name: own}, notes)


def _of_shown(sample: Sample | None) -> Sample | None:
    return sample if sample is not None and sample.input_motion else None


def _edited(chat: Chat, sample: Sample, before: Motion) -> tuple[bool | None, float]:
    """Whether the change asked for holds (None: no motion came), and how far the rest was moved."""
    words = sample.turns[-2].value.replace("<motion>", "").strip()
    parts: Iterator[MotionPart] = (part for part in chat.send(words, before) if isinstance(part, MotionPart))
    made = next(parts, None)
    if made is None:
        return None, 0.0
    understood = edits_from_words(" ".join(words.split()))
    if [change.op for change in understood] != [(sample.edit or {})["op"]]:
        return False, 0.0
    return edit_holds(before, made.motion, understood[0]), distance_kept_m(before, made.motion, understood[0])
