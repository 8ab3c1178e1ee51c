"""How the documentation's blocks are found, run, and compared with what is printed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import pages
from tests.pages import BlockFailedError, Terminal, blocks, differs, run_page

PAGE = """
```sh
echo one 0.500 in 3 s
```

```text
one 0.501 in 9 s
```

<!-- not run: there is no such command -->
```sh
no-such-command
```

<!-- slow -->
```sh
echo slow
```

```
slow
```

```console
$ number=4
$ echo $number; tty -s <&1 && echo terminal
4
terminal
```

```python
number = 5
```

```python
print(number)
```

```text
5
```
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    scratch = tmp_path / "blocks"
    scratch.mkdir()
    terminal = Terminal(tmp_path, scratch, {"PATH": os.environ["PATH"]})
    yield terminal
    terminal.close()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    return tmp_path


def run(terminal: Terminal, root: Path, page: str, *, slow: bool = False) -> list[int]:
    path = root / "page.md"
    path.write_text(page, "utf-8")
    return [block.line for block in run_page(terminal, path, 20, slow=slow, change=str)]


@pytest.mark.parametrize(("slow", "count"), [(False, 4), (True, 5)])
def test_blocks_run_in_one_shell_and_one_python(
    slow: bool, count: int, terminal: Terminal, root: Path
) -> None:
    assert len(run(terminal, root, PAGE, slow=slow)) == count


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("one 0.501", "one 0.601"),  # a figure beyond what processors differ by
        ("9 s", "9 m"),
        ("\n4\n", "\n5\n"),
        ("print(number)", "print(nothing)"),
        ("echo one", "false; echo one"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    right: str, wrong: str, terminal: Terminal, root: Path
) -> None:
    assert PAGE.count(right) == 1
    with pytest.raises(BlockFailedError, match=r"^page\.md:\d+: "):
        run(terminal, root, PAGE.replace(right, wrong))


def test_a_block_that_nothing_runs_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1"):
        list(blocks("```\nsensorium search nothing\n```\n"))


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["a", "c"], ["a", "b", "c"]),
        (["14 added in 30.9 s"], ["14 added in 8 s"]),
        (["/home/you/panda small.png"], ["/tmp/panda small.png"]),
        (["Djembe Accompani…"], ["Djembe Accompaniment"]),
        (["accuracy 12%"], ["accuracy 13%"]),
    ],
)
def test_what_may_differ(shown: list[str], printed: list[str]) -> None:
    assert differs(shown, printed) is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["c", "a"], ["a", "c"]),
        (["14 added in 30.9 s"], ["13 added in 30.9 s"]),
        (["/home/you/panda.png"], ["/home/you/cat.png"]),
        (["accuracy 12%"], ["accuracy 19%"]),
        (["one word"], ["one word more"]),
    ],
)
def test_what_may_not(shown: list[str], printed: list[str]) -> None:
    assert differs(shown, printed) == shown[-1]
