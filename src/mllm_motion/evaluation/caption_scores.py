"""How near captions come to reference captions in words: BLEU, ROUGE-L and CIDEr.

Tokenisation, of all three: lower case, words of letters, digits and apostrophes, no punctuation. Figures of other
tokenisations (such as PTB's) may not be put beside these.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from mllm_motion.errors import InvalidInputError

_CIDER_ORDERS, _CIDER_SPREAD = 4, 6.0
_ROUGE_BETA = 1.2


def words(text: str) -> list[str]:
    """The tokens of a caption."""
    return re.findall(r"[a-z0-9']+", text.lower())


def _grams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[at : at + order]) for at in range(len(tokens) - order + 1))


def _checked(captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[tuple[list[str], list[list[str]]]]:
    if len(captions) != len(references) or not captions or not all(references):
        raise InvalidInputError(
            f"every caption needs at least one reference; got {len(captions)} captions and {len(references)} lists"
        )
    return [(words(c), [words(r) for r in refs]) for c, refs in zip(captions, references, strict=True)]


def bleu(captions: Sequence[str], references: Sequence[Sequence[str]], order: int = 4) -> float:
    """Corpus BLEU up to n-grams of `order` (Papineni et al., ACL 2002), 0 to 1, not smoothed."""
    hits, made, length, wanted = np.zeros(order), np.zeros(order), 0, 0
    for said, refs in _checked(captions, references):
        length += len(said)
        wanted += min((abs(len(ref) - len(said)), len(ref)) for ref in refs)[1]
        for n in range(1, order + 1):
            most: Counter[tuple[str, ...]] = Counter()
            for ref in refs:
                most |= _grams(ref, n)
            own = _grams(said, n)
            hits[n - 1] += (own & most).total()
            made[n - 1] += own.total()
    if not hits.all():
        return 0.0
    return float(np.exp(min(1 - wanted / length, 0.0) + np.log(hits / made).mean()))


def rouge_l(captions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """(N,) ROUGE-L, the F-measure of the longest common subsequence with beta 1.2 (Lin, 2004), best reference."""
    return np.array([max(_rouge(said, ref) for ref in refs) for said, refs in _checked(captions, references)])


def _rouge(said: list[str], ref: list[str]) -> float:
    row = [0] * (len(ref) + 1)
    for token in said:
        before = row[:]
        for at, other in enumerate(ref, start=1):
            row[at] = before[at - 1] + 1 if token == other else max(before[at], row[at - 1])
    if not row[-1]:
        return 0.0
    precision, recall = row[-1] / len(said), row[-1] / len(ref)
    return (1 + _ROUGE_BETA**2) * precision * recall / (recall + _ROUGE_BETA**2 * precision)


def cider(captions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """(N,) CIDEr-D without its stemming (Vedantam et al., CVPR 2015, section 5), document frequencies of `references`.

    Ten times the mean over n-grams of 1 to 4 words of the clipped tf-idf cosine, with a Gaussian of the lengths'
    difference.
    """
    rows = _checked(captions, references)
    frequency: Counter[tuple[str, ...]] = Counter()
    for _, refs in rows:
        frequency.update({gram for ref in refs for n in range(1, _CIDER_ORDERS + 1) for gram in _grams(ref, n)})
    total = math.log(len(rows)) if len(rows) > 1 else 1.0

    def weighted(tokens: list[str], n: int) -> dict[tuple[str, ...], float]:
        return {gram: count * (total - math.log(max(frequency[gram], 1))) for gram, count in _grams(tokens, n).items()}

    def similar(said: list[str], ref: list[str], n: int) -> float:
        a, b = weighted(said, n), weighted(ref, n)
        size = math.sqrt(sum(v * v for v in a.values()) * sum(v * v for v in b.values()))
        inner = sum(min(a[gram], b[gram]) * b[gram] for gram in a.keys() & b.keys())
        return inner / size * math.exp(-((len(said) - len(ref)) ** 2) / (2 * _CIDER_SPREAD**2)) if size else 0.0

    orders = range(1, _CIDER_ORDERS + 1)
    return np.array(
        [10 * np.mean([np.mean([similar(said, ref, n) for ref in refs]) for n in orders]) for said, refs in rows]
    )
