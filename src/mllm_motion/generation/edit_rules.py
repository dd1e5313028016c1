"""The rules by which words ask for a change: patterns, and the edits they stand for.

They are tried in order; what one has taken is gone for the next. Most count only where no verb tells a motion of its
own ("jump twice" is one, "twice" asks for a change); comparisons ("walk slower") and "the other hand" always refer to
what was there before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mllm_motion.data.wording import with_article
from mllm_motion.data.wording_styles import STYLES
from mllm_motion.generation.clauses import NUMBERS
from mllm_motion.generation.edit_request import Edit
from mllm_motion.generation.verbs import find_verb

# Verbs by which people speak about a motion rather than tell one.
_EDITING = frozenset(
    "make do let have keep use switch change try swap play give cut hold stay repeat perform want need show "
    "bring".split()
)
_SOMEHOW = re.compile(r"\b(?:run|play|turn|flip|do|make|try|go|repeat|cut|slow|speed|loop) (?:it|that|this)\b")


@dataclass(frozen=True)
class Rule:
    """Words that ask for an edit.

    Attributes:
        pattern: what to look for.
        make: from the match and the whole text to operation and settings.
        alone: only where no verb tells a motion of its own.
    """

    pattern: re.Pattern[str]
    make: Callable[[re.Match[str], str], tuple[str, dict[str, Any]]]
    alone: bool = True


def matches(text: str, rules: tuple[Rule, ...]) -> list[Edit]:
    """The edits that `rules` find in `text`, at most one of a kind."""
    found: list[Edit] = []
    left = text
    for rule in rules:
        match = rule.pattern.search(left)
        if match is None or (rule.alone and _tells_motion(left[: match.start()] + left[match.end() :])):
            continue
        edit = Edit(*rule.make(match, text))
        if edit.op not in [known.op for known in found]:
            found.append(edit)
        left = left[: match.start()] + " " + left[match.end() :]
    return found


def _tells_motion(text: str) -> bool:
    verbs = map(find_verb, re.findall(r"[a-z-]+", _SOMEHOW.sub(" ", text)))
    return any(verb is not None and (verb.base not in _EDITING or verb.tense != "base") for verb in verbs)


def _number(text: str) -> float | None:
    """The first number in `text`, in digits or words."""
    match = re.search(rf"\b(\d+(?:\.\d+)?|{'|'.join(NUMBERS)})(?=\b|x)", text)
    return None if match is None else float(NUMBERS.get(match[1], match[1]))


def _seconds(text: str) -> float | None:
    match = re.search(rf"\b(\d+(?:\.\d+)?|{'|'.join(NUMBERS)})\s*(?:s|secs?|seconds?)\b", text)
    return _number(match[1]) if match else None


def _speed(op: str, usual: float, little: float, much: float) -> Callable[[re.Match[str], str], Any]:
    """How much slower or faster, as a factor of speed."""

    def make(match: re.Match[str], text: str) -> tuple[str, dict[str, Any]]:
        amount = usual
        if percent := re.search(r"(\d+) ?(?:%|percent)", text):
            amount = 1 + (1 if op == "faster" else -1) * float(percent[1]) / 100
        elif re.search(r"\b(?:half|twice|double|slow motion)\b", text):
            amount = 2.0 if op == "faster" else 0.5
        elif times := re.search(r"(\d+(?:\.\d+)?|\w+) ?(?:times|x) (?:as )?(?:fast|slow|quick)", text):
            number = _number(times[1]) or 2.0
            amount = number if op == "faster" else 1 / number
        elif re.search(r"\b(?:bit|little|slightly)\b", text):
            amount = little
        elif re.search(r"\b(?:much|lot|way)\b", text):
            amount = much
        low, high = (0.1, 1.0) if op == "slower" else (1.0, 10.0)
        return op, {"factor": min(max(amount, low), high)}

    return make


def _fixed(op: str, **settings: Any) -> Callable[[re.Match[str], str], Any]:
    return lambda match, text: (op, settings)


def _timed(op: str) -> Callable[[re.Match[str], str], Any]:
    def make(match: re.Match[str], text: str) -> tuple[str, dict[str, Any]]:
        seconds = _seconds(text)
        return op, {"seconds": seconds if seconds is not None and 0.5 <= seconds <= 600 else None}

    return make


def _side(match: re.Match[str], text: str) -> tuple[str, dict[str, Any]]:
    limb = match.groupdict().get("limb") or ""
    part = "leg" if limb in ("leg", "foot", "knee") else "arm" if limb else "way"
    return "mirror", {"side": match["side"], "part": part}


def _times(match: re.Match[str], text: str) -> tuple[str, dict[str, Any]]:
    times = 2 if re.search(r"\b(?:twice|once more|one more time)\b", text) else int(_number(text) or 2)
    return "repeat", {"times": min(max(times, 2), 50)}


def _turn(match: re.Match[str], text: str) -> tuple[str, dict[str, Any]]:
    degrees = min(_number(match.group()) or 180.0, 360.0)
    return "turn", {"degrees": -degrees if re.search(r"\bright\b|(?<!counter)clockwise", text) else degrees}


def _manner(match: re.Match[str], text: str) -> tuple[str, dict[str, Any]]:
    if adjective := match["adjective"] or match["more"]:
        return "restyle", {"words": f"in {with_article(adjective)} way"}
    return "restyle", {"words": re.sub(r"^(?:(?:but|and|more|do|make|it|that)\s+)+", "", match.group().strip())}


def _rule(pattern: str, make: Callable[[re.Match[str], str], Any], alone: bool = True) -> Rule:
    return Rule(re.compile(pattern), make, alone)


_ADJECTIVES = "|".join(sorted({re.escape(word) for style in STYLES.values() for word in style.adjectives}))
_MANNERS = "|".join(
    sorted({re.escape(word) for style in STYLES.values() for word in (*style.adverbs, *style.tails) if "$" not in word})
)
_LIMB = r"(?P<limb>hand|arm|leg|foot|knee)"
_THIS_ONE = r"(?:it|that|this|him|her|them|the (?:motion|clip|person|character|whole thing))"

HOLDING = (
    _rule(
        r"\b(?:hold|freeze|keep|stay|remain|pause|stop)\b.*\b(?:last|final|end|pose|like that|there at)\b|"
        r"\blet the end stand\b|\bfreeze\b|\b(?:last|final|end) pose (?:held|frozen)\b"
        r"|\bhold (?:it there|(?:it|that) for)\b",
        _timed("hold"),
    ),
)
RULES = (
    _rule(
        r"\bslower\b|\bmore slowly\b|\bslow (?:it |that |this )?down\b|\btoo (?:fast|quick)\b",
        _speed("slower", 0.7, 0.85, 0.5),
        False,
    ),
    _rule(
        r"\b(?:\w+ times |twice )as (?:fast|quick)\b|\b(?:\w+ times )?faster\b|\bquicker\b|\bmore quickly\b"
        r"|\bspeed (?:it |that |this )?up\b|\btoo slow\b",
        _speed("faster", 1.4, 1.2, 2.0),
        False,
    ),
    _rule(
        r"\bslow motion\b|\bhalf (?:the )?speed\b|\bnot so fast\b|\bless speed\b|\btake (?:more|your) time\b"
        r"|\btake it (?:easy|slow)\b|\bat a (?:slow|calmer) pace\b"
        r"|\b(?:reduce|lower|decrease|drop) the (?:speed|tempo|pace)\b|\bslow that down\b"
        r"|\b(?:bring|take) the (?:speed|tempo|pace) down\b|\b(?:speed|tempo|pace) is too high\b"
        r"|^(?:do (?:it|that) )?slowly$|\bthe same(?: thing)? but slow$",
        _speed("slower", 0.7, 0.85, 0.5),
    ),
    _rule(
        r"\b(?:double|twice) (?:the )?speed\b|\bmore speed\b|\bhurry up\b"
        r"|\bat a (?:fast|higher|quick|brisker) (?:pace|speed)\b|\b(?:increase|raise) the (?:speed|tempo|pace)\b"
        r"|\b(?:bring|take) the (?:speed|tempo|pace) up\b|\bpick up the pace\b"
        r"|\b(?:speed|tempo|pace) is too low\b|\bbe quick about it\b"
        r"|^(?:do (?:it|that) )?(?:quickly|fast)$|\bthe same(?: thing)? but (?:fast|quick)$",
        _speed("faster", 1.4, 1.2, 2.0),
    ),
    _rule(
        rf"\bturn(?:ed)? (?:{_THIS_ONE} )?(?:a)?round\b|\bfac(?:e|ing) (?:the other way|away|backwards?)\b"
        rf"|\b(?:rotated?|turn {_THIS_ONE}|rotate {_THIS_ONE}) (?:by )?\d+ ?(?:degrees|°)?"
        r"(?: (?:to the )?(?:left|right)| (?:counter)?clockwise)?",
        _turn,
    ),
    _rule(
        r"\bmirror\w*|\bflip(?:ped)? (?:it|that|this|left|the)\b|^flip(?:ped)?$|\breflect(?:ed)?\b"
        r"|\b(?:swap|exchange|switch|change) (?:left and right|(?:the )?(?:sides|hands|arms|legs|feet))\b"
        r"|\b(?:other|opposite|wrong) (?:hand|arm|leg|foot|side|way|direction)\b(?: (?:a)?round)?",
        _fixed("mirror"),
        False,
    ),
    _rule(rf"\b(?P<side>left|right) {_LIMB}\b", _side),
    _rule(r"\b(?:to (?:the |his |her |their )?|go |it )?(?P<side>left|right)\b(?: side| one)?", _side),
    _rule(
        r"\brevers(?:e|ed|ing)\b|\brewind\b|\bin reverse\b|\bfrom (?:the )?end to (?:the )?start\b"
        r"|\binvert the time\b|\bfrom back to front\b|\brewound\b|\bturn the time around\b",
        _fixed("reverse"),
    ),
    _rule(r"\bbackwards?\b", _fixed("reverse")),
    _rule(
        rf"(?:\bloop it )?\b(?:twice|once more|one more time|(?:\d+|{'|'.join(NUMBERS)}) ?(?:times|x))\b(?: in a row)?"
        r"|\brepeat(?:ed)?\b",
        _times,
    ),
    _rule(r"\bloop\w*|\bseamless\w*|\bendless\w*|\bforever\b", _fixed("loop")),
    _rule(r"\bfirst (?:half\b|.*\bsec)", _timed("cut")),
    _rule(
        r"(?<!be )(?<!no )\blonger\b|\blengthen\b|^extend(?: it| that)?\b|\btoo short\b|\bprolong\b", _timed("lengthen")
    ),
    _rule(
        r"\bshorter\b|\bshorten\b|\btoo long\b|\btrim\b|\bcrop\b|\bcut (?:it|that|the length)\b|\bonly\b.*\bsec"
        r"|\bseconds? long\b|\bkeep it (?:under|short)\b|\breduce (?:it to|the length)\b|\b(?:more|too) brief\b"
        r"|\b(?:at most|no(?:t be)? longer than|shouldn't be longer than|cut off everything after|stop after|fit into)"
        r"\b.*\bsec|\bsec\w* (?:are|is) enough\b",
        _timed("shorten"),
    ),
    _rule(r"\bin place\b|\bon the spot\b|\bwithout (?:travel\w*|going anywhere|moving away)\b", _fixed("in_place")),
    _rule(r"\b(?:bigger|larger|wider|deeper|higher|stronger)\b|\bexaggerat\w*", _fixed("bigger")),
    _rule(
        r"\b(?:smaller|subtler|narrower|gentler|more subtle)\b|\btone it down\b"
        r"|\bless (?:wide|exaggerated|pronounced)\b",
        _fixed("smaller"),
    ),
    _rule(
        rf"(?<!\w)(?:{_MANNERS})(?!\w)|\b(?:like|as if) .+|\bin an? [a-z-]+ (?:way|manner)\b"
        rf"|\bmore (?P<more>{_ADJECTIVES})\b"
        rf"|^(?:(?:but|more|very|do|make|it|that|him|her|them) )*(?P<adjective>{_ADJECTIVES})$"
        r"|^(?:(?:but|and|more|do|make|it|that) )*(?!only)[a-z]+ly$",
        _manner,
    ),
)
