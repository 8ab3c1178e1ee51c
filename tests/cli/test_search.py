"""``sensorium search``: every way of printing hits, and every way to ask wrongly."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection, Part, Question
from sensorium.cli.search import asked
from sensorium.visible import visible
from tests.cli.conftest import COLORS, Run


def test_a_picture_finds_itself(run: Run, folder: Path, library: Path) -> None:
    done = run("search", folder / "green.png", "-c", library, "-k", "2")
    assert (done.code, done.err) == (0, "")
    header, first, _ = done.lines
    assert header == "score\tpath"
    score, path = first.split("\t")
    assert float(score) > 0.999 and path == str(folder / "green.png")


def test_words_give_what_python_gives(run: Run, library: Path) -> None:
    done = run("search", "a red square", "-c", library, "-k", "3")
    with Collection(library) as collection:
        hits = collection.search("a red square", k=3)
    rows = ["\t".join([f"{hit.score:.4f}", visible(hit.path)]) for hit in hits]
    assert done.out.splitlines() == ["score\tpath", *rows]


def test_json_is_one_object_a_line(run: Run, folder: Path, library: Path) -> None:
    done = run("search", folder / "blue.png", "-c", library, "--json")
    rows = [json.loads(line) for line in done.lines]
    assert done.code == 0 and len(rows) == len(COLORS) + 1
    assert rows[0]["path"] == str(folder / "blue.png")
    assert rows[0]["metadata"] == {
        "width": 40, "height": 30, "caption": "a blue square", "number": 2,
    }  # fmt: skip
    assert {*rows[0]} == {
        "id", "path", "modality", "metadata", "span", "score", "text", "details",
        "probability", "state", "nothing_matches", "stands_for",
    }  # fmt: skip
    assert any(row["path"].endswith("two\nlines 图.png") for row in rows)
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)


def test_bare_paths_for_a_pipe(run: Run, folder: Path, library: Path) -> None:
    done = run("search", "red", "-c", library, "--paths", "--where", "number < 3")
    assert sorted(done.lines) == sorted(str(folder / f"{c}.png") for c in COLORS[:3])
    null = run("search", "red", "-c", library, "-0")
    paths = null.out.split("\0")
    assert paths.pop() == ""
    assert str(folder / "two\nlines 图.png") in paths
    assert all(Path(path).is_file() for path in paths) and len(paths) == len(COLORS) + 1


def test_xargs_gets_every_file(shell: Run, folder: Path, library: Path) -> None:
    done = shell('sensorium search red -c "$1" -0 | xargs -0 ls -l', library)
    assert (done.code, done.err) == (0, "")
    assert all(f"{color}.png" in done.out for color in COLORS)


def test_a_reader_that_stops_early_is_no_error(shell: Run, library: Path) -> None:
    done = shell('sensorium search red -c "$1" --json | head -n 1', library)
    assert json.loads(done.out)
    assert done.err == ""


def test_a_pipe_of_few_characters_still_gets_json(shell: Run, library: Path) -> None:
    done = shell('sensorium search red -c "$1" --json', library, PYTHONIOENCODING="ascii")
    assert done.code == 0 and done.out.isascii()
    assert any(json.loads(line)["path"].endswith("lines 图.png") for line in done.lines)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('sensorium search red -c "$1" --where 1', 0),
        ('sensorium search red -c "$1" --where 0', 1),
        ('sensorium search red -c "$1" --where broken', 2),
        ('sensorium search red -c "$1.missing"', 3),
    ],
)
def test_exit_codes_of_a_real_process(shell: Run, library: Path, line: str, code: int) -> None:
    done = shell(line, library)
    assert done.code == code
    assert (done.err == "") is (code == 0)


@pytest.fixture
def stale(tiny: Path, tmp_path: Path) -> Path:
    """A collection of three files, of which one has gone and one is another by now."""
    for color in COLORS[:3]:
        PIL.Image.new("RGB", (40, 30), color).save(tmp_path / f"{color} one.png")
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(tmp_path)
    (tmp_path / "red one.png").unlink()
    os.utime(tmp_path / "blue one.png", (7, 7))
    return tmp_path / "c.sensorium"


def test_stale_files_are_marked_and_what_mends_them_is_told(run: Run, stale: Path) -> None:
    done = run("search", "red", "-c", stale)
    rows = [line.split("\t") for line in done.lines]
    assert rows[0] == ["score", "path", "state"]
    assert {Path(row[1]).name: row[2:] for row in rows[1:]} == {
        "red one.png": ["gone"], "green one.png": [], "blue one.png": ["changed"],
    }  # fmt: skip
    changed = shlex.quote(str(stale.parent / "blue one.png"))
    mends = (
        f"sensorium index {changed} --collection {stale}",
        f"sensorium prune --collection {stale}",
    )
    assert done.code == 0 and done.err.splitlines() == [
        f"1 file changed since indexed: `{mends[0]}`",
        f"1 file gone: `{mends[1]}`, unless a drive is merely not connected",
    ]
    as_json = [json.loads(line) for line in run("search", "red", "-c", stale, "--json").lines]
    assert {Path(row["path"]).name: row["state"] for row in as_json} == {
        "red one.png": "gone", "green one.png": "", "blue one.png": "changed",
    }  # fmt: skip
    labelled = run("classify", "-c", stale, "--labels", "a,b", "--json")
    assert [json.loads(line)["state"] for line in labelled.lines] == ["changed", "", "gone"]
    assert labelled.err == done.err

    for mend in mends:  # what is told is what mends it
        assert run(*shlex.split(mend)[1:]).code == 0
    done = run("search", "red", "-c", stale)
    assert (done.code, done.err, len(done.lines), done.lines[0]) == (0, "", 3, "score\tpath")


def test_stale_files_are_in_no_pipe(run: Run, stale: Path) -> None:
    for option, end in (("--paths", "\n"), ("--null", "\0")):
        done = run("search", "red", "-c", stale, option)
        assert (done.code, done.out) == (0, str(stale.parent / "green one.png") + end)
        assert "1 file changed" in done.err and "1 file gone" in done.err
    done = run("search", "red", "-c", stale, "--paths", "--where", "path NOT LIKE '%green%'")
    assert (done.code, done.out) == (1, "")


def test_many_changed_files_are_told_with_a_folder(run: Run, tiny: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.png" for n in range(6)]
    for n, file in enumerate(files):
        PIL.Image.new("RGB", (40, 30), (n * 40, 0, 0)).save(file)
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(tmp_path)
    for file in files:
        os.utime(file, (7, 7))
    done = run("search", "red", "-c", tmp_path / "c.sensorium")
    assert "6 files changed since indexed: `sensorium index FOLDER --collection" in done.err


def test_index_verify_tells_how_many_were_compared(run: Run, stale: Path) -> None:
    file, other = stale.parent / "green one.png", stale.parent / "other.png"
    file.write_bytes(file.read_bytes() + bytes(64))  # room for another picture
    assert "1 updated" in run("index", file, "-c", stale).out
    before = file.stat()
    PIL.Image.new("RGB", (40, 30), (0, 200, 9)).save(other)
    file.write_bytes(other.read_bytes().ljust(before.st_size, b"\0"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert "1 unchanged" in run("index", file, "-c", stale).out
    assert "1 updated, 1 compared" in run("index", file, "-c", stale, "--verify").out
    assert "1 unchanged, 1 compared" in run("index", file, "-c", stale, "--verify").out


def test_nothing_found_is_one(run: Run, library: Path) -> None:
    done = run("search", "red", "-c", library, "--where", "number > 99")
    assert (done.code, done.out, done.err) == (1, "", "nothing found\n")


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("nonsense ((", "is not a SQL expression"),
        ("colour = 'red'", "no such column: colour; the collection has:"),
        ("load_extension('x') IS NULL", "only reading items is allowed"),
        ("1) UNION SELECT 1 --", "is not a SQL expression"),
    ],
)
def test_a_malformed_filter_is_two(run: Run, library: Path, where: str, words: str) -> None:
    done = run("search", "red", "-c", library, "--where", where)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("sensorium: where=") and words in done.err
    assert "number" in done.err or "colour" not in where


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["red", "-k", "0"], 2, "k is a whole number of at least 1, got 0"),
        (["red", "-k", "many"], 2, "'-k'"),
        (["red", "--no-such-option"], 2, "--no-such-option"),
        ([], 2, "query"),
        ([""], 2, "the text is empty ('')"),
        (["https://127.0.0.1:1/cat.png"], 3, "cannot be fetched"),
        (["data:image/png;base64,AAAA"], 3, "no picture"),
    ],
)
def test_questions_that_cannot_be_asked(
    run: Run, library: Path, arguments: list[str], code: int, words: str
) -> None:
    done = run("search", *arguments, "-c", library)
    assert (done.code, done.out) == (code, "")
    assert words in done.err.lower()


def test_a_missing_file_is_not_taken_for_words(run: Run, library: Path) -> None:
    done = run("search", "cat.jpg", "-c", library)
    assert done.code == 3
    assert done.err.startswith("sensorium: cat.jpg: no such file")
    assert 'Text("cat.jpg")' in done.err and "--text" in done.err
    done = run("search", "cat.jpg", "-c", library, "--text", "-k", "1")
    assert (done.code, len(done.lines), done.err) == (0, 2, "")


def test_a_missing_collection_is_three_and_names_the_mend(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "none.sensorium"
    done = run("search", "red", "-c", missing)
    assert done.code == 3
    assert str(missing) in done.err and "sensorium index" in done.err
    assert not missing.exists()


def test_what_is_no_collection_is_three(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("shopping list\n" * 100)
    for command in (["search", "red"], ["info"], ["prune"]):
        done = run(*command, "-c", other)
        assert done.code == 3 and str(other) in done.err
    assert other.read_text().startswith("shopping list")


# Contact sheets


@pytest.mark.parametrize(
    "query", ["a red square", "一匹红色的马", "🐴 \udcff \x1b[31m", "data:," + "x" * 100_000]
)
def test_a_contact_sheet_shows_the_hits(
    run: Run, library: Path, tmp_path: Path, query: str
) -> None:
    path = tmp_path / "new folder" / "sheet.PNG"
    done = run(
        "search",
        query,
        "--text",
        "-c",
        library,
        "--sheet",
        path,
        "--paths",
        "--where",
        "number < 3",
    )
    assert (done.code, done.err) == (0, "")
    assert len(done.lines) == 3
    with PIL.Image.open(path) as sheet:
        assert (sheet.format, sheet.mode) == ("PNG", "RGB")
        assert 600 < sheet.width < 1400 and 300 < sheet.height < 1000
        colors = {color for _, color in sheet.getcolors(1 << 20)}
        assert {(255, 0, 0), (0, 128, 0), (0, 0, 255)} <= colors
        title = sheet.crop((0, 0, sheet.width, 50)).convert("L")
        assert title.getextrema() == (0, 255)  # black words on white


def test_the_place_in_a_panorama_is_told(run: Run, tiny: Path, tmp_path: Path) -> None:
    """What was found of it stands beside its path, and is what the sheet shows."""
    wide = np.full((80, 400, 3), 128, np.uint8)
    wide[:, 320:] = (255, 0, 0)
    PIL.Image.fromarray(wide).save(tmp_path / "wide.png")
    PIL.Image.fromarray(np.moveaxis(np.roll(wide, 80, axis=1), 0, 1)).save(tmp_path / "tall.png")
    PIL.Image.fromarray(wide[:, 320:]).save(tmp_path / "red.png")
    with Collection(tmp_path / "c.sensorium", tiny) as collection:
        collection.add(tmp_path / "wide.png", tmp_path / "tall.png")
    sheet = tmp_path / "sheet.png"
    asked = ("search", tmp_path / "red.png", "-c", tmp_path / "c.sensorium")
    done = run(*asked, "--sheet", sheet)
    places = {path: place for _, path, place in (line.split("\t") for line in done.lines[1:])}
    assert places == {
        str(tmp_path / "wide.png"): "80%-100% across", str(tmp_path / "tall.png"): "0%-20% down"
    }  # fmt: skip
    with PIL.Image.open(sheet) as drawn:
        colours = {colour: count for count, colour in drawn.getcolors(1 << 20)}
    assert colours[255, 0, 0] >= 2 * 80 * 80 and colours.get((128, 128, 128), 0) < 1000
    rows = [json.loads(line) for line in run(*asked, "--json").lines]
    assert {tuple(row["details"]["box"]) for row in rows} == {(0.8, 0, 1, 1), (0, 0, 1, 0.2)}
    whole = run("search", tmp_path / "wide.png", "-c", tmp_path / "c.sensorium", "-k", "1")
    assert whole.lines[0] == "score\tpath"


def test_what_a_sheet_lacks_is_said_once(library: Path, tmp_path: Path) -> None:
    """On a machine without fonts; with those of the packages nothing is to be said."""
    bare = "lettering.PACKAGED_FONTS = (('no_such_fonts', '*'),); "
    sheets = []
    for fonts in (bare, ""):
        sheets.append(tmp_path / f"{len(sheets)}.png")
        code = (
            f"from sensorium.media import lettering; lettering.FONT_FOLDERS = (); {fonts}"
            "from sensorium.cli import main; main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "search", "城堡", "-c", library, "--sheet", sheets[-1]],
            capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        )  # fmt: skip
        if fonts:
            assert done.stderr.startswith("sensorium: 城堡 cannot be drawn: ")
            assert "fonts]" in done.stderr and done.stderr.count("\n") == 1
        else:
            assert done.stderr == ""
    titles = []
    for sheet in sheets:
        with PIL.Image.open(sheet) as picture:
            titles.append(np.asarray(picture.convert("L"))[:50, :200] < 128)
    assert titles[1].sum() > 1.5 * titles[0].sum() > 0  # two question marks have less ink


def test_a_contact_sheet_that_cannot_be_written_is_two(
    run: Run, library: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = run("search", "red", "-c", library, "--sheet", tmp_path / "sheet.jpg")
    assert done.code == 2 and "does not end in .png" in done.err
    done = run("search", "red", "-c", library, "--sheet", tmp_path / "file" / "sheet.png")
    assert done.code == 2 and "cannot be written" in done.err
    assert [*tmp_path.iterdir()] == [tmp_path / "file"]


def test_a_contact_sheet_of_files_that_are_gone_says_so(
    run: Run, tiny: Path, folder: Path, tmp_path: Path
) -> None:
    pictures = shutil.copytree(folder, tmp_path / "pictures")
    with Collection(tmp_path / "c.sensorium", tiny) as collection:
        collection.add(pictures)
    (pictures / "red.png").unlink()
    sheet = tmp_path / "sheet.png"
    done = run("search", "red", "-c", tmp_path / "c.sensorium", "--sheet", sheet, "--json")
    assert done.code == 0 and len(done.lines) == len(COLORS) + 1
    assert done.err.splitlines()[0] == f"skipped {pictures / 'red.png'}: no such file"
    assert done.err.splitlines()[1:][0].startswith("1 file gone: `sensorium prune")
    with PIL.Image.open(sheet) as picture:
        assert (211, 211, 211) in {color for _, color in picture.getcolors(1 << 20)}  # light grey


def test_an_index_is_measured_with_questions_of_a_file(
    run: Run, library: Path, tmp_path: Path
) -> None:
    file = tmp_path / "questions.txt"
    file.write_text("\n".join(["", *(f"number {n}" for n in range(20)), ""]), "utf-8")
    done = run("optimize", "-c", library, "--questions", file)
    assert done.code == 0
    assert [line.split("\t")[0] for line in done.lines] == ["index", "exact"]
    file.write_text("a dog\n", "utf-8")
    few = run("optimize", "-c", library, "--questions", file)
    assert few.code == 2 and "20 questions at least tell a recall, got 1" in few.err
    none = run("optimize", "-c", library, "--questions", tmp_path / "none.txt")
    assert none.code == 2 and "cannot be read as text" in none.err


def test_questions_of_several_parts(run: Run, folder: Path, library: Path) -> None:
    """As Python asks them; a weight stands before a colon, and is told."""
    done = run(
        "search", "red", "0.5:a square", "--like", folder / "red.png",
        "--unlike", f"2:{folder / 'blue.png'}", "--without", "a cat", "-c", library, "--paths",
    )  # fmt: skip
    question = Question(
        "red", Part("a square", 0.5), like=folder / "red.png",
        unlike=Part(folder / "blue.png", 2), without="a cat",
    )  # fmt: skip
    with Collection(library) as collection:
        hits = collection.search(question)
    assert done.code == 0 and done.err == f"asked: {question}\n"
    shown = [hit.path for hit in hits]
    assert done.out == "".join(f"{path}\n" for path in shown)
    assert str(folder / "blue.png") not in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["16:9"], "16:9"),
        (["2001: a space odyssey", "--without", "people"], "2001: a space odyssey - people"),
        (["1:10:30 train", "red"], "10:30 train + red"),
        (["2:red", "--text", "--without", "3:2"], "2:red - 3:2"),
        (["0.5:red", ".25:blue"], "0.5 x red + 0.25 x blue"),
        (["red", "--without", "2:cats"], "red - 2 x cats"),
        (["red", "--like", "https://example.org/a.png"], "red + https://example.org/a.png"),
    ],
)
def test_what_is_a_weight_and_what_is_none(arguments: list[str], told: str) -> None:
    """The only part has no weight; nor has what is taken as words."""
    options: dict[str, list[str]] = {"--like": [], "--without": []}
    sought, rest = [], [*arguments]
    literally = "--text" in rest
    while rest:
        word = rest.pop(0)
        if word in options:
            options[word].append(rest.pop(0))
        elif word != "--text":
            sought.append(word)
    question = asked(sought, options["--like"], [], options["--without"], literally=literally)
    assert str(question) == told


def test_a_file_that_is_called_like_a_weight(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    shutil.copy("red.png", "2:red.png")
    assert str(asked(["a"], ["2:red.png", "2:blue.png"], [], [], literally=False)) == (
        "a + 2:red.png + 2 x blue.png"
    )


def test_nobody_is_asked_by_a_condition(run: Run, library: Path) -> None:
    """Encoders do not understand negation: words alone find people."""
    for words in ("nobody in it", "a beach with no people", "Strand ohne Menschen", "没有人的海滩"):
        assert '--where "people = 0"' in run("search", words, "-c", library).err, words
    for words in ("people", "a nobodyguard", "无人机", "no peoplemover"):
        assert "--where" not in run("search", words, "-c", library).err, words
    for option in (("--without", "people"), ("--where", "id > 0")):
        assert "people = 0" not in run("search", "nobody", "-c", library, *option).err, option


def test_nothing_matches(run: Run, tmp_path: Path) -> None:
    """The nearest are shown, but no program goes on with them."""
    path = tmp_path / "some.sensorium"
    with Collection(path, "mini") as collection:
        dog = collection.encoder.encode_queries(["a dog"])
        others = np.random.default_rng(0).normal(size=(50, dog.shape[1])).astype(np.float32)
        collection.add_vectors(np.concatenate([dog, others]), [f"{n}.jpg" for n in range(51)])
    for query, is_there in (("a dog", True), ("a violin", False)):
        shown = run("search", query, "-c", path, "-k", "3")
        assert (shown.code, len(shown.lines)) == (0 if is_there else 1, 4)
        assert ("nothing matches" in shown.err) is not is_there
        for option in ("--paths", "-0"):
            bare = run("search", query, "-c", path, option, "-k", "3")
            assert bare.code == shown.code and bool(bare.out) is is_there
        rows = [json.loads(row) for row in run("search", query, "-c", path, "--json").lines]
        assert {row["nothing_matches"] for row in rows} == {not is_there}
        assert all(0 <= row["probability"] <= 1 for row in rows)
    assert run("search", "0", "-c", path, "--mode", "words").code == 0  # it holds the word
