"""Questions with answers measured on the clip, every answer about as often as every other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mllm_motion.data.instructions_clips import ClipPool, repeated
from mllm_motion.data.instructions_motion import dialogue, shown
from mllm_motion.data.instructions_schema import Ref, Sample, Turn
from mllm_motion.data.instructions_words import Book, asked_about
from mllm_motion.data.questions import QUESTIONS, Seen, look, question_answer
from mllm_motion.data.questions_claims import CLAIMS
from mllm_motion.data.questions_events import EVENTS
from mllm_motion.data.wording import Subject, inflect, pick, third_person

TRIES = 40
_OFTEN = {
    "hand": 5, "leg": 2, "direction": 3, "turn": 3, "turn_degrees": 1.5, "count": 3, "speed": 2.5, "gait": 1.5,
    "order": 2.5, "yes_no": 5,
}  # fmt: skip
# where to look for a clip that has a certain answer; "" is anywhere
_LIKELY: dict[tuple[str, str], str] = {
    ("hand", "raise"): "raise_|reach_up|wave_|greeting|then_raise",
    ("hand", "wave"): "wave_|while_wave|greeting",
    ("leg", "kick"): "kick_|then_kick|martial_arts",
    ("leg", "lift"): "leg_raise|hurdle|kick_|elbow_knee",
    ("direction", ""): "walk|run|sidestep|sneak|crawl",
    ("turn", ""): "turn_|circle_|walk|run",
    ("turn_degrees", ""): "turn_|circle_",
    ("speed", ""): "walk|run|sneak|turn_|circle_",
    ("gait", ""): "walk|run|turn_|circle_",
    ("count", "jump"): "jump|hop", ("count", "squat"): "squat", ("count", "bow"): "bow", ("count", "kick"): "kick_",
    ("count", "raise"): "raise_both|jumping_jacks", ("count", "punch"): "punch",
}  # fmt: skip
_COUNTED = {
    "jump": ("jump", "jump"), "squat": ("squat", "squat"), "bow": ("bow", "bow"), "kick": ("kick", "kick"),
    "raise": ("raise both hands", "arm raise"), "punch": ("punch", "punch"),
}  # fmt: skip
_TIMES = {
    1: ("once", "one"),
    2: ("twice", "two"),
    3: ("three times", "three"),
    4: ("four times", "four"),
    5: ("five times", "five"),
    6: ("six times", "six"),
}
_REPEAT_SHARE = 0.65
_MOST_MORE = 4
_USUAL, _USUAL_LEFT_OUT = ("none", "no", "1", "walk"), 0.65  # most clips do not do most things
_ORDER_AGAIN = 0.5  # few clips show one thing after another
LONGEST_REPEATED = 240
Answered = tuple[Ref, Seen, str]
"""The clip, what was seen on it, and the answer."""


def question(pool: ClipPool, book: Book, rng: np.random.Generator) -> Sample | None:
    """A question about one clip and its measured answer; every answer comes up about as often as every other."""
    kind = pick_kind(rng)
    asked = QUESTIONS[kind]
    about = pick(rng, asked.abouts) if asked.abouts else ""
    if kind == "order":
        return _order(pool, book, rng)
    find = _find if asked.within is None else _find_number
    found = find(pool, kind, about, pick(rng, asked.answers), rng)
    if found is None:
        return None
    ref, seen, answer = found
    subject = asked_about(rng)
    text = ask(kind, about, book, subject, rng)
    sample = asked_sample(kind, about, answer, text, told(kind, about, answer, seen, book, subject, rng), (ref,), rng)
    return _asked_on(sample, seen, book, rng)


def _asked_on(sample: Sample, seen: Seen, book: Book, rng: np.random.Generator) -> Sample:
    """`sample` and further questions about its clip: a conversation to learn from then holds several answers.

    One to be tested with stays as it is.
    """
    if book.held_out:
        return sample
    asked = {(sample.question["kind"], sample.question["about"])}
    wanted, names = int(rng.integers(_MOST_MORE + 1)), sorted(seen.events)
    for _ in range(6 * wanted):
        if len(asked) > wanted:
            break
        kind = "order" if len(names) > 1 and rng.random() < _ORDER_AGAIN else pick_kind(rng)
        if kind == "order" and len(names) < 2:
            continue
        about = ",".join(rng.permutation(names)[:2]) if kind == "order" else pick(rng, QUESTIONS[kind].abouts or ("",))
        answer = QUESTIONS[kind].measure(seen, about)
        if answer is None or (kind, about) in asked:
            continue
        if answer in _USUAL and rng.random() < _USUAL_LEFT_OUT:
            continue
        subject = asked_about(rng)
        reply = told(kind, about, answer, seen, book, subject, rng)
        sample = _asked_further(sample, kind, about, answer, ask(kind, about, book, subject, rng), reply)
        asked.add((kind, about))
    return sample


def _asked_further(sample: Sample, kind: str, about: str, answer: str, text: str, reply: str) -> Sample:
    """`sample` and one more measured question `text` about the same clips, with its reply."""
    turns = (*sample.turns, Turn("human", text), Turn("gpt", reply))
    return replace(sample, turns=turns, question=_measured(kind, about, answer))


def _measured(kind: str, about: str, answer: str) -> dict[str, str]:
    return {"kind": kind, "about": about, "answer": answer}


def pick_kind(rng: np.random.Generator) -> str:
    """A kind of question about one clip."""
    chances = np.array(list(_OFTEN.values()))
    return list(_OFTEN)[int(rng.choice(len(chances), p=chances / chances.sum()))]


def asked_sample(
    kind: str, about: str, answer: str, text: str, reply: str, refs: tuple[Ref, ...], rng: np.random.Generator
) -> Sample:
    """The sample of a measured question `text` about the clips `refs`, and its reply."""
    name = "comparison" if kind == "comparison" else "question"
    asked = shown(text, len(refs), rng)
    return dialogue(name, asked, reply, inputs=refs, question=_measured(kind, about, answer))


def _find(pool: ClipPool, kind: str, about: str, wanted: str, rng: np.random.Generator) -> Answered | None:
    """A clip for which the answer is `wanted`."""
    if kind == "yes_no":
        actions = CLAIMS[about].actions if wanted == "yes" else ""
    else:
        actions = "" if wanted == "none" else _LIKELY.get((kind, about), "")
    for _ in range(TRIES):
        row = pool.draw(rng, f"(?:{actions})" if actions else "")
        if row is None:
            return None
        seen = pool.seen(row)
        if question_answer(seen, kind, about) == wanted:
            return Ref(row["id"]), seen, wanted
    return None


def _find_number(pool: ClipPool, kind: str, about: str, wanted: str, rng: np.random.Generator) -> Answered | None:
    """A clip of which a number is the answer, best `wanted`, else any; many are made by repeating a clip.

    Captured clips mostly show one bow, or a quarter turn.
    """
    spare: Answered | None = None
    for _ in range(TRIES):
        row = pool.draw(rng, f"(?:{_LIKELY[kind, about]})")
        once = question_answer(pool.seen(row), kind, about) if row else None
        if row is None or once is None:
            continue
        times, left = divmod(int(wanted), int(once))
        if times == 1 and not left:
            return Ref(row["id"]), pool.seen(row), once
        spare = (Ref(row["id"]), pool.seen(row), once)
        if not left and times and times * row["frames"] <= LONGEST_REPEATED and rng.random() < _REPEAT_SHARE:
            seen = look(repeated(pool.library.load(Ref(row["id"])), times))
            if question_answer(seen, kind, about) == wanted:
                return Ref(row["id"], edit={"op": "repeat", "times": times}), seen, wanted
    return spare


def _order(pool: ClipPool, book: Book, rng: np.random.Generator) -> Sample | None:
    """Which of two things comes first, on a clip that shows both, captured or joined of two."""
    for _ in range(TRIES // 4):
        found = pool.sequence(rng)
        if found is None:
            continue
        ref, seen = found
        names = sorted(seen.events)
        pairs = [(a, b) for a in names for b in names if a != b and question_answer(seen, "order", f"{a},{b}")]
        if pairs:
            a, b = pairs[int(rng.integers(len(pairs)))]
            about = f"{a},{b}"
            answer = question_answer(seen, "order", about) or ""
            subject = asked_about(rng)
            reply = told("order", about, answer, seen, book, subject, rng)
            text = ask("order", about, book, subject, rng)
            sample = asked_sample("order", about, answer, text, reply, (ref,), rng)
            return _asked_on(sample, seen, book, rng)
    return None


def forms(phrases: dict[str, str], subject: Subject) -> dict[str, str]:
    """Name -> phrase as slots: {name} in base form, {name_s} for `subject`, {name_ing}."""
    slots = {}
    for name, phrase in phrases.items():
        filled = phrase.replace("$p", subject.possessive)
        slots[name] = inflect(filled, "base")
        slots[f"{name}_s"] = inflect(filled, "present", subject.plural)
        slots[f"{name}_ing"] = inflect(filled, "gerund")
    return slots


def ask(kind: str, about: str, book: Book, subject: Subject, rng: np.random.Generator) -> str:
    """The question in words, without its clip."""
    if kind in ("hand", "leg"):
        return book.ask(f"{kind}_{about}", rng, subject)
    if kind == "yes_no":
        act = forms({"do": CLAIMS[about].phrase}, subject)
        return book.ask(kind, rng, subject, do=act["do"], doing=act["do_ing"], does_it=act["do_s"])
    if kind == "order":
        a, b = about.split(",")
        return book.ask(kind, rng, subject, **forms({"a": EVENTS[a][0], "b": EVENTS[b][0]}, subject))
    if kind == "count":
        verb, noun = _COUNTED[about]
        return book.ask(kind, rng, subject, do=verb, verb=verb, noun=noun, nouns=_plural(noun))
    return book.ask(kind, rng, subject)


def _plural(noun: str) -> str:
    return third_person(noun)  # nouns and verbs take the same endings here


def told(kind: str, about: str, answer: str, seen: Seen, book: Book, subject: Subject, rng: np.random.Generator) -> str:
    """The answer in words."""
    say: Callable[..., str] = lambda name, **slots: book.reply(name, rng, subject, **slots)  # noqa: E731
    if kind == "order":
        first, then = about.split(",") if answer == "first" else reversed(about.split(","))
        return say("order_reply", **forms({"first": EVENTS[first][0], "then": EVENTS[then][0]}, subject))
    if kind in ("hand", "leg"):
        if answer == "none":
            return say("side_none_leg" if kind == "leg" else "side_none_wave" if about == "wave" else "side_none_hand")
        return say(f"{'both' if answer == 'both' else 'side'}_{kind}_{about}", side=answer)
    if kind == "direction":
        way = {"left": "to the left", "right": "to the right"}.get(answer, answer)
        return say("direction_none_reply") if answer == "none" else say("direction_reply", way=way)
    if kind == "turn":
        return say("turn_none_reply") if answer == "none" else say("turn_reply", side=answer)
    if kind == "turn_degrees":
        return say("turn_degrees_reply", answer=answer, side="left" if seen.facts.turn_deg > 0 else "right")
    if kind == "count":
        verb, noun = _COUNTED[about]
        times, number = _TIMES[int(answer)]
        counted = noun if answer == "1" else _plural(noun)
        return say("count_reply", verb=verb, times=times, number=number, counted=counted)
    if kind == "yes_no":
        act = forms({"do": CLAIMS[about].phrase}, subject)
        return say(f"{answer}_reply", do=act["do"], does_it=act["do_s"])
    return say(f"{kind}_{answer}_reply")
