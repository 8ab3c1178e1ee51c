"""How often files were begun: one that kills who reads it is left out, not tried for ever.

Ray begins again what a process had in hand that died, on another machine if need be, as often as it
takes. A decoder that crashes on one file would crash there, too.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

HASTY = 2
"""Times that the files of a block are read together. After that one at a time, so that it is known
which one was in hand when the process died."""

MOST_BEGUN = 2
"""Times that a file is read alone."""

DEADLY = "the process that read it died, each time: it is left out"


class Counts:
    """How often each was begun; lives in a process of its own."""

    def __init__(self) -> None:
        self._blocks: Counter[int] = Counter()
        self._files: Counter[int] = Counter()

    def begin_block(self, number: int) -> int:
        """Count a block, by its first file, and say how often it was begun."""
        self._blocks[number] += 1
        return self._blocks[number]

    def begin_file(self, number: int) -> int:
        """Count a file that is read alone, and say how often it was."""
        self._files[number] += 1
        return self._files[number]

    def end_file(self, number: int) -> None:
        """Forget a file that was read, whether or not that could be done."""
        del self._files[number]


class Attempts:
    """The counts of one run, as actors reach them."""

    def __init__(self) -> None:
        import ray  # alone: the process that counts needs no more of it

        # Where it is lost with its machine, counting begins anew.
        kind = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Counts)
        self._counts: Any = kind.remote()

    def _ask(self, method: str, number: int) -> int:
        import ray

        return int(ray.get(getattr(self._counts, method).remote(number)) or 0)

    def are_many(self, block: int) -> bool:
        """Count a block; whether its files are now to be read one at a time."""
        return self._ask("begin_block", block) > HASTY

    def is_deadly(self, number: int) -> bool:
        """Count a file that is about to be read alone; whether it had better not be."""
        return self._ask("begin_file", number) > MOST_BEGUN

    def end(self, number: int) -> None:
        """Say that a file was read."""
        self._ask("end_file", number)
