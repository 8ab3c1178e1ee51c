"""The command line: the same calls as in Python, in words."""

from __future__ import annotations

import atexit
import errno
import gc
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sensorium.errors import SensoriumError, SensoriumWarning, UsageError
from sensorium.visible import visible

OLD_OPTIONS = {"--output": "--out"}
NOW_SETTINGS = (
    "accumulation", "dimension", "dropout", "hidden", "image-pooling", "max-steps", "patience",
    "precision", "projection", "save-every", "text-pooling", "text-prefix", "tower-learning-rate",
    "validate-every", "warmup", "weight-decay",
)  # fmt: skip
"""Options that ``train contrastive`` had."""

FAULTS_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""What is said in a line wherever it happens: it is no fault of Sensorium's."""

EXIT_DONE = 0
EXIT_PARTLY = 1  # nothing found, or some inputs were skipped
EXIT_USAGE = 2
EXIT_FAILED = 3
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
EXIT_TERMINATED = 143  # 128 + SIGTERM


def main() -> None:
    """Run ``sensorium`` and turn Sensorium's own errors into one line and an exit code."""
    _let_threads_sleep()  # before anything loads the libraries that read it
    _look_for_cycles_seldom(sys.argv[1:2])
    _let_no_file_be_a_stream()
    with _ended_like_ctrl_c():
        from sensorium.cli.frame import app_for
        from sensorium.cli.progress import speaking
        from sensorium.cli.terminal import open_streams, print_error

        open_streams()
        _keep_libraries_quiet()
        try:
            sys.argv = [_as_called_now(word) for word in sys.argv]
            with speaking(" ".join(["sensorium", *sys.argv[1:2]])):
                try:
                    app_for(sys.argv[1:])()
                finally:
                    sys.stdout.flush()  # here it can be told that it cannot be written
        except SensoriumError as error:
            print_error(str(error))
            sys.exit(EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED)
        except OSError as error:
            if error.errno not in FAULTS_OF_DISKS:
                raise
            where = error.filename if isinstance(error.filename, str) else "a file"
            print_error(f"{where}: {error.strerror}; free some space, or name another place")
            sys.exit(EXIT_FAILED)


def _let_no_file_be_a_stream() -> None:
    """Let streams that are closed lead nowhere.

    Else the first file that is opened takes the place of one, and what a library prints is written
    into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, and both without a traceback, whenever they come.

    Before a command's own work begins, and after it, there is nobody else who expects them.
    """
    came = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(EXIT_TERMINATED if came else EXIT_INTERRUPTED) from None
    except SystemExit as ended:
        if came and ended.code == EXIT_INTERRUPTED:
            raise SystemExit(EXIT_TERMINATED) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _as_called_now(word: str) -> str:
    """An option by its name of today; old ones are understood for one release."""
    name, equals, value = word.partition("=")
    if sys.argv[1:3] == ["train", "contrastive"] and name.removeprefix("--") in NOW_SETTINGS:
        setting = name.removeprefix("--").replace("-", "_")
        raise UsageError(f"{name} stands in a file now: --settings FILE.json, {{'{setting}': ...}}")
    return f"{OLD_OPTIONS.get(name, name)}{equals}{value}"


def _let_threads_sleep() -> None:
    """Let threads of torch and NumPy sleep while they wait for each other, instead of spinning.

    Beside other programs a thread waits for one that does not run: a step of a training on two
    cores took 12 to 16 s of time and 3 s of processor spinning, 2 s and 0.4 s sleeping, and a
    linear fusion of 100 rows 15 to 36 s and 1 s. Whoever sets the variables goes before.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # 2^4 cycles, the least there is


def _look_for_cycles_seldom(command: list[str]) -> None:
    """Of the 300,000 objects that a search's imports make none is garbage.

    Python looks through them 150 times, and all of them twice before it ends: a fifth of what a
    cold search takes of a processor. Commands that work for longer look as often as Python does by
    itself: what they let go may be as large as a picture.
    """
    if command in (["search"], ["info"], ["--help"]):
        gc.set_threshold(100_000)
        atexit.register(gc.freeze)


def _keep_libraries_quiet() -> None:
    """Leave standard error to what the user can act on; Sensorium says itself what went wrong.

    Python's own settings (``-W``, ``$PYTHONWARNINGS``) and those of the libraries go before.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", SensoriumWarning)
    warnings.formatwarning = _on_one_line
    logging.getLogger().addHandler(logging.NullHandler())  # else Python prints what nobody handles
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DATASETS_VERBOSITY", "error")
    if not sys.stderr.isatty():  # a terminal may show what is fetched from a hub
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")


def _on_one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    line: str | None = None,
) -> str:  # fmt: skip
    if issubclass(category, SensoriumWarning):
        return f"sensorium: {visible(str(message))}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"
