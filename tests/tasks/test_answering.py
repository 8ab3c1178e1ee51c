"""Questions: answers stand in their passages, and what is not there is not answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium import Collection, Text, load_encoder
from sensorium.collection.answering import answer_from
from sensorium.errors import EncoderError, UsageError
from sensorium.tasks.answering import Answers, load_answerer
from sensorium.tasks.answers.picture_questions import labels_of
from sensorium.tasks.answers.served import PASSAGES, read_answer
from sensorium.tasks.answers.spans import Asked, asked_for, spans
from tests.tasks.servers import Scripted

CATS = (
    "Cats purr to communicate various emotions. Marco Bruno brought them to Europe in 1200 BC. "
    "A cat weighs about 4 kg. They sleep for up to 16 hours every day."
)
BRIDGE = "The bridge was built by Anna Keller in 1932. It is 410 meters long and crosses the Elbe."


def checked(found: Answers) -> Answers:
    """Answers of any model: their places and probabilities hold what they promise."""
    for one in found:
        assert one.probability is None or 0 <= one.probability <= 1
        assert one.origin.model
        if one.span is not None:
            assert one.passage[slice(*one.span)] == one.text != ""
    return found


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How long is the bridge?", Asked.NUMBER),
        ("When was the bridge built?", Asked.TIME),
        ("In which year was it built?", Asked.TIME),
        ("Who built the bridge?", Asked.PERSON),
        ("In which city does it stand?", Asked.PLACE),
        ("Why do cats purr?", Asked.REASON),
        ("What do cats eat?", Asked.THING),
        ("Was it built in 1932?", Asked.SENTENCE),
        ("猫为什么呼噜？", Asked.SENTENCE),
    ],
)
def test_what_is_asked_for(question: str, kind: Asked) -> None:
    assert asked_for(question) is kind


@given(st.text(st.characters(codec="utf-8"), max_size=80), st.text(max_size=200))
@settings(deadline=None, max_examples=60)
def test_spans_lie_in_their_sentence(question: str, sentence: str) -> None:
    for asked in (question, "Who built it?", "How many are there?", "When was it?"):
        for span in spans(asked, sentence):
            assert 0 <= span.start < span.stop <= len(sentence)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Why do cats purr?", "to communicate various emotions"),
        ("Who brought cats to Europe?", "Marco Bruno"),
        ("How much does a cat weigh?", "about 4 kg"),
        ("Who built the bridge?", "Anna Keller"),
        ("How long is the bridge?", "410 meters long"),
        ("When was the bridge built?", "in 1932"),
    ],
)
def test_the_words_that_answer(question: str, expected: str) -> None:
    (found,) = checked(load_answerer().answer(question, [CATS, BRIDGE]))
    assert found.text == expected and found.probability is not None and found.probability > 0.5
    assert found.origin.model == "mini" and found.origin.revision


@pytest.mark.parametrize("date", ["2024-03-05", "5.3.2024", "03/05/2024", "5 March 2024", "2024"])
def test_a_date_is_answered_whole(date: str) -> None:
    said = f"The bridge opened on {date} with music."
    best = spans("When did the bridge open?", said)[0]
    assert said[best.start : best.stop].removeprefix("on ") == date


@pytest.mark.parametrize(
    "question", ["Who invented cheese?", "How many chapters has the book?", "When did Rome fall?"]
)
def test_what_is_not_in_the_text(question: str) -> None:
    (found,) = checked(load_answerer().answer(question, [CATS, BRIDGE]))
    assert found.text == "" and not found.is_found and found.span is None
    assert found.probability is not None and found.probability < 0.5 and found.passage
    (forced,) = checked(load_answerer(threshold=0).answer(question, [CATS, BRIDGE]))
    assert forced.text and forced.probability == pytest.approx(found.probability)


def test_other_languages_are_answered_with_a_sentence() -> None:
    (found,) = checked(load_answerer().answer("猫一天睡多少小时？", "猫一天睡十六个小时。桥很长。"))
    assert found.text == "猫一天睡十六个小时。"


def test_files_and_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bridge.md").write_text(f"# Bridges\n\n{BRIDGE}\n", "utf-8")
    (tmp_path / "cats.txt").write_text(CATS, "utf-8")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    files = [tmp_path / name for name in ("broken.pdf", "cats.txt", "bridge.md", "gone.txt")]
    found = checked(load_answerer().answer("Who built the bridge?", files, k=3))
    assert (found[0].text, found[0].source) == ("Anna Keller", str(tmp_path / "bridge.md"))
    assert found[0].passage.startswith("The bridge") or "Bridges" in found[0].passage
    assert [Path(one.path).name for one in found.skipped] == ["broken.pdf", "gone.txt"]
    assert [one.probability for one in found] == sorted(
        (one.probability for one in found), reverse=True
    )


def test_a_collection_is_asked(tmp_path: Path) -> None:
    (tmp_path / "bridge.md").write_text(BRIDGE, "utf-8")
    (tmp_path / "cats.txt").write_text(CATS, "utf-8")
    with Collection(tmp_path / "c.sensorium", "mini") as library:
        library.add(tmp_path / "bridge.md", tmp_path / "cats.txt")
        answerer = load_answerer(encoder=library.encoder)
        (found,) = checked(answer_from(library, "Who built the bridge?", answerer))
        assert (found.text, found.source) == ("Anna Keller", str(tmp_path / "bridge.md"))
        assert not answer_from(library, "Who invented cheese?", answerer)[0].is_found
        assert not answer_from(library, "Who built the bridge?", answerer, where="path = 'x'")


@pytest.mark.parametrize(
    ("question", "labels"),
    [
        ("is this image a cat?", ["a cat"]),
        ("Is it a photo of a dog?", ["a dog"]),
        ("Is there a dog in the picture?", ["a dog"]),
        ("Does this picture show a castle?", ["a castle"]),
        ("is it a cat or a dog?", ["a cat", "a dog"]),
        ("这是猫吗？", ["猫"]),
        ("What is this?", []),
    ],
)
def test_what_is_asked_of_a_picture(question: str, labels: list[str]) -> None:
    assert labels_of(question) == labels


def test_is_this_image_a_cat(sample: Path) -> None:
    pictures = [sample / "images" / f"x_{name}.jpg" for name in ("cat", "dog")]
    cat, dog = checked(load_answerer().answer("is this image a cat?", pictures))
    assert (cat.text, dog.text) == ("yes", "no") and (cat.label, cat.passage) == ("a cat", "")
    assert cat.probability is not None and dog.probability is not None
    assert cat.probability > 0.6 > 0.4 > dog.probability
    chosen = load_answerer().answer("is it a cat or a dog?", pictures)
    assert [one.text for one in chosen] == ["a cat", "a dog"]
    with pytest.raises(UsageError, match="name another --model"):
        load_answerer().answer("What colour is it?", pictures)


def test_bad_questions(tiny: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (("", CATS), "question is empty"), (("Who?", []), "nothing to read"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            load_answerer().answer(*arguments)
    with pytest.raises(UsageError, match="k is at least 1"):
        load_answerer().answer("Who?", CATS, k=0)
    with pytest.raises(UsageError, match="from 0 to 1"):
        load_answerer(threshold=2)
    with pytest.raises(UsageError, match="no model of Transformers"):
        load_answerer(tmp_path)
    assert load_answerer(encoder=load_encoder(tiny)).answer("Who?", Text("It."))


# Models of a hub


def test_marking_an_answer(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tests.tasks import tiny_language

    folder = tiny_language.bert_marking(tmp_path / "bert")
    long = "The castle stands on a hill. It was built in 1200. Cats purr to show moods. " * 9
    found = checked(load_answerer(folder, threshold=0).answer("Why do cats purr?", long, k=3))
    assert len(found) == 3 and all(one.text in long and one.span for one in found)
    assert (found[0].origin.model, found[0].origin.kind) == (str(folder), "folder")
    (none,) = checked(load_answerer(folder, threshold=1).answer("Why do cats purr?", long))
    assert none.text == "" and none.passage
    with pytest.raises(UsageError, match="word pieces"):
        load_answerer(folder).answer("why " * 40, long)


def test_marking_is_what_the_logits_say(tmp_path: Path) -> None:
    """The same as by hand, from the model's own output, for a text of one window."""
    torch = pytest.importorskip("torch")
    import transformers

    from tests.tasks import tiny_language

    folder = tiny_language.bert_marking(tmp_path / "bert")
    text, question = "the castle stands on a hill", "what stands ?"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.BertForQuestionAnswering.from_pretrained(folder).eval()
    encoded = tokenizer(question, text, return_tensors="pt", return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping")[0].tolist()
    with torch.inference_mode():
        out = model(**encoded)
    starts, stops = out.start_logits[0], out.end_logits[0]
    inside = [n for n, of in enumerate(tokenizer(question, text).sequence_ids(0)) if of == 1]
    best = max(
        (float(starts[a] + stops[b]), offsets[a][0], offsets[b][1])
        for a in inside for b in inside if a <= b
    )  # fmt: skip
    (found,) = load_answerer(folder, threshold=0).answer(question, text)
    assert found.text == text[best[1] : best[2]]
    above = torch.tensor(best[0] - float(starts[0] + stops[0]))
    assert found.probability == pytest.approx(float(torch.sigmoid(above)), abs=1e-4)


@pytest.mark.parametrize("kind", ["t5", "bart", "pegasus"])
def test_writing_an_answer(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("transformers")
    from tests.tasks import tiny_language

    folder = getattr(tiny_language, kind)(tmp_path / kind)
    long = "The castle stands on a hill. It was built in 1200. " * 9
    found = checked(load_answerer(folder).answer("what stands ?", long, k=2))
    assert len(found) == 2 and all(one.passage in " ".join(long.split()) for one in found)


@pytest.mark.parametrize("kind", ["vilt", "blip"])
def test_looking_at_a_picture(tmp_path: Path, sample: Path, kind: str) -> None:
    pytest.importorskip("transformers")
    from tests.tasks import tiny_language

    folder = getattr(tiny_language, kind)(tmp_path / kind)
    answerer = load_answerer(folder)
    found = checked(answerer.answer("what is this ?", sample / "images/x_cat.jpg"))
    assert len(found) == 1 and found[0].source.endswith("x_cat.jpg") and found[0].probability
    if kind == "vilt":
        assert found[0].text in ("yes", "no", "red")
    assert "takes no texts" in answerer.answer("what ?", CATS).skipped[0].reason


def test_other_models_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tests.training import tiny_generation

    with pytest.raises(UsageError, match="BertModel, which answers no questions"):
        load_answerer(tiny_generation.bert(tmp_path / "bert"))
    with pytest.raises(EncoderError, match=r"models --get example/nothing"):
        load_answerer("example/nothing")


# Models on servers


def test_a_server_names_its_passage(script: Scripted) -> None:
    script.writes('{"passage": 2, "answer": "anna keller"}')
    (found,) = checked(load_answerer(f"{script.url}#m").answer("Who built it?", [CATS, BRIDGE]))
    assert (found.text, found.passage, found.probability) == ("Anna Keller", BRIDGE, None)
    sent = script.asked[0].json
    assert f"[2] {BRIDGE}" in sent["messages"][1]["content"]
    assert sent["response_format"]["type"] == "json_schema"
    for said in (
        '{"passage": 0, "answer": "not in the text"}',
        "Not in the text.",
        '{"answer": ""}',
    ):
        script.writes(said)
        (found,) = load_answerer(f"{script.url}#m").answer("Who built it?", [CATS, BRIDGE])
        assert not found.is_found
    script.writes('{"passage": 2, "answer": "93"}')  # of 1932: no words of the passage
    (found,) = load_answerer(f"{script.url}#m").answer("How many?", [CATS, BRIDGE])
    assert (found.text, found.span) == ("93", None)
    script.writes("It was Anna Keller")  # no JSON, and no passage: the one that says it is cited
    (found,) = load_answerer(f"{script.url}#m").answer("Who built it?", [CATS, BRIDGE])
    assert (found.text, found.passage, found.span) == ("It was Anna Keller", BRIDGE, None)


def test_of_long_texts_the_nearest_passages_are_sent(script: Scripted) -> None:
    script.writes('{"passage": 1, "answer": "Anna Keller"}')
    filler = " ".join(f"Nothing is told of number {n} in this long report." for n in range(70))
    load_answerer(f"{script.url}#m").answer("Who built the bridge?", [filler, BRIDGE, filler])
    content = script.asked[0].json["messages"][1]["content"]
    assert BRIDGE in content and f"[{PASSAGES}]" in content and f"[{PASSAGES + 1}]" not in content


def test_a_server_looks_at_a_picture(script: Scripted, sample: Path) -> None:
    script.writes("A cat.")
    (found,) = load_answerer(f"{script.url}#m").answer("What is it?", sample / "images/x_cat.jpg")
    assert (found.text, found.origin.kind) == ("A cat.", "server")
    parts = script.asked[0].json["messages"][-1]["content"]
    assert [part["type"] for part in parts] == ["image_url", "text"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('{"passage": 3, "answer": " a  b "}', (3, "a b")),
        ('Sure: {"passage": "x", "answer": 12}', (0, "12")),
        ('{"passage": true, "answer": "x"}', (0, "x")),
        ('{"passage": 1, "answer": "cut', (1, "cut")),
        ("As [2] says, a hill", (2, "As says, a hill")),
        (json.dumps({"answer": {}}), (0, '{"answer": {}}')),
    ],
)
def test_what_a_model_writes_is_read(written: str, read: tuple[int, str]) -> None:
    assert read_answer(written) == read


@pytest.mark.slow
def test_a_real_server_answers(llama: str) -> None:
    (found,) = checked(load_answerer(llama).answer("Who built the bridge?", [BRIDGE, CATS]))
    assert found.passage in (BRIDGE, CATS) and found.origin.model == llama


def test_it_is_told_how_many_were_read(sample: Path, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.txt").write_text(CATS, "utf-8")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    sources = [sample / "images/x_cat.jpg", *sorted(tmp_path.iterdir())]
    told: list[tuple[int, int]] = []
    found = load_answerer().answer(
        "is this a cat?", sources, progress=lambda done, total, *_: told.append((done, total))
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [Path(one.source).suffix for one in found] == [".txt", ".jpg"] and found.skipped


def test_texts_that_are_read_are_not_told_as_answered(tmp_path: Path) -> None:
    """The answer to a long text takes far longer than reading it does."""
    for number in range(2):
        (tmp_path / f"{number}.txt").write_text(CATS, "utf-8")
    told: list[tuple[int, int]] = []
    answers = load_answerer().answer_each(
        "What do cats eat?", sorted(tmp_path.iterdir()),
        progress=lambda done, total, *_: told.append((done, total)),
    )  # fmt: skip
    next(answers)
    assert told == [(1, 2)]
    assert not list(answers) and told == [(1, 2), (2, 2)]
