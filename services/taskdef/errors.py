"""What is wrong with a task definition document. Pure: the faces turn it into a ClientException or a form error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake.

    `path` is where it is, in the document's own words: `containerDefinitions[0].portMappings[1].hostPort`,
    or "" when it concerns the whole document. `message` is one sentence that can stand beside the field.
    `verbatim` marks a sentence of ECS's own, which callers and scripts may look for: `str()` leaves it alone.
    """

    path: str
    message: str
    verbatim: bool = False

    def __str__(self) -> str:
        return self.message if self.verbatim or not self.path else f"{self.path}: {self.message}"


class InvalidDocument(ValueError):
    """A document was refused. `problems` holds every mistake found, in the order of the document."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: list[Problem] = list(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class Report:
    """Collects the problems of one document while it is being checked, the first LIMIT of them."""

    LIMIT = 100  # nobody reads more, and a hostile document cannot make checking it slow

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}

    def add(self, path: str, message: str, *, verbatim: bool = False) -> None:
        if len(self._problems) < self.LIMIT:
            self._problems.setdefault(Problem(path, message, verbatim))

    def told(self, path: str) -> bool:
        """Whether a problem is already known at exactly this place."""
        return any(problem.path == path for problem in self._problems)

    def broken(self, *paths: str) -> bool:
        """Whether a problem is already known at, or inside, one of these places.

        Rules ask this before they compare values, so that one mistake is told once.
        """
        return any(
            problem.path == path or problem.path.startswith((f"{path}.", f"{path}["))
            for problem in self._problems
            for path in paths
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problems)


def join(path: str, name: str) -> str:
    """The path of member `name` of the object at `path`."""
    return f"{path}.{name}" if path else name
