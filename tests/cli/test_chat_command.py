"""`mllm-motion chat` and `describe`: replies as they come, files on demand, mistakes that do not end the talk."""

from __future__ import annotations

import io

import pytest

import mllm_motion as mm
from mllm_motion import cli


def talk(monkeypatch, lines, *words, code=0):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
    assert cli.main(["chat", *map(str, words)]) == code


def test_a_conversation(tiny_model, tiny_chat, tmp_path, monkeypatch, capsys, smooth_motion):
    shown = mm.save(smooth_motion, tmp_path / "sway.npz")
    lines = [
        "hello, how are you?",
        f"/save {tmp_path / 'early.npz'}",
        "a person walks forward",
        f"/save {tmp_path / 'walk.bvh'}",
        "/dance",
        "/save",
        f"/clip {tmp_path / 'nothing.bvh'}",
        f"/clip {shown}",
        "what happens in this clip?",
        f"/save {tmp_path / 'talk.txt'}",
        "/help",
        "/quit",
        "never said",
    ]
    talk(monkeypatch, lines, "--model", tiny_model, "--weights", tiny_chat, "--seconds", 1, "--seed", 4)
    out, err = capsys.readouterr()
    assert "hello, a person.\n" in out and "he waves.\n\n[motion, 1.0 s]" in out
    assert "[sway.npz, 3.0 s: it goes with your next message]" in out and "/save FILE" in out
    assert "there is no motion to save yet" in err and "'/dance' is no command" in err
    assert "/save needs a file, such as /save wave.bvh" in err and "nothing.bvh" in err
    assert mm.read(tmp_path / "walk.bvh").frame_count == 20
    assert (tmp_path / "talk.txt").read_text().startswith("user: hello, how are you?\nassistant: hello, a person.\n")
    assert "never said" not in (tmp_path / "talk.txt").read_text()
    assert not (tmp_path / "early.npz").exists()


def test_describe(tiny_chat, tmp_path, capsys, smooth_motion):
    clip = str(mm.save(smooth_motion, tmp_path / "sway.npz"))
    weights = ["--weights", str(tiny_chat)]
    assert cli.main(["describe", clip, *weights, "--best-of", "1"]) == 0
    assert capsys.readouterr().out == "a person walks.\n"
    assert cli.main(["describe", clip, "--ask", "slower?", *weights]) == 0
    capsys.readouterr()
    assert cli.main(["describe", clip, "--timeline", *weights]) == 0
    assert "0.0 -   3.0 s  " in capsys.readouterr().out
    assert cli.main(["describe", clip, "--ask", "x", "--timeline", *weights]) == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--temperature", "9"], "--temperature must be a number from 0 to 2; got 9"),
        (["--seconds", "0"], "--seconds must be a number"),
        (["--weights", "nope"], "unknown model 'nope'"),
        (["--model", "nope"], "unknown model 'nope'"),
    ],
)
def test_what_cannot_be_is_refused_before_loading(words, complaint, monkeypatch, capsys):
    talk(monkeypatch, [], *words, code=2)
    assert complaint in capsys.readouterr().err


def test_another_language_model_is_refused(tiny_model, tiny_chat, tmp_path, monkeypatch, capsys):
    from tiny_llm import make_llm

    other = make_llm(tmp_path / "other", seed=5)
    talk(monkeypatch, ["hello"], "--model", tiny_model, "--weights", tiny_chat, "--llm", other, code=2)
    message = capsys.readouterr().err
    assert str(other) in message and "was trained with the language model" in message
