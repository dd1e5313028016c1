"""`mllm-motion chat`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mllm_motion.errors import InvalidInputError, MllmMotionError

if TYPE_CHECKING:
    from mllm_motion.generation.chat import Chat
    from mllm_motion.motion.clip import Motion

_COMMANDS = """\
/clip FILE   show a motion file with the next message
/save FILE   save the newest motion (bvh, glb, npz, mp4, png, …), or with .txt the conversation
/quit        leave"""


def chat(
    *,
    model: str = "default",
    weights: str = "chat",
    llm: str | None = None,
    seed: int = 0,
    seconds: float | None = None,
    temperature: float = 0.0,
) -> None:
    """Talk with the language model: it answers in words, in motion, or both.

    Lines that begin with a slash are commands; /help lists them.

    Args:
        model: The generator: a shipped one (see mllm-motion info) or a folder of your own.
        weights: The language model's adapters and projections: the shipped ones, or a folder of your own.
        llm: Folder or hub id of the language model they were trained with, if it is not found by its name.
        seed: Of the first reply; each later one adds one.
        seconds: Length of motions; predicted if not given.
        temperature: 0 always takes the likeliest word, 1 draws as the language model believes.
    """
    from mllm_motion.generation import request
    from mllm_motion.models import registry

    [seed] = request.check_seeds(seed, 1)
    request.check_seconds(seconds)
    if not 0 <= temperature <= 2:
        raise InvalidInputError(f"--temperature must be a number from 0 to 2; got {temperature:g}")
    registry.find_model(model)
    registry.find_chat(weights)

    import mllm_motion as mm

    talk = mm.load(model).chat(weights, llm=llm)
    clips: list[Motion] = []
    for line in _lines():
        try:
            if line.startswith("/"):
                _command(line, talk, clips)
            else:
                _reply(talk, line, clips, seed, seconds, temperature)
                clips.clear()
                seed += 1
        except MllmMotionError as error:
            print(f"mllm-motion: {error}", file=sys.stderr)


def _lines() -> Iterator[str]:
    """What the user types, up to /quit or the end of the input."""
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 (editing and history of the line)
        print("say what should happen, or ask; /help lists the commands")
    while True:
        try:
            line = input("> " if is_terminal else "").strip()
        except EOFError:
            return
        if line == "/quit":
            return
        if line:
            yield line


def _command(line: str, talk: Chat, clips: list[Motion]) -> None:
    """Obey one line that begins with a slash."""
    import mllm_motion as mm
    from mllm_motion.cli import progress

    word, _, rest = line.partition(" ")
    path = Path(rest.strip()).expanduser()
    if word == "/help":
        print(_COMMANDS)
    elif word in ("/clip", "/save") and not rest.strip():
        raise InvalidInputError(f"{word} needs a file, such as {word} wave.bvh")
    elif word not in ("/clip", "/save"):
        raise InvalidInputError(f"{line!r} is no command; known: /clip FILE, /save FILE, /quit, /help")
    elif word == "/clip":
        clips.append(mm.read(path))
        print(f"[{path.name}, {clips[-1].seconds:.1f} s: it goes with your next message]")
    elif path.suffix.lower() == ".txt":
        print(talk.save(path))
    elif talk.motion is None:
        raise InvalidInputError("there is no motion to save yet; ask for one")
    else:
        progress.save(talk.motion, path)
        print(path)


def _reply(talk: Chat, line: str, clips: list[Motion], seed: int, seconds: float | None, temperature: float) -> None:
    """Print a reply while it comes; Ctrl-C stops it and the conversation goes on without it."""
    from mllm_motion.generation.parts import MotionPart

    notes: list[str] = []
    try:
        for piece in talk.stream(line, *clips, seed=seed, seconds=seconds, temperature=temperature):
            if isinstance(piece, MotionPart):
                print(f"\n{piece}  /save FILE", end="", flush=True)
                notes += piece.notes
            else:
                print(piece, end="", flush=True)
        print()
    except KeyboardInterrupt:
        print("  [stopped]")
    for note in [*talk.notes, *notes]:
        print(f"note: {note}", file=sys.stderr)
