"""Shows the progress of objects until they end: bars in a terminal, lines elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from epochal.client.cluster import Cluster
from epochal.client.references import Found
from epochal.environment import Environment
from epochal.exit_codes import ExitCode
from epochal.tasks.follow import Target, View, follow
from epochal.views import progress

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Lines:
    """A view that writes a line with the time for each new epoch, state or reason.

    Args:
        environment: Its standard output and clock are used.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._last: dict[Target, str] = {}

    def show(self, target: Target, found: Mapping[str, Any], *, deleted: bool) -> None:
        """Write a line for a changed or deleted object, unless only its step or its remaining time has changed."""
        figures = [progress.state(found), progress.figures(found), progress.reason(found)]
        key = progress.DELETED if deleted else "  ".join(figures)
        if self._last.get(target) != key:
            self._last[target] = key
            now = self._environment.now()
            text = progress.DELETED if deleted else progress.line(found, now)
            self._environment.write(f"{now:%H:%M:%S}  {target.name}  {text}")

    def tick(self) -> None:
        """Do nothing: a change of the remaining time alone writes no line."""


class Bars:
    """A view with a progress bar for each object, and its state beside the bar.

    Args:
        environment: Its clock is used for the remaining time.
        bars: The `rich.progress.Progress` that draws the bars.
    """

    def __init__(self, environment: Environment, bars: "Progress") -> None:
        self._environment = environment
        self._bars = bars
        self._tasks: dict[Target, TaskID] = {}
        self._shown: dict[Target, Mapping[str, Any]] = {}

    def show(self, target: Target, found: Mapping[str, Any], *, deleted: bool) -> None:
        """Draw the bar of an object that has changed or was deleted."""
        if target not in self._tasks:
            self._tasks[target] = self._bars.add_task(target.name, total=100, state="", text="", left="")
        self._shown[target] = found
        state = progress.DELETED if deleted else progress.state(found)
        text = "  ".join(part for part in (progress.figures(found), progress.reason(found)) if part)
        left = progress.remaining(found, self._environment.now())
        self._bars.update(
            self._tasks[target], completed=progress.percent(found), state=state, text=text, left=left and f"ETA {left}"
        )

    def tick(self) -> None:
        """Update the remaining time of all objects."""
        for target, found in self._shown.items():
            left = progress.remaining(found, self._environment.now())
            self._bars.update(self._tasks[target], left=left and f"ETA {left}")


@contextmanager
def progress_view(environment: Environment, names: Sequence[str]) -> Iterator[View]:
    """Open the view for objects with these names, as a context: bars in a terminal, otherwise lines."""
    if not environment.has_terminal:
        yield Lines(environment)
        return
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 - lines need no bars
    from rich.table import Column  # noqa: PLC0415

    width = min(max(map(len, names), default=0), 40)

    def text(field: str, **options: Any) -> TextColumn:
        return TextColumn(f"{{task.{field}}}", markup=False, table_column=Column(no_wrap=True, **options))

    bars = Progress(
        text("description", width=width, overflow="ellipsis"),
        text("fields[state]", min_width=9),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f} %"),
        text("fields[left]"),
        text("fields[text]", overflow="ellipsis", ratio=1),
        console=environment.console,
        expand=True,
        refresh_per_second=4,
    )
    with bars:
        yield Bars(environment, bars)


def watch_objects(
    cluster: Cluster, found: Sequence[Found], view: AbstractContextManager[View] | None = None
) -> ExitCode:
    """Show the progress of objects until they end, and return the exit code. Ctrl-C ends only the view.

    Args:
        cluster: The cluster.
        found: The objects to show, as read from the cluster.
        view: The context that opens the view. Default: `progress_view`.
    """
    environment = cluster.environment
    try:
        with view or progress_view(environment, [each.name for each in found]) as opened:
            return follow(cluster, found, opened)
    except KeyboardInterrupt:
        names = " ".join(each.name for each in found)
        environment.warn(f"\nThe training goes on. Watch it again with `epochal watch {names}`.")
        raise
