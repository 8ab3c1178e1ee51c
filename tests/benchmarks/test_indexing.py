import json
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks import decoders, indexing, measuring, photos, weight
from benchmarks.rows import Row, print_table, readable


@pytest.fixture
def pictures(tmp_path):
    random = np.random.default_rng(1)
    paths = [tmp_path / f"source-{number}.png" for number in range(3)]
    for path in paths:
        pixels = random.integers(0, 255, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


def test_photos_are_distinct_files_and_the_same_every_time(pictures, tmp_path):
    made = photos.make_photos(pictures, tmp_path / "a", photos.DIFFERENT + 2, (320, 240))
    again = photos.make_photos(pictures, tmp_path / "b", photos.DIFFERENT + 2, (320, 240))
    contents = [path.read_bytes() for path in made]
    assert len(set(contents)) == photos.DIFFERENT + 2
    assert contents == [path.read_bytes() for path in again]
    with Image.open(made[-1]) as last, Image.open(made[1]) as drawn:
        assert last.size == (320, 240)
        assert np.array_equal(last, drawn)


def test_decoders_agree_on_what_they_see(pictures, tmp_path):
    (path,) = photos.make_photos(pictures, tmp_path / "photos", 1, (1632, 1224))
    available, _missing = decoders.installed_decoders()
    ours = decoders.ours(path).astype(float)
    assert ours.shape == (decoders.SIDE, decoders.SIDE, 3)
    for name, decode in available.items():
        assert np.abs(decode(path) - ours).mean() < 6, name


def test_in_turns_gives_medians_and_starts_each_round_elsewhere(monkeypatch):
    order = []
    durations = iter([1.0, 5.0, 4.0, 3.0, 2.0, 9.0])

    def seconds(task):
        task()
        return next(durations)

    monkeypatch.setattr(measuring, "seconds", seconds)
    tasks = {name: lambda name=name: order.append(name) for name in "ab"}
    assert measuring.in_turns(tasks, 3) == {"a": 2.0, "b": 5.0}
    assert order == ["a", "b", "b", "a", "a", "b"]


def test_a_failing_process_is_an_error_that_quotes_it():
    assert measuring.run_python("import sys; print(sys.argv[1])", '{"x": 1}') == {"x": 1}
    with pytest.raises(RuntimeError, match="exited with 3: no library"):
        measuring.run_process(
            [sys.executable, "-c", "import sys; print('no library', file=sys.stderr); sys.exit(3)"]
        )


def test_closure_follows_requirements_but_not_extras():
    names = {found.metadata["Name"].lower() for found in weight.closure(["rich>=14"])}
    assert {"rich", "pygments", "markdown-it-py"} <= names
    assert "ipywidgets" not in names  # rich[jupyter]
    assert weight.closure(["no-such-package-here; sys_platform == 'os2'"]) == []


def test_budgets_say_kept_or_missed(capsys):
    from rich.console import Console

    rows = [
        Row("indexing", case, indexing.OURS, metric, limit * 1.5, unit)
        for (case, metric, unit), (limit, _bound) in indexing.BUDGETS.items()
    ]
    allowed = indexing.budgets(rows, Console(width=200, stderr=True))
    said = capsys.readouterr().err.splitlines()
    assert [row.system for row in allowed] == [indexing.BUDGET] * len(rows)
    assert "kept" in said[0] and "at least 100" in said[0]  # more photos a second
    assert "MISSED" in said[1] and "1.800 s, at most 1.200 s" in said[1]


def test_tables_show_every_figure(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    few = [Row("x", "a case", f"system {n}", "speed", 10.0 * n, "photos/s") for n in (1, 2)]
    many = [Row("x", "a case", f"system {n}", "speed", 10.0 * n, "photos/s") for n in range(1, 7)]
    print_table(few)
    wide = capsys.readouterr().out
    assert "system 2" in wide and "20.0" in wide and "ratio" not in wide
    print_table(many)
    long = capsys.readouterr().out
    assert "system 6" in long and "6.00" in long and "60.0" in long


@pytest.mark.parametrize(("value", "text"), [(0.2649, "0.265"), (12.34, "12.3"), (6557.2, "6,557")])
def test_figures_are_readable(value, text):
    assert readable(value) == text


def test_command_line_dispatches_and_writes_json(monkeypatch, tmp_path, capsys):
    from benchmarks import __main__ as command

    rows = [Row("quality", "pets", "mini", "top-1 accuracy", 0.5)]
    monkeypatch.setattr("benchmarks.quality.run", lambda arguments: rows if arguments.quick else [])
    file = tmp_path / "rows.json"
    monkeypatch.setattr(sys, "argv", ["benchmarks", "quality", "--quick", "--json", str(file)])
    assert command.main() == 0
    assert json.loads(file.read_text())[0]["value"] == 0.5
    assert "pets" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["benchmarks", "nothing"])
    with pytest.raises(SystemExit, match="2"):
        command.main()


def test_fetch_of_an_unknown_set_fails_with_code_3(monkeypatch, tmp_path, capsys):
    from benchmarks import __main__ as command

    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "fetch", "photos"])
    assert command.main() == 3
    assert "no set 'photos'" in capsys.readouterr().err
