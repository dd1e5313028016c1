"""The language model: any family, signal tokens that are complete, slots for clips, adapters bound to their model."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_llm import FAMILIES, LESSONS, make_llm, teach

from mllm_motion.errors import FileFormatError, InvalidInputError
from mllm_motion.models import speaking
from mllm_motion.models.language import UNLABELLED, LanguageModel
from mllm_motion.models.language_adapters import LoraSettings, adapter_llm, load_adapter, merge_lora, save_adapter
from mllm_motion.models.language_files import check_memory
from mllm_motion.models.language_loading import load_language
from mllm_motion.models.speaking import Memory, Signal, reply_to_all, stream
from mllm_motion.models.tokens import MOTION_TOKENS, SIGNALS, signal_text, signal_tokens, without_tokens

ASK, MOVE = LESSONS[0][0], LESSONS[1][0]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("llms")
    return {family: make_llm(root / family, family) for family in FAMILIES}


def load(folder, **options) -> LanguageModel:
    return load_language(folder, dtype=torch.float32, device="cpu", **options)


@pytest.fixture(scope="module")
def taught(folders) -> LanguageModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)  # of the adapters: now and then unlucky ones need more steps
        language = load(folders["llama"], train=LoraSettings(rank=8))
    assert teach(language, LESSONS[:2]) < 0.1
    return language


def test_signal_tokens_are_named_in_order():
    assert signal_tokens("motion")[0] == "[MOT00]" and signal_tokens("motion")[-1] == "[MOT23]"
    assert signal_tokens("image") == ("[IMG0]", "[IMG1]", "[IMG2]", "[IMG3]")
    with pytest.raises(InvalidInputError, match="unknown kind of signal 'smell'; known: motion"):
        signal_tokens("smell")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_reads_and_speaks(folders, family):
    language = load(folders[family])
    ids = language.tokenize([{"role": "user", "content": f"<motion>\nslower {signal_text('image')}"}])
    assert ids.count(language.slot_id) == MOTION_TOKENS
    assert [i for i in ids if language.first_signal_id <= i < language.slot_id] == language.signal_ids("image")
    embedded = language.embed(torch.tensor([ids]), torch.ones(1, MOTION_TOKENS, language.hidden_size))
    assert (embedded[0, torch.tensor(ids) == language.slot_id] == 1).all()
    assert all(isinstance(piece, str | Signal) for piece in stream(language, [ASK], max_tokens=8))
    assert not any(value.requires_grad for value in language.model.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_old_words_are_as_likely_as_in_the_plain_model(folders, family):
    language = load(folders[family])
    ids = torch.tensor([language.tokenize([ASK])])
    plain = language.model(ids).logits[..., : language.first_signal_id]
    mine = language.logits(language(language.embed(ids)))
    torch.testing.assert_close(mine[..., : language.first_signal_id], plain, atol=1e-5, rtol=1e-5)
    assert mine.shape[-1] == language.first_signal_id + sum(SIGNALS.values())


def test_notes_tell_of_a_missing_chat_template(folders):
    assert load(folders["llama"]).notes == []
    [note] = load(folders["vicuna"]).notes
    assert "chat template" in note and "USER: … ASSISTANT: …" in note
    assert load(folders["vicuna"]).render([ASK]) == "<s>USER: hello, how are you? ASSISTANT:"
    assert "<|im_start|>user" in load(folders["qwen2"]).render([ASK])
    assert "is missing" not in load(folders["mistral"]).notes[0]  # it has one, but none for a system message


@pytest.mark.parametrize("family", FAMILIES)
def test_labels_are_what_the_assistant_says(folders, family):
    language = load(folders[family])
    messages = [*LESSONS[0], {"role": "user", "content": "<motion>\nslower"}, LESSONS[1][1]]
    ids, labels = language.tokenize_with_labels(messages)
    assert ids == language.tokenize(messages, add_generation_prompt=False)
    assert all(label in (UNLABELLED, token) for token, label in zip(ids, labels, strict=True))
    said = language.tokenizer.decode([label for label in labels if label != UNLABELLED])
    end = language.tokenizer.eos_token
    assert said.replace(" ", "").replace("\n", "") == (f"hello,aperson.{end}hewaves.{signal_text('motion')}{end}")


def test_gradients_reach_adapters_new_rows_and_clips_only(folders):
    language = load(folders["llama"], train=LoraSettings(rank=4))
    messages = [{"role": "user", "content": "<motion>\nhello"}, LESSONS[1][1]]
    ids, labels = (torch.tensor([row]) for row in language.tokenize_with_labels(messages))
    motion = torch.randn(1, MOTION_TOKENS, language.hidden_size, requires_grad=True)
    teach(language, LESSONS[:2], steps=1)  # LoRA's second factor begins at zero, and so does the gradient of the first
    language.loss(language(language.embed(ids, motion)), labels).backward()
    assert motion.grad.abs().sum() > 0
    trained = language.trained_parameters()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in trained.values())
    assert {name for name, value in language.named_parameters() if value.grad is not None} == set(trained)


def test_it_decides_between_words_and_motion_and_sets_are_complete(taught):
    assert list(stream(taught, [ASK])) and not any(isinstance(p, Signal) for p in stream(taught, [ASK]))
    pieces = list(stream(taught, [MOVE]))
    [signal] = [piece for piece in pieces if isinstance(piece, Signal)]
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == "he waves.\n"
    assert signal.kind == "motion" and signal.states.shape == (24, taught.hidden_size)
    assert not any(isinstance(piece, Signal) for piece in stream(taught, [MOVE], kinds=(), max_tokens=32))


def test_streamed_states_are_those_of_training(taught):
    [signal] = [piece for piece in stream(taught, [MOVE]) if isinstance(piece, Signal)]
    ids = torch.tensor([taught.tokenize(LESSONS[1], add_generation_prompt=False)])
    [states] = taught.signal_states(taught(taught.embed(ids)), ids)
    torch.testing.assert_close(signal.states, states, atol=1e-4, rtol=1e-4)


def test_replies_side_by_side_are_those_one_by_one(taught):
    clips = torch.randn(1, MOTION_TOKENS, taught.hidden_size, generator=torch.Generator().manual_seed(0))
    asked = [[ASK], [MOVE], [{"role": "user", "content": "<motion>\nwhat happens in this clip?"}]]
    together = reply_to_all(taught, asked, clips, max_tokens=40)
    for said, messages, shown in zip(together, asked, (None, None, clips), strict=True):
        pieces = list(stream(taught, messages, shown, max_tokens=40))
        assert said.text == "".join(piece for piece in pieces if isinstance(piece, str)).strip()
        alone = [piece for piece in pieces if isinstance(piece, Signal)]
        assert [signal.kind for signal in said.signals] == [signal.kind for signal in alone]
        for ours, theirs in zip(said.signals, alone, strict=True):
            torch.testing.assert_close(ours.states, theirs.states, atol=1e-4, rtol=1e-4)
    assert together[1].signals and not together[0].signals


def test_drawn_replies_follow_the_likeliest_one(taught):
    clips = torch.randn(1, MOTION_TOKENS, taught.hidden_size, generator=torch.Generator().manual_seed(0))
    asked = [[{"role": "user", "content": "<motion>\nwhat happens in this clip?"}], [ASK]]
    likeliest = [said.text for said in reply_to_all(taught, asked, clips, max_tokens=12, kinds=())]
    found, again, other = (
        [said.text for said in reply_to_all(taught, asked, clips, max_tokens=12, kinds=(), drawn=6, seed=seed)]
        for seed in (0, 0, 1)
    )
    assert len(found) == 14 and found[::7] == likeliest and found == again
    assert len(set(found[:7])) > 2 and found != other and found[::7] == other[::7]


def test_memory_changes_nothing_but_what_is_read(taught, monkeypatch):
    clips = torch.randn(2, MOTION_TOKENS, taught.hidden_size, generator=torch.Generator().manual_seed(0))
    first = [{"role": "user", "content": "<motion>\nhello"}]
    memory = Memory()
    said = "".join(str(piece) for piece in stream(taught, first, clips[:1], memory=memory, kinds=(), max_tokens=9))
    more = [*first, {"role": "assistant", "content": said}, {"role": "user", "content": "<motion>\nand this?"}]
    read = []
    monkeypatch.setattr(
        taught.model.base_model, "forward", _counted(taught.model.base_model.forward, read), raising=True
    )
    for shown in (clips, clips.flip(0), clips):  # the second time the first clip is another one
        read.clear()
        fresh = list(stream(taught, more, shown, temperature=1.0, seed=3, max_tokens=12))
        whole = sum(read)
        read.clear()
        again = list(stream(taught, more, shown, temperature=1.0, seed=3, max_tokens=12, memory=memory))
        assert [str(a) if isinstance(a, str) else a.kind for a in fresh] == [
            str(b) if isinstance(b, str) else b.kind for b in again
        ]
        assert sum(read) < whole


def _counted(forward, read):
    def call(*args, **kwargs):
        read.append(kwargs["inputs_embeds"].shape[1])
        return forward(*args, **kwargs)

    return call


def test_sampling_follows_the_seed(folders):
    language = load(folders["vicuna"])
    draws = ["".join(stream(language, [ASK], temperature=1.0, seed=s, kinds=(), max_tokens=20)) for s in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_a_reply_ends_at_the_context(tmp_path):
    language = load(make_llm(tmp_path / "short", context=48))
    assert len(list(stream(language, [ASK], kinds=(), max_tokens=500))) <= 48
    with pytest.raises(InvalidInputError, match=r"tokens and .* reads 48; shorten it"):
        list(stream(language, [{"role": "user", "content": "hello " * 100}]))


def test_clips_and_slots_must_match(folders):
    language = load(folders["llama"])
    ids = torch.tensor([language.tokenize([{"role": "user", "content": "<motion> <motion>"}])])
    with pytest.raises(InvalidInputError, match="have 2 <motion>, but 1 clips came"):
        language.embed(ids, torch.zeros(1, MOTION_TOKENS, language.hidden_size))


def test_what_users_type_is_no_token(folders):
    tokenizer = load(folders["llama"]).tokenizer
    text = without_tokens("<|im_end|> <motion> [MOT03] [MOT99]", tokenizer)
    assert text == "< |im_end|> < motion> [ MOT03] [MOT99]"
    assert not set(tokenizer(text).input_ids) & {token for token in range(2)} | set()
    assert max(tokenizer(text).input_ids) < len(tokenizer) - sum(SIGNALS.values()) - 1


@settings(max_examples=25, deadline=None)
@given(text=st.text(max_size=30))
def test_streamed_characters_are_whole(tmp_path_factory, text):
    language = _tiny(tmp_path_factory)
    ids = language.tokenizer(text, add_special_tokens=False).input_ids
    shower, pieces = speaking._Text(language), []
    for token in ids:
        pieces += shower.add(token)
    pieces += shower.rest()
    assert "".join(pieces) == language.tokenizer.decode(ids, clean_up_tokenization_spaces=False)


def _tiny(factory, cache=[]):  # noqa: B006 (one model for all examples)
    if not cache:
        cache.append(load(make_llm(factory.mktemp("text") / "llama")))
    return cache[0]


def test_adapters_are_saved_loaded_merged(taught, folders, tmp_path):
    save_adapter(taught, tmp_path / "adapter")
    assert adapter_llm(tmp_path / "adapter") == str(folders["llama"])
    again = load(folders["llama"], adapter=tmp_path / "adapter")
    ids = torch.tensor([taught.tokenize(LESSONS[1])])
    before = taught(taught.embed(ids))
    torch.testing.assert_close(again(again.embed(ids)), before, atol=2e-2, rtol=2e-2)  # kept in 16 bits
    unmerged = again(again.embed(ids))
    merge_lora(again)
    assert not any(".lora_" in name for name, _ in again.named_parameters())
    torch.testing.assert_close(again(again.embed(ids)), unmerged, atol=1e-4, rtol=1e-4)


def test_adapters_belong_to_their_model(taught, folders, tmp_path):
    save_adapter(taught, tmp_path / "adapter")
    other = make_llm(tmp_path / "other", seed=1)  # same shape, other weights
    with pytest.raises(InvalidInputError, match=r"was trained with the language model '.*llama'.*'.*other'"):
        load(other, adapter=tmp_path / "adapter")
    (folders["llama"] / "model.safetensors").rename(tmp_path / "moved")
    (tmp_path / "moved").rename(folders["llama"] / "model.safetensors")
    (tmp_path / "adapter" / "adapter.safetensors").write_bytes(b"\0" * 64)
    with pytest.raises(FileFormatError, match=r"adapter\.safetensors is missing or damaged"):
        load_adapter(load(folders["llama"]), tmp_path / "adapter")
    with pytest.raises(FileFormatError, match="holds no adapter"):
        load_adapter(load(folders["llama"]), tmp_path)


def test_lora_on_the_last_layers_only(folders):
    language = load(folders["llama"], train=LoraSettings(rank=2, layers=1))
    adapted = [name for name in language.trained_parameters() if ".lora_" in name]
    assert adapted and all(".layers.1." in name for name in adapted)


def test_what_cannot_be_loaded_is_one_sentence(folders, tmp_path):
    with pytest.raises(InvalidInputError, match="unknown language model 'nope'; give 'smollm2', the folder"):
        load("nope")
    with pytest.raises(InvalidInputError, match=r"has no config\.json"):
        load(tmp_path)
    pickled = make_llm(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(InvalidInputError, match="pickled weights are never read"):
        load(pickled)
    damaged = make_llm(tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(FileFormatError, match="cannot load the language model"):
        load(damaged)
    foreign = make_llm(tmp_path / "foreign")
    config = json.loads((foreign / "config.json").read_text()) | {"model_type": "own", "auto_map": {"AutoModel": "x.Y"}}
    (foreign / "config.json").write_text(json.dumps(config))
    with pytest.raises(FileFormatError, match="cannot load"):
        load(foreign)
    (foreign / "config.json").write_text("{")
    with pytest.raises(FileFormatError, match=r"cannot read the language model's .*config\.json"):
        load(foreign)
    if not torch.cuda.is_available():
        with pytest.raises(InvalidInputError, match="4 bits needs a CUDA GPU"):
            load(folders["llama"], four_bit=True)


def test_a_hub_model_comes_from_the_hubs_own_cache_without_a_connection(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    kept = tmp_path / "models--somebody--tiny"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("0" * 40)
    make_llm(kept / "snapshots" / ("0" * 40))
    assert load("somebody/tiny").name == "somebody/tiny"
    with pytest.raises(InvalidInputError, match="'somebody/else' is no folder here and cannot be had from the hub"):
        load("somebody/else")


def test_too_little_memory_is_said_before_loading(tmp_path):
    huge = make_llm(tmp_path / "huge")
    with (huge / "model-00002-of-00002.safetensors").open("wb") as file:
        file.truncate(10**12)  # a hole: takes no space
    with pytest.raises(InvalidInputError, match=r"needs about 1150\.0 GB of memory, and .* GB are free"):
        load(huge)
    check_memory("tiny", 1, "cpu")
