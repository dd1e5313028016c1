"""What each embedding of a clip is to say before a language model hears it, in that model's own words.

In this order: answers to questions of data.questions; what the clip shows first and last; its action; how long, fast,
far, high and far round it goes; what the first and the second half of its captions are about; and all that may be
claimed of it at once.

Shapes: B clips, S embeddings a clip, H hidden size, A answers, R readings, V levels, C claims.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mllm_motion.data.instructions_clips import LONGEST_FRAMES, ClipLibrary, ClipPool
from mllm_motion.data.instructions_schema import Ref
from mllm_motion.data.questions import QUESTIONS, Seen, look, question_answer
from mllm_motion.data.questions_claims import CLAIMS
from mllm_motion.data.questions_events import EVENTS
from mllm_motion.data.questions_measures import LEVELS, level, yes_no
from mllm_motion.data.wording import inflect
from mllm_motion.models.multimodal import MotionLanguageModel

# About two things, or repeating what other questions ask; counted punches are too rare to learn.
_UNSAID = ("order", "yes_no", "comparison", "count punch")
_ENDS = {"seconds": ("short", "long"), "speed": ("slow", "fast"), "path": ("near", "far"), "rise": ("low", "high")}
_ENDS |= {"turned": ("straight", "around")}
# The amounts at the ends, those of a ratio on a logarithmic scale: two clips are then as far apart as they compare.
_SCALES = {"seconds": (1.0, 10.0), "speed": (0.3, 4.0), "path": (0.25, 8.0), "rise": (0.0, 0.5), "turned": (0.0, 360.0)}
_RATIOS = ("seconds", "speed", "path")
_ANGLES = {
    "45": "forty-five", "90": "ninety", "135": "one hundred thirty-five", "180": "one hundred eighty",
    "225": "two hundred twenty-five", "270": "two hundred seventy", "315": "three hundred fifteen",
    "360": "three hundred sixty",
}  # fmt: skip
"""Numbers are split into digits, and 135 has those of 315."""
_HALVES = 2
_SHARPNESS = 12.0
_REACH = 0.7  # cosine to the axis between the words of a level at which it is highest
_NEAR = 0.1  # a level this near on its scale counts as right
_HELD = 0.2  # cosine to the words of a claim above which it is made
_DERIVED = 0.25  # clips joined of two or repeated, as a share of the others
_REPEATED = "(?:jump|hop|squat|bow|kick_|raise_both|jumping_jacks)"


@dataclass(frozen=True)
class Reading:
    """What one embedding of a clip says: one of `answers`."""

    name: str
    answers: tuple[str, ...]
    of: Callable[[Seen], str | None]


def _event(place: int) -> Callable[[Seen], str | None]:
    """The first (0) or last (-1) of the things that a clip shows; None where it shows less than two."""

    def of(seen: Seen) -> str | None:
        names = sorted(seen.events, key=lambda name: seen.events[name])
        return names[place] if len(names) > 1 else None

    return of


def _answer(kind: str, about: str) -> Callable[[Seen], str | None]:
    return lambda seen: question_answer(seen, kind, about)


READINGS = [
    *(
        Reading(f"{kind} {about}".strip(), question.answers, _answer(kind, about))
        for kind, question in QUESTIONS.items()
        for about in question.abouts or ("",)
        if not {kind, f"{kind} {about}"}.intersection(_UNSAID)
    ),
    Reading("first event", tuple(EVENTS), _event(0)),
    Reading("last event", tuple(EVENTS), _event(-1)),
]
"""Those that are measured; the action, the levels, the captions and the claims come after them."""
EMBEDDINGS = len(READINGS) + 1 + len(LEVELS) + _HALVES + 1


@dataclass(frozen=True)
class _Read:
    """A clip with what was seen on it and what is said of it; the action is None where there are several."""

    ref: Ref
    seen: Seen
    action: str | None
    captions: list[str]


class Readings:
    """What the clips of one split say, some of them joined of two or repeated.

    Attributes:
        refs: of the clips.
        seen: what was seen on each.
        readings: the measured ones and the action.
        places: (clips, R) the place among a reading's answers, -1 where the answer is not clear.
        levels: (clips, V) the levels from 0 to 1, nan where there is none.
        claims: (clips, C) 1 where a claim holds, 0 where it fails, nan where it is not clear.
        captions: all captions of each clip.
    """

    def __init__(self, library: ClipLibrary, split: str, limit: int) -> None:
        actions = tuple(sorted({str(row["action"]) for row in library.rows.values() if row.get("action")}))
        self.readings = [*READINGS, Reading("action", actions, lambda seen: None)]
        rows = [row for row in library.rows.values() if row["split"] == split and row.get("action")]
        some = rows[:: max(len(rows) // limit, 1)]
        found = [_Read(Ref(row["id"]), library.seen(row), row["action"], list(row["texts"])) for row in some]
        found += _derived(ClipPool(library, [row for row in rows if row.get("texts")]), round(_DERIVED * len(some)))
        self.refs, self.captions = [read.ref for read in found], [read.captions for read in found]
        self.seen = [read.seen for read in found]
        self.places = torch.full((len(found), len(self.readings)), -1)
        for column, reading in enumerate(READINGS):
            place = {answer: at for at, answer in enumerate(reading.answers)}
            self.places[:, column] = torch.tensor([place.get(reading.of(read.seen), -1) for read in found])
        self.places[:, -1] = torch.tensor([-1 if r.action is None else actions.index(r.action) for r in found])
        self.levels = torch.tensor([[_share(r.seen, name) for name in LEVELS] for r in found]).reshape(-1, len(LEVELS))
        truth = {"yes": 1.0, "no": 0.0, None: float("nan")}
        claims = [[truth[yes_no(read.seen, claim)] for claim in CLAIMS] for read in found]
        self.claims = torch.tensor(claims).reshape(-1, len(CLAIMS))

    def chances(self) -> np.ndarray:
        """(clips,) how often to draw each: rare answers and rare actions come up more often than they are."""
        weight = np.zeros(len(self.refs))
        for column in self.places.T.tolist():
            counts = Counter(column)
            weight += [0.0 if place < 0 else counts[place] ** -0.5 for place in column]
        return weight / weight.sum()


def _derived(pool: ClipPool, count: int) -> list[_Read]:
    """Clips in which one thing follows another, and clips in which one thing is done several times."""
    rng, found = np.random.default_rng(0), list[_Read]()
    for number in range(count if pool.rows else 0):
        found += _joined(pool, rng) if number % 2 else _repeated(pool, rng)
    return found


def _joined(pool: ClipPool, rng: np.random.Generator) -> Iterator[_Read]:
    if (drawn := pool.sequence(rng)) and (edit := drawn[0].edit):
        first, then = (pool.library.rows[identity]["texts"] for identity in (drawn[0].clip, edit["clip"]))
        yield _Read(*drawn, None, [f"{a} {b}" for a, b in zip(first, then, strict=False)])


def _repeated(pool: ClipPool, rng: np.random.Generator) -> Iterator[_Read]:
    row, times = pool.draw(rng, _REPEATED), int(rng.integers(2, 7))
    if row and times * row["frames"] <= LONGEST_FRAMES:
        ref = Ref(row["id"], edit={"op": "repeat", "times": times})
        yield _Read(ref, look(pool.library.load(ref)), row["action"], list(row["texts"]))


def _share(seen: Seen, name: str) -> float:
    """A level from 0 to 1 on its scale, nan where there is none."""
    amount, (low, high) = level(seen, name), _SCALES[name]
    if amount is None:
        return float("nan")
    amount = min(max(amount, low), high)
    if name in _RATIOS:
        return float(np.log(amount / low) / np.log(high / low))
    return (amount - low) / (high - low)


class Targets(nn.Module):
    """The answers, levels and captions of `readings` as directions among a language model's input embeddings."""

    def __init__(self, model: MotionLanguageModel, readings: Readings) -> None:
        super().__init__()
        self._model, self._names = [model], [reading.name for reading in readings.readings]
        for at, reading in enumerate(readings.readings):
            self.register_buffer(f"words_{at}", torch.stack([self.word(_plain(a)) for a in reading.answers]))  # (A, H)
        ends = torch.stack([torch.stack([self.word(word) for word in _ENDS[name]]) for name in LEVELS])  # (V, 2, H)
        self.register_buffer("axes", F.normalize(ends[:, 1] - ends[:, 0], dim=-1))  # (V, H)
        claims = torch.stack([self.word(_bare(claim.phrase)) for claim in CLAIMS.values()])
        self.register_buffer("claimed", F.normalize(claims - claims.mean(0), dim=-1))  # (C, H)
        words = [set(word for text in texts for word in _words(text)) for texts in readings.captions]
        found = Counter(word for clip in words for word in clip)
        self._weight = {word: np.log(len(words) / count) for word, count in found.items()}
        self.register_buffer("usual", self._means(readings.captions).mean(0))  # (2, H)

    @cached_property
    def _table(self) -> Tensor:
        return self._model[0].language.model.get_input_embeddings().weight.detach().float()

    def word(self, text: str) -> Tensor:
        """(H,) the embedding of some words, that of a phrase their mean."""
        ids = self._model[0].language.tokenizer(" " + text, add_special_tokens=False)["input_ids"]
        return self._table[ids].mean(0)

    def topics(self, captions: Sequence[Sequence[str]]) -> Tensor:
        """The captions of clips -> (B, 2, H): what the words of their first and second halves have of their own."""
        return self._means(captions) - self.usual

    def _means(self, captions: Sequence[Sequence[str]]) -> Tensor:
        """(B, 2, H) mean words of the halves, rare ones most."""
        known: dict[str, Tensor] = {}
        rows = []
        for texts in captions:
            halves: list[Counter[str]] = [Counter() for _ in range(_HALVES)]
            for text in texts:
                words = [word for word in _words(text) if self._weight.get(word, 0) > 1]
                for place, word in enumerate(words):
                    halves[_HALVES * place // len(words)][word] += self._weight[word]
            row = []
            for half in halves:
                for word in half:
                    if word not in known:
                        known[word] = self.word(word)
                total = sum(half.values())
                row.append(sum((known[w] * (n / total) for w, n in half.items()), torch.zeros_like(self._table[0])))
            rows.append(torch.stack(row))
        return torch.stack(rows)

    def losses(
        self, said: Tensor, places: Tensor, levels: Tensor, claims: Tensor, topics: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Embeddings (B, S, H) and what they are to say -> loss, and what is right (B, S), nan where it is not clear.

        places (B, R), levels (B, V) and claims (B, C) are those of `Readings`, topics (B, 2, H) those of `topics`.
        """
        places, levels, claims, topics = (told.to(said.device) for told in (places, levels, claims, topics))
        total, right = said.new_zeros(()), torch.full((len(said), EMBEDDINGS), float("nan"), device=said.device)
        count = len(self._names)
        for at in range(count):
            clear = places[:, at] >= 0
            if not clear.any():
                continue
            words: Tensor = getattr(self, f"words_{at}")
            heard, wanted = said[clear, at], places[clear, at]
            # What all answers have in common tells none of them from the others.
            cosine = F.normalize(heard, dim=-1) @ F.normalize(words - words.mean(0), dim=-1).T
            near = F.cosine_similarity(heard, words[wanted], dim=-1)
            total = total + F.cross_entropy(_SHARPNESS * cosine, wanted) + 0.5 * (1 - near).mean()
            right[clear, at] = (cosine.argmax(-1) == wanted).float()
        ranged = slice(count, count + len(LEVELS))
        along = (F.normalize(said[:, ranged], dim=-1) * self.axes).sum(-1) / _REACH  # (B, V), -1 .. 1
        off = (along - (2 * levels - 1)) / 2
        clear = ~torch.isnan(levels)
        total = total + 20 * len(LEVELS) * off[clear].square().mean()
        right[:, ranged] = torch.where(clear, (off.abs() < _NEAR).float(), torch.nan)
        made = F.normalize(said[:, -1], dim=-1) @ self.claimed.T  # (B, C)
        surely = F.binary_cross_entropy_with_logits(_SHARPNESS * (made - _HELD), claims.nan_to_num(), reduction="none")
        # Most claims fail for most clips: those that hold weigh as much.
        for truth in (0.0, 1.0):
            if (claims == truth).any():
                total = total + 2 * surely[claims == truth].mean()
        as_told = torch.where(torch.isnan(claims), torch.nan, ((made > _HELD) == (claims == 1)).float())
        right[:, -1] = as_told.nanmean(1)
        for half in range(_HALVES):
            heard = F.normalize(said[:, count + len(LEVELS) + half], dim=-1)
            wanted = F.normalize(topics[:, half], dim=-1)
            # Clips of one batch that mean the same share the credit.
            alike = F.softmax(_SHARPNESS * wanted @ wanted.T, dim=-1)
            total = (
                total
                + F.cross_entropy(_SHARPNESS * heard @ wanted.T, alike)
                + 2 * (1 - (heard * wanted).sum(-1)).mean()
            )
            right[:, count + len(LEVELS) + half] = (heard * wanted).sum(-1).detach()
        return total / EMBEDDINGS, right

    @property
    def names(self) -> list[str]:
        """Of the embeddings, in order."""
        captions = (f"captions, half {half + 1} (cosine)" for half in range(_HALVES))
        return [*self._names, *(f"{name} (level)" for name in LEVELS), *captions, "claims"]


def _plain(answer: str) -> str:
    if answer in _ANGLES:
        return _ANGLES[answer]
    return _bare(EVENTS[answer][0]) if answer in EVENTS else answer.replace("_", " ")


def _bare(phrase: str) -> str:
    """A phrase of what "$p" does, without whose it is: "*raise $p left hand" -> "raise left hand"."""
    return inflect(phrase.replace("$p ", ""), "base")


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())
