"""Finds the changes to a motion that words ask for: "a bit slower, with the other hand" -> two edits.

Something added ("then sit down", "add a wave") is told in clauses of its own; everything else is found by rules. Words
that tell a new motion ("a person walks slowly") ask for no change.
"""

from __future__ import annotations

import re

from mllm_motion.data.wording import gerund
from mllm_motion.generation.clauses import has_person, sentence, split_clauses
from mllm_motion.generation.edit_request import Edit
from mllm_motion.generation.edit_rules import HOLDING, RULES, matches
from mllm_motion.generation.verbs import find_verb

_MOST_WORDS = 30
_FILLERS = re.compile(
    r"\b(?:please|(?:can|could|would) you(?: mind)?|ok|okay|hey|instead|this time|(?:how|what) about)\b,?"
    r"|^why [^?]*\?|^(?:i'd like|i would like|i want|what does it look like)\b(?: to (?:see|have)\b)?"
)
_GERUND = re.compile(r"^(?:slow|speed|mak|repeat|add|hold|play|turn|shorten|mirror|flip|revers|do)ing\b")

_DONE = r"(?:(?:that|this|it)(?: is done)?|done)"
_THEN_FIRST = re.compile(
    r"^(?:(?:keep|leave) (?:that|it),?\s*)?(?:and\s+|now\s+)*(?:then|next|afterwards?|finally|at the end"
    rf"|(?:after|when|once) {_DONE}|followed by|continue(?: by| with)?|(?:finish|end)(?: it)? (?:by|with)"
    r"|let it end with|append|tack on|(?:the motion should |let it )?go on with)\b[,:]?\s*(?P<what>.+)$"
)
_THEN_LAST = re.compile(
    r"^(?:and |now )?(?:add |append )?(?P<what>.+?),? (?:at the end|after (?:that|it|this)|afterwards)$"
)
_WITH_FIRST = re.compile(
    r"^(?:but\s+|and\s+|the same(?: thing)?,?\s+|same(?: thing)?,?\s+|(?:do|make) (?:it|that) )*"
    r"(?:while|also|meanwhile|simultaneously|at the same time|on top of that|combine (?:it|that) with"
    r"|now with (?:him|her|them))\b,?\s*(?P<what>.+)$"
)
_WITH_LAST = re.compile(
    r"^(?=(?:and|add|also|let|make|have|could|can|they|he|she|it)\b)(?:and |add )?(?P<what>.+?),?"
    r" (?:at the same time|meanwhile|simultaneously|while doing (?:it|that)|on the way)$"
)
_ALSO = re.compile(r"^(?P<what>(?:make|let|have) (?:him|her|them|it) also .+)$")
_DOING = re.compile(r"^do (?:it|that) (?P<what>[a-z-]+ing\b.*)$")
_ADD = re.compile(r"^(?:and |now |but )?(?:add|with|include)\s+(?P<what>.+)$")
_AFTER_ADD = re.compile(r"\b(?:to (?:it|that)|at the same time|also)\b")
_WHO_SHOULD = re.compile(
    r"^(?:(?:make|let|have) (?:him|her|them|it)|(?:he|she|they|it) should|(?:could|can) (?:he|she|they|it))"
    r"\s+(?:also\s+)?"
)
_A = re.compile(r"^(?:a|an|some|the)\s+(?:(?:little|small|big|quick|short|friendly|polite|deep)\s+)?")

_ARM_VERBS = frozenset(
    "wave raise lift clap point salute greet punch throw stretch reach cheer gesture signal shake swing put hold "
    "applaud celebrate flap scratch cross fold open give say box pump cast".split()
)
_LEG_WORDS = re.compile(r"\b(?:legs?|foot|feet|knees?)\b")


def edits_from_words(words: str) -> tuple[Edit, ...]:
    """The edits that `words` ask for; empty if they ask for none, as when they tell a new motion."""
    text = " ".join(_FILLERS.sub(" ", words.lower().replace("’", "'")).strip(" .!?,").split()).strip(" ,")
    text = _GERUND.sub(_base, text)
    if not text or len(text.split()) > _MOST_WORDS or has_person(text):
        return ()
    found = matches(text, HOLDING)
    if not found:
        added = _added(text)
        if added is not None:
            return (added,)
        found = matches(text, RULES)
    return tuple(found)


def _base(match: re.Match[str]) -> str:
    """ "would you mind slowing it down": the verb as in a plain request."""
    stem = match.group().removesuffix("ing")
    return stem + "e" if stem in ("mak", "revers") else stem


def _added(text: str) -> Edit | None:
    """What is to happen after the motion or at the same time."""
    for pattern in (_THEN_FIRST, _THEN_LAST):
        if match := pattern.match(text):
            prompt = _told(_AFTER_ADD.sub("", re.sub(r"(?:,? (?:at the end|after (?:that|it)))$", "", match["what"])))
            if prompt and not _asks_for_change(match["what"]):
                return Edit("then", {"prompt": prompt})
    for pattern in (_WITH_FIRST, _WITH_LAST, _ALSO, _DOING, _ADD):
        if match := pattern.match(text):
            prompt = _told(_AFTER_ADD.sub("", match["what"]))
            if prompt and not (pattern is _ADD and _asks_for_change(text)):
                return _at_once(prompt, pattern is _ADD)
    return None


def _told(words: str) -> str | None:
    """`words` as one or several sentences: "him sit down", "a wave", "waving"; None if they tell nothing."""
    words = _WHO_SHOULD.sub("", words.strip(" ,"))
    noun = _A.sub("", words)
    if noun != words and find_verb(noun.split()[0] if noun else ""):
        words = noun
    parts = split_clauses(words)
    if len(parts) > 1:
        return ", then ".join(text for text, _ in parts)
    return sentence(words)


def _at_once(prompt: str, added: bool) -> Edit:
    """A gesture of the arms over the motion; anything else is done afterwards (`added`) or told along with it."""
    verb = next(filter(None, map(find_verb, prompt.split()[2:])))
    if verb.base in _ARM_VERBS and not _LEG_WORDS.search(prompt):
        sides = [side for side in ("left", "right") if re.search(rf"\b{side}\b", prompt)]
        return Edit("with_gesture", {"prompt": prompt, "sides": sides if len(sides) == 1 else None})
    if added:
        return Edit("then", {"prompt": prompt})
    rest = prompt.split(verb.third(), 1)[-1]
    return Edit("restyle", {"words": f"while {gerund(verb.base)}{rest}"})


def _asks_for_change(words: str) -> bool:
    return bool(matches(words, RULES))
