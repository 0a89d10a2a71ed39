"""Shows the progress of objects until they end."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from epochal.client.cluster import Cluster
from epochal.client.references import Found
from epochal.exit_codes import ExitCode
from epochal.tasks.follow import View, follow
from epochal.tasks.progress_views import progress_view


def watch_objects(
    cluster: Cluster, found: Sequence[Found], view: AbstractContextManager[View] | None = None
) -> ExitCode:
    """Show the progress of objects until they end, and return the exit code. Ctrl-C ends only the view.

    Args:
        cluster: The cluster.
        found: The objects.
        view: Opens the view. Default: the one of the command.
    """
    environment = cluster.environment
    try:
        with view or progress_view(environment, [each.name for each in found]) as opened:
            return follow(cluster, found, opened)
    except KeyboardInterrupt:
        names = " ".join(each.name for each in found)
        environment.warn(f"\nThe training goes on. Watch it again with `epochal watch {names}`.")
        raise
