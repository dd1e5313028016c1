"""The phases around the language model, on a tiny real one: what learns, what is hidden, in what order."""

import csv
from pathlib import Path

import pytest
import torch
from conftest import make_smooth_motion
from test_loop import TINY as GENERATOR
from test_loop import word_vectors
from tiny_llm import make_llm

from mllm_motion.data.instructions_clips import ClipLibrary
from mllm_motion.data.instructions_schema import Ref, Sample, Turn, write_instructions
from mllm_motion.data.loader import CorpusBatches
from mllm_motion.data.shards import ShardWriter, write_index
from mllm_motion.data.stores import FeatureStore, TextStore
from mllm_motion.errors import InvalidInputError
from mllm_motion.models.alignment import AlignmentConfig
from mllm_motion.models.encoders.motion import MotionEncoder
from mllm_motion.models.encoders.text import TextEncoder
from mllm_motion.models.fusion import FusionConfig
from mllm_motion.models.generator import Generator
from mllm_motion.models.language import UNLABELLED
from mllm_motion.models.language_adapters import LoraSettings
from mllm_motion.models.language_loading import load_language
from mllm_motion.models.multimodal import MotionLanguageModel, MultimodalConfig, ProjectionConfig, signal_conversation
from mllm_motion.models.retrieval import Retrieval, RetrievalConfig
from mllm_motion.models.tokens import MOTION_TOKENS
from mllm_motion.training import alignment, fusion, instructions, reading, reading_targets
from mllm_motion.training.checkpoints import checkpoint_path
from mllm_motion.training.generator import GeneratorTraining, export_generator
from mllm_motion.training.loop import LoopConfig
from mllm_motion.training.multimodal import conversation_tensors

WORDS = 16  # channels of the made-up text encoder; instructions use the real one's 384
MDA = AlignmentConfig(width=16, depth=1, heads=2, words=8, text_width=WORDS)
FM = FusionConfig(experts=2, top_k=2, width=16, expert_width=8, depth=1, heads=2, slots=2, text_width=WORDS)
PROJECTION = ProjectionConfig(width=16, depth=1, heads=2)
LORA = LoraSettings(rank=2)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A language model, a generator, and a corpus of 16 clips of four actions with two sentences each."""
    root = tmp_path_factory.mktemp("phases")
    make_llm(root / "llm")
    (root / "generator").mkdir()
    torch.manual_seed(0)
    weights = {name: value + 0.1 * torch.randn_like(value) for name, value in Generator(GENERATOR).state_dict().items()}
    weights["feature_std"] = torch.ones_like(weights["feature_std"])
    export_generator(root / "generator", weights, GENERATOR, {"licence": "CC0-1.0"})
    corpus, rows = root / "corpus", []
    corpus.mkdir()
    with ShardWriter(corpus) as writer:
        for n in range(16):
            texts = [f"sway number {n % 4}", f"move {n}"]
            place = writer.add(make_smooth_motion(n % 4, frames=24))
            rows.append({"id": str(n), "split": "val" if n >= 12 else "train", "texts": texts, "action": str(n % 4)})
            rows[-1] |= place | {"source": "made", "label": "sway", "licence": "CC0 1.0"}
    write_index(corpus, rows)
    TextStore(corpus).add([text for row in rows for text in row["texts"]], word_vectors)
    return root


def loop(out, steps=2, **changes):
    options = {"batch_size": 4, "warmup": 1, "decay": 0.0, "learning_rate": 3e-3, "bf16": False, "ema": 0.5}
    options |= {"checkpoint_minutes": 60, "validate_every": 10**6, "progress": False}
    return LoopConfig(out=Path(out), steps=steps, **(options | changes))


def tiny_model(folders, text_width=WORDS):
    """A model whose weights are all random, so that nothing is zero by construction."""
    torch.manual_seed(0)
    encoder = MotionEncoder(Retrieval(RetrievalConfig(width=16, depth=1, text_depth=1, heads=2, embedding=8)))
    shapes = MultimodalConfig(
        PROJECTION,
        AlignmentConfig(**(vars(MDA) | {"text_width": text_width})),
        FusionConfig(**(vars(FM) | {"text_width": text_width})),
    )
    language = load_language(folders / "llm", train=LORA, dtype=torch.float32)
    model = MotionLanguageModel(language, encoder, shapes)
    with torch.no_grad():
        trained = [*language.trained_parameters().values()]
        for parameter in [*trained, *(p for part in model.parts().values() for p in part.parameters())]:
            parameter.copy_(torch.randn_like(parameter) * 0.2)
    return model


def tiny_generator():
    torch.manual_seed(0)
    core = Generator(GENERATOR)
    for parameter in core.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return core


def dead(module):
    return [name for name, p in module.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def touched_outside(trained):
    """Frozen parameters that were given a gradient."""
    mine = {id(p) for p in trained.parameters()}
    return [
        name
        for module in trained._hidden
        for name, p in module.named_parameters()
        if p.grad is not None and id(p) not in mine
    ]


def aligner(folders, **changes):
    settings = alignment.AlignmentTraining(folders / "corpus", loop(folders / "none"), **changes)
    return alignment.Aligner(tiny_model(folders), tiny_generator(), settings)


def clips(folders, split="train"):
    return CorpusBatches(FeatureStore(folders / "corpus"), TextStore(folders / "corpus"), split)


def fuser(folders):
    settings = fusion.FusionTraining(folders / "corpus", loop(folders / "none"), folders)
    return fusion.Fuser(tiny_model(folders), tiny_generator(), settings)


def fusion_batches(folders, out, sources=("text", "signal", "motion")):
    out.mkdir(exist_ok=True)
    signals = TextStore(out)
    corpus = clips(folders)
    signals.add(sorted(corpus.sentences()), word_vectors)
    return fusion.FusionBatches(corpus, signals, sources)


def conversations():
    """Requests, descriptions, one that makes two motions, one that shows two; all captions but one are known."""
    moved = [
        Sample(
            f"m{n}",
            "text_to_motion",
            (Turn("human", f"sway {n}"), Turn("gpt", "<motion>")),
            {},
            {"motion": (Ref("", f"a person sways {n}"),)},
        )
        for n in range(4)
    ]
    seen = [
        Sample(
            f"s{n}",
            "motion_to_text",
            (Turn("human", "<motion>\nwhat is it?"), Turn("gpt", f"sway {n}")),
            {"motion": (Ref(str(n)),)},
        )
        for n in range(4)
    ]
    turns = (
        Turn("human", "<motion>\nslower"),
        Turn("gpt", "ok\n<motion>"),
        Turn("human", "again"),
        Turn("gpt", "<motion>"),
    )
    edit = Sample("e", "edit", turns, {"motion": (Ref("1", range=(0, 12)),)}, {"motion": (Ref("", "one"), Ref("", ""))})
    two = (Turn("human", "<motion>\n<motion>\nwhich is longer?"), Turn("gpt", "the first"))
    pair = Sample("p", "comparison", two, {"motion": (Ref("1"), Ref("2"))})
    return [*moved, *seen, edit, pair]


def instruction_setup(folders, **changes):
    settings = instructions.InstructionsTraining(
        folders / "corpus", (folders / "x.jsonl",), loop(folders / "none"), **changes
    )
    model = tiny_model(folders, text_width=384)
    library = ClipLibrary(folders / "corpus")
    batches = instructions.InstructionBatches(conversations(), "train", model, library, TextEncoder(), settings)
    return instructions.Instructor(model, settings), batches


# Gradients: no loss is detached, nothing that should learn is left out, nothing frozen is touched.


@pytest.mark.parametrize("adapt", [True, False])
def test_alignment_reaches_every_trained_weight(folders, adapt, tmp_path):
    module = aligner(folders, freeze_language=not adapt)
    kept = None
    if not adapt:
        kept = TextStore(tmp_path)
        states = module.model.signals(sorted(clips(folders).sentences()))
        kept.add(
            sorted(clips(folders).sentences(), key=len),
            lambda some: (states[: len(some)], torch.ones(len(some), 24).bool(), states[: len(some), 0]),
        )
    batch = alignment.AlignmentBatches(clips(folders), module.model, kept).batch(0, 8)
    module(batch)["loss"].backward()
    names = {name.split(".")[0] for name, _ in module.named_parameters()}
    assert names == ({"parts", "adapters"} if adapt else {"parts"})
    assert not dead(module) and not touched_outside(module)


def test_frozen_embeddings_keep_the_backward_pass_in_the_upper_layers(folders):
    settings = {"freeze_embeddings": True}
    module = aligner(folders, **settings)
    for name, parameter in module.model.language.trained_parameters().items():
        parameter.requires_grad_("layers.1." in name or name == "signal_out")
    batch = alignment.AlignmentBatches(clips(folders), module.model, None).batch(0, 4)
    below = []
    module.model.language.model.base_model.layers[0].register_forward_hook(lambda *args: below.append(args[2]))
    module(batch)["loss"].backward()
    assert "signal_in" not in module.adapters and not any(out.requires_grad for out in below)


@pytest.mark.parametrize("name", ["words", "sentence", "word_count", "generation"])
def test_no_alignment_loss_is_detached(folders, name):
    module = aligner(folders)
    module(alignment.AlignmentBatches(clips(folders), module.model, None).batch(0, 4))[name].backward()
    for reached in (module.parts["alignment"].resampler.queries, module.model.language.signal_in):
        assert reached.grad is not None and reached.grad.abs().sum() > 0


def test_fusion_reaches_every_trained_weight(folders, tmp_path):
    module = fuser(folders)
    module.flow = GeneratorTraining(folders, loop(folders), drop_text=0.5, observed=1.0)
    batch = fusion_batches(folders, tmp_path / "s").batch(0, 48)
    batch.shown[batch.guide_frames > 0] = torch.tensor([False, False, True])  # slots stand in where no words are
    module(batch)["loss"].backward()
    assert not dead(module) and not touched_outside(module)
    assert {name.split(".")[0] for name, _ in module.named_parameters()} == {"parts", "generator"}


def test_instructions_reach_every_trained_weight(folders):
    module, batches = instruction_setup(folders)
    module(batches.collate(conversations()))["loss"].backward()
    assert not dead(module) and not touched_outside(module)
    assert set(module.parts) == {"projection", "comparison", "alignment"}


# What the generator is told.


def test_the_caption_is_withheld_from_the_generator(folders):
    """Other words for the text encoder, the same for the language model: the generation loss must not notice."""
    module = aligner(folders)
    batch = alignment.AlignmentBatches(clips(folders), module.model, None).batch(0, 4)
    with torch.no_grad():
        before = module(batch)
        batch.states, batch.pooled = torch.randn_like(batch.states), torch.randn_like(batch.pooled)
        after = module(batch)
        assert torch.equal(before["generation"], after["generation"]) and before["words"] != after["words"]
        batch.ids[:, 4:10] = batch.ids[0, 5]  # and other words for the language model do change it
        assert not torch.allclose(module(batch)["generation"], before["generation"], rtol=1e-4)


def test_fusion_is_told_only_what_is_shown(folders, tmp_path):
    module, batches = fuser(folders), fusion_batches(folders, tmp_path / "s")
    batch = batches.batch(0, 4)
    batch.shown = torch.tensor([[False, True, False]] * 4)
    with torch.no_grad():
        before = module(batch)["original"]
        batch.states, batch.pooled = torch.randn_like(batch.states), torch.randn_like(batch.pooled)
        batch.guide = torch.randn_like(batch.guide)
        assert torch.equal(module(batch)["original"], before)
        batch.signal_states = torch.randn_like(batch.signal_states)
        assert not torch.equal(module(batch)["original"], before)


def test_guides_are_of_the_same_action_and_all_conditions_are_drawn(folders, tmp_path):
    batches = fusion_batches(folders, tmp_path / "s")
    batch = batches.batch(0, 64)
    assert (batch.shown.float().mean(0) > 0.05).all() and batch.shown.any(1).all()
    assert torch.equal(batch.guide_frames > 0, batch.shown[:, 2])
    again = batches.batch(0, 64)
    assert torch.equal(batch.shown, again.shown) and torch.equal(batch.guide, again.guide)


# Order and labels.


def test_signals_and_captions_come_in_the_same_order(folders):
    module, batches = instruction_setup(folders)
    samples = [conversations()[i] for i in (8, 2, 5, 0)]
    batch = batches.collate(samples)
    assert batch.told.tolist() == [True, False, True, True]
    captions = batches.encoder.encode(["one", "a person sways 2", "a person sways 0"])
    assert torch.equal(batch.states, captions.token_states)
    with torch.no_grad():
        clips_in = module.model.projection(batch.motion, batch.motion_mask)
        together = module.model.language.signal_states(module.model.read(batch.ids, batch.attend, clips_in), batch.ids)
        alone = []
        for sample in samples:
            one = batches.collate([sample])
            shown = None if one.motion is None else module.model.projection(one.motion, one.motion_mask)
            states = module.model.read(one.ids, one.attend, shown)
            alone.append(module.model.language.signal_states(states, one.ids))
    assert torch.allclose(together, torch.cat(alone), atol=1e-3)


def test_only_the_assistants_words_and_first_signal_tokens_are_labelled(folders):
    language = tiny_model(folders).language
    ids, mask, labels = conversation_tensors(
        language,
        [
            signal_conversation("bow"),
            [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
        ],
    )
    signal = language.signal_ids("motion")
    said = labels[0][labels[0] != UNLABELLED].tolist()
    assert said[0] == signal[0] and not set(signal[1:]) & set(said) and language.tokenizer.eos_token_id in said
    assert ids[0].tolist().count(signal[5]) == 1
    words = labels[1][labels[1] != UNLABELLED]
    assert language.tokenizer.decode(words).startswith("hello") and "hi" not in language.tokenizer.decode(words)
    assert not mask[1].all() and (labels[~mask] == UNLABELLED).all()


def test_instruction_batches_are_a_function_of_the_step(folders):
    _, batches = instruction_setup(folders)
    whole, again = batches.batch(3, 4, seed=1), batches.batch(3, 4, seed=1)
    assert torch.equal(whole.ids, again.ids)
    halves = [batches.batch(3, 4, seed=1, rank=rank, world=2) for rank in (0, 1)]
    assert sum(len(half.ids) for half in halves) == 4


def test_conversations_that_cannot_be_used_are_said(folders):
    with pytest.raises(InvalidInputError, match="--max-tokens"):
        instruction_setup(folders, max_tokens=1)


# Learning, resuming, saving.


@pytest.mark.parametrize("phase", ["alignment", "instructions"])
def test_a_tiny_model_overfits_one_batch(folders, phase):
    if phase == "alignment":
        module = aligner(folders, generation_weight=0.0)
        batch = alignment.AlignmentBatches(clips(folders), module.model, None).batch(0, 4)
    else:
        module, batches = instruction_setup(folders)
        batch = batches.collate(conversations()[:6])
    optimizer = torch.optim.Adam(module.parameters(), 5e-3)
    curve = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = module(batch)["loss"]
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    assert curve[-1] < 0.7 * curve[0]


def run_alignment(folders, out, steps, **changes):
    settings = {"llm": str(folders / "llm"), "generator": str(folders / "generator"), "model": MDA, "lora": LORA}
    return alignment.train_alignment(
        alignment.AlignmentTraining(folders / "corpus", loop(out, steps), **(settings | changes))
    )


def test_a_killed_alignment_goes_on_exactly(folders, tmp_path):
    from safetensors.torch import load_file

    run_alignment(folders, tmp_path / "whole", 4)
    run_alignment(folders, tmp_path / "parts", 2)
    run_alignment(folders, tmp_path / "parts", 4)
    whole, parts = (load_file(checkpoint_path(tmp_path / name)) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys() and all(torch.equal(whole[key], parts[key]) for key in whole)
    assert not [key for key in whole if "embed_tokens" in key], "the frozen language model is in the checkpoint"


def test_the_three_phases_in_a_row_save_what_they_trained(folders, tmp_path):
    first = run_alignment(folders, tmp_path / "a", 2)
    kept = run_alignment(folders, tmp_path / "b", 2, start=first, llm=None, freeze_language=True)
    settings = fusion.FusionTraining(folders / "corpus", loop(tmp_path / "c"), kept, str(folders / "generator"), FM)
    last = fusion.train_fusion(settings)
    one, two, three = (MotionLanguageModel.load(folder) for folder in (first, kept, last))
    assert three.trained == ["alignment", "fusion"]
    # MDA learns in the second run, the language does not; in the third both stay and fusion learns.
    same = [
        torch.equal(a, b)
        for a, b in zip(
            one.language.trained_parameters().values(), three.language.trained_parameters().values(), strict=True
        )
    ]
    assert all(same)
    assert not torch.equal(one.alignment.states.weight, two.alignment.states.weight)
    assert torch.equal(two.alignment.states.weight, three.alignment.states.weight)
    assert (
        three.fusion.words_out.weight.abs().sum() > 0 and three.fusion.layers[0].experts.router.weight.abs().sum() > 0
    )
    from mllm_motion.training.multimodal import load_generator

    before, after = load_generator(folders / "generator"), load_generator(last / "generator")
    assert not torch.equal(before.unembed.weight, after.unembed.weight)
    with (tmp_path / "c" / "metrics.csv").open() as file:
        assert {"original", "out", "load_balance", "router_z"} <= {row["name"] for row in csv.DictReader(file)}


def test_fusion_needs_a_trained_alignment(folders, tmp_path):
    tiny_model(folders).save(tmp_path / "raw")
    with pytest.raises(InvalidInputError, match="train alignment"):
        fusion.train_fusion(fusion.FusionTraining(folders / "corpus", loop(tmp_path / "c"), tmp_path / "raw"))


def test_every_embedding_of_a_clip_has_something_to_say():
    assert reading_targets.EMBEDDINGS == MOTION_TOKENS


def test_no_two_answers_are_said_in_the_same_words():
    for found in reading_targets.READINGS:
        said = [reading_targets._plain(answer) for answer in found.answers]
        # The mean of a bag of tokens is all that is left of several, and numbers are split into digits.
        assert len({"".join(sorted(answer)) for answer in said}) == len(said) and all(said), found.name
    assert reading_targets._plain("left_up") == "raise left hand" and reading_targets._plain("walk") == "walk"


def test_levels_captions_and_claims_are_read_too(folders):
    model, library = tiny_model(folders), ClipLibrary(folders / "corpus")
    readings = reading_targets.Readings(library, "train", 100)
    assert readings.levels.shape == (len(readings.refs), 5)
    known = readings.levels[~torch.isnan(readings.levels)]
    assert len(known) and known.min() >= 0 and known.max() <= 1
    assert {1.0, 0.0} & set(readings.claims.nan_to_num(-1).flatten().tolist())
    count = len(readings.refs)
    readings.captions = [[("waves left", "bows deep", "jumps high", "kicks right")[n % 4]] for n in range(count)]
    targets = reading_targets.Targets(model, readings)
    topics = targets.topics(readings.captions)
    assert torch.allclose(topics.mean(0), torch.zeros_like(topics[0]), atol=1e-4)
    assert torch.equal(topics[:3], targets.topics(readings.captions[:3]))
    told = torch.randn(len(topics), MOTION_TOKENS, model.language.hidden_size)
    ranged, halves = slice(-8, -3), slice(-3, -1)
    told[:, halves] = topics
    told[:, ranged] = (2 * readings.levels - 1)[..., None].nan_to_num() * targets.axes
    told[:, -1] = readings.claims.nan_to_num() @ torch.linalg.pinv(targets.claimed.T)
    loss, right = targets.losses(told, readings.places, readings.levels, readings.claims, topics)
    assert torch.allclose(right[:, halves], torch.ones_like(right[:, halves]), atol=1e-4)
    assert right[:, -1].nanmean() > 0.9 and torch.isfinite(loss)
    wrong = targets.losses(-told, readings.places, readings.levels, readings.claims, topics)[0]
    assert loss < wrong


def test_a_new_projection_learns_to_name_what_is_measured(folders):
    model, library = tiny_model(folders), ClipLibrary(folders / "corpus")
    before = {name: value.clone() for name, value in model.language.named_parameters()}
    untrained = reading.learn_to_read(model, library, steps=1)
    shares = reading.learn_to_read(model, library, steps=400, rate=3e-3)
    assert shares["action"] == 1, shares
    assert untrained["action"] < 1
    assert all(torch.equal(value, before[name]) for name, value in model.language.named_parameters())


def test_instructions_train_and_go_on_from_alignment(folders, tmp_path):
    model = tiny_model(folders, text_width=384)
    model.trained = ["alignment"]
    model.save(tmp_path / "start")
    write_instructions(tmp_path / "x.jsonl", conversations())
    settings = instructions.InstructionsTraining(
        folders / "corpus", (tmp_path / "x.jsonl",), loop(tmp_path / "out"), tmp_path / "start", reading_steps=0
    )
    again = MotionLanguageModel.load(instructions.train_instructions(settings))
    assert again.trained == ["alignment", "instructions"]
    assert again.config.alignment.width == 16 and again.config.projection == PROJECTION
