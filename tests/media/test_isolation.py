"""A decoder that dies, spins or takes all memory costs one file, and its worker alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media import isolation, messages, spending
from tests.media.isolated import (
    asked,
    content_of,
    counted,
    dies,
    echoed,
    exits,
    lacks,
    prints,
    process,
    raises,
    spins_for,
    too_deep,
    unsendable,
    variables,
)

ROOT = Path(__file__).parents[2]


def test_values_come_back_as_they_are() -> None:
    array = np.arange(12, dtype="<f4").reshape(3, 4)
    picture = PIL.Image.effect_noise((9, 5), 50).convert("RGBA")
    value = (None, True, -3, 2.5, "caf\udce9 图", [b"bytes", (1, [2])], {"key": Path("/a b")})
    back = echoed(b"12345", (*value, array, picture, np.zeros((0, 4), bool)))
    assert back["size"] == 5 and back["value"][:7] == value
    assert np.array_equal(back["value"][7], array) and back["value"][7].dtype == array.dtype
    assert back["value"][8].mode == "RGBA" and back["value"][8].tobytes() == picture.tobytes()
    assert back["value"][9].shape == (0, 4)
    nan = echoed(b"", [float("nan"), float("inf")])["value"]
    assert np.isnan(nan[0]) and nan[1] == float("inf")


def test_pictures_of_every_mode_come_back_as_they_are() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8).tobytes()
    for mode, size in messages._MODES.items():
        picture = PIL.Image.frombytes(mode, (7, 5), noise[: 35 * size])
        back = echoed(b"", picture)["value"]
        assert (back.mode, back.size, back.tobytes()) == (mode, (7, 5), picture.tobytes())


def test_a_worker_is_another_process_and_kept_warm() -> None:
    first = process(b"")
    assert first != os.getpid()
    assert {process(b"") for _ in range(5)} <= {first, *isolation.workers()}
    assert len({process(b"") for _ in range(5)}) == 1


def test_paths_mean_what_they_mean_here_after_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = process(b"")
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        (folder / "file").write_text(folder.name)
        monkeypatch.chdir(folder)
        name = folder.name.encode()
        assert content_of(Path("file")) == name
        assert content_of(Path("file"), beside=Path("../one/file")) == name + b"one"
        with pytest.raises(MediaError) as refused:
            content_of(Path("missing"))
        assert refused.value.name == "missing"
    assert process(b"") == worker


def test_a_generator_is_asked_for_one_after_the_other() -> None:
    numbers = counted(b"", 1000)
    assert next(numbers)[0] == 0
    number, picture = next(numbers)
    assert (number, picture.getpixel((5, 3))) == (1, (1, 1, 1))
    numbers.close()  # early, and the worker is there for the next
    before = {*isolation.workers()}
    assert process(b"") in before
    assert [number for number, _ in counted(b"", 3)] == [0, 1, 2]


def test_a_generator_gets_what_is_sent_to_it() -> None:
    talk = asked(b"")
    assert next(talk) == "ready"
    assert talk.send((1, "two")) == ["answer to", (1, "two")]
    assert talk.send(None) == ["answer to", None]
    with pytest.raises(StopIteration):
        talk.send("enough")


def test_a_package_that_a_generator_lacks_is_told() -> None:
    with pytest.raises(MissingExtraError, match="some-package is not installed; run:"):
        list(lacks(b""))


@pytest.mark.skipif(os.name != "posix", reason="the system has no such signals")
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("SIGSEGV", r"broke on it \(SIGSEGV\)"),
        ("SIGABRT", r"broke on it \(SIGABRT\)"),
        ("SIGKILL", "the system ended the process"),
        ("spins", r"more than 0 s of processor time"),
    ],
)
def test_a_death_costs_one_file(how: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "SECONDS", 0.4)
    items = dies(how.encode(), how, 2)
    assert (next(items), next(items)) == (0, 1)  # what was read before is worth having
    with pytest.raises(MediaError, match=words):
        next(items)
    assert process(b"") != os.getpid()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no such clock")
def test_a_file_cannot_take_its_time_for_every_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "SECONDS", 0.3)
    monkeypatch.setattr(spending, "SECONDS_AN_ITEM", 0.1)  # here; a worker has its own
    assert len(list(spins_for(b"a", [0.15] * 4, 0.2))) == 4  # honest: each brings what it takes
    path = tmp_path / "a"
    path.write_bytes(b"c")
    with pytest.raises(MediaError, match="of processor time, and"):
        list(spins_for(b"b", [0.15] * 40, 0.01))
    with pytest.raises(MediaError, match="of processor time, and"):
        for _ in range(40):  # nor by one call after the other
            list(spins_for(path, [0.15], 0.01))
    assert list(spins_for(path, [0.05], 0.01)) == [0]  # who tries it again begins anew


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_memory_ends_at_the_limit(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"too large for this machine's memory|broke on it"):
        list(dies(b"all memory", "takes"))  # with an account of its own
    assert process(b"") != os.getpid()


def test_errors_are_the_file_s() -> None:
    with pytest.raises(MediaError, match=r"^a\.pdf: broken here$"):
        raises(b"", "media")
    with pytest.raises(MediaError, match=r"b\.pdf: two lines"):
        raises(Path("/b.pdf"), "other")
    with pytest.raises(MediaError, match="nested too deeply"):
        raises(b"", "recursion")
    with pytest.raises(MediaError, match="too large for this machine's memory"):
        raises(b"", "memory")
    with pytest.raises(MediaError, match="made by a library"):
        raises(b"", "unknown")
    with pytest.raises(MediaError, match="called `unwrap"):
        raises(b"", "panic")
    with pytest.raises(MissingExtraError, match="some-package is not installed; run:"):
        raises(b"", "extra")


def test_a_library_that_ends_its_process_costs_one_file() -> None:
    before = process(b"")
    items = exits(b"", 2)
    assert (next(items), next(items)) == (0, 1)
    with pytest.raises(MediaError, match=r"broke on it \(exit code 0\)"):
        next(items)
    with pytest.raises(MediaError, match=r"b\.pdf: .*broke on it \(exit code 3\)"):
        raises(Path("/b.pdf"), "exit")
    assert process(b"") not in (before, os.getpid())


def test_workers_know_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    from sensorium.media.isolation import without_secrets

    secrets = {
        "OPENAI_API_KEY": "canary", "HF_TOKEN": "canary", "HUGGING_FACE_HUB_TOKEN": "canary",
        "AWS_SECRET_ACCESS_KEY": "canary", "PGPASSWORD": "canary", "SMTP_PASS": "canary",
        "openai_api_key": "canary", "GOOGLE_APPLICATION_CREDENTIALS": "canary",
        "https_proxy": "http://someone:canary@proxy:3128", "GITHUB_PAT": "canary",
        "STORE": "AccountName=a;AccountKey=canary", "MINE": "hf_canary", "HEADER": "Bearer canary",
    }  # fmt: skip
    kept = {
        "PATH": "/bin", "LANG": "C.UTF-8", "HOME": "/home/a", "PYTHONPATH": "/a/b", "TMPDIR": "/t",
        "LD_LIBRARY_PATH": "/lib", "SENSORIUM_HOME": "/h", "OMP_WAIT_POLICY": "PASSIVE",
        "http_proxy": "http://proxy:3128", "COMPASS": "north", "PYTHONHASHSEED": "0",
    }  # fmt: skip
    assert without_secrets({**secrets, **kept}) == kept
    isolation._pool.end()  # so that the next worker is begun with these
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    told = variables(b"")
    assert any(one.startswith("PATH=") for one in told) and "canary" not in str(told)


def test_what_a_library_prints_gets_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    assert prints(b"") == "said"
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_sent_is_told() -> None:
    with pytest.raises(MediaError, match="do not fit together"):
        unsendable(b"")
    with pytest.raises(MediaError, match="nested too deeply"):
        too_deep(b"")
    assert process(b"") != os.getpid()


def test_many_threads_at_once() -> None:
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda n: echoed(b"", n)["value"], range(60)))
    assert found == list(range(60))
    assert len(list(isolation.workers())) <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_leaves_readings_that_are_under_way_alone() -> None:
    code = """
import os, sys
from tests.media.isolated import counted, process
under_way = counted(b"", 4)
print(next(under_way)[0])
child = os.fork()
if child == 0:
    own = process(b"")
    try:
        next(under_way)
    except Exception as error:
        print(type(error).__name__, "before this process was forked" in str(error), flush=True)
    sys.exit()  # what is left of generators is closed
print(os.waitpid(child, 0)[1])
other = counted(b"", 4)
print(next(other)[0])
child = os.fork()
if child == 0:
    sys.exit()
print(os.waitpid(child, 0)[1], [number for number, _ in under_way], [n for n, _ in other])
"""
    done = subprocess.run(
        [sys.executable, "-uc", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stderr == ""
    assert done.stdout.split("\n") == [
        "0", "MediaError True", "0", "0", "0 [1, 2, 3] [1, 2, 3]", ""
    ]  # fmt: skip


def test_without_isolation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(isolation.WITHOUT, "0")
    assert process(b"") == os.getpid()
    assert [number for number, _ in counted(b"", 3)] == [0, 1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_worker_is_left_behind() -> None:
    code = (
        "import os, signal; from tests.media.isolated import process, spins_for; "
        "print(process(b''), flush=True); {end}"
    )
    kill = "os.kill(os.getpid(), signal.SIGKILL)"
    busy = f"import threading; threading.Timer(0.3, lambda: {kill}).start(); "
    for end in ("pass", kill, f"{busy}list(spins_for(b'', [19], 1))"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(end=end)], capture_output=True, text=True,
            cwd=ROOT, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        worker, gone = int(done.stdout), threading.Event()
        for _ in range(100):
            try:
                os.kill(worker, 0)
            except ProcessLookupError:
                gone.set()
                break
            state = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":
                gone.set()
                break
            gone.wait(0.1)
        assert gone.is_set(), signal.Signals
