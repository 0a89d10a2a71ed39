"""The progress that `watch` shows in a notebook: widgets in Jupyter if ipywidgets is installed, otherwise text."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from importlib.util import find_spec
from typing import Any

from epochal.environment import Environment
from epochal.notebook import svg
from epochal.notebook.curves import Curves
from epochal.tasks.follow import Target, View
from epochal.tasks.watch import progress_view
from epochal.views import progress

_MAX_WIDTH = 100


class WithCurves:
    """A text view that also collects the values for the curves.

    Args:
        view: The text view, which shows the progress.
        curves: Receives the values of the object.
    """

    def __init__(self, view: View, curves: Curves) -> None:
        self._view = view
        self._curves = curves

    def show(self, target: Target, found: Mapping[str, Any], *, deleted: bool) -> None:
        """Show an object that has changed or was deleted, and collect its values for the curves."""
        self._view.show(target, found, deleted=deleted)
        self._curves.add(found)

    def tick(self) -> None:
        """Update the remaining time."""
        self._view.tick()


class Widgets:
    """A view for Jupyter: a progress bar with the state beside it, and the curves below.

    Args:
        environment: Its clock is used for the remaining time.
        curves: Receives the values of the object, and draws them.
        widgets: The package ipywidgets.
    """

    def __init__(self, environment: Environment, curves: Curves, widgets: Any) -> None:
        self._environment = environment
        self._curves = curves
        self._found: Mapping[str, Any] = {}
        self._is_deleted = False
        self._drawn = ""
        self.bar = widgets.IntProgress(min=0, max=100)
        self.line = widgets.HTML()
        self.picture = widgets.HTML()
        self.box = widgets.VBox([widgets.HBox([self.bar, self.line]), self.picture])

    def show(self, target: Target, found: Mapping[str, Any], *, deleted: bool) -> None:  # noqa: ARG002 - as View
        """Draw the bar and the curves of an object that has changed or was deleted."""
        self._found, self._is_deleted = found, deleted
        self._curves.add(found)
        self.bar.value = progress.percent(found)
        self.bar.bar_style = {"Complete": "success", "Failed": "danger"}.get(progress.state(found), "info")
        if (panels := self._curves.panels()) and (picture := svg.draw(panels)) != self._drawn:
            self.picture.value = self._drawn = picture
        self.tick()

    def tick(self) -> None:
        """Update the remaining time."""
        if self._found:
            name = str(self._found["metadata"]["name"])
            state = progress.DELETED if self._is_deleted else progress.line(self._found, self._environment.now())
            self.line.value = escape(f"{name}  {state}")


@contextmanager
def watch_view(environment: Environment, name: str) -> Iterator[View]:
    """Open the view of an object for the context: widgets in Jupyter, otherwise text with the curves at its end."""
    curves = Curves(name)
    if is_in_jupyter() and find_spec("ipywidgets") is not None:
        import ipywidgets  # noqa: PLC0415 - an optional package
        from IPython.display import display  # noqa: PLC0415 - in Jupyter it is there

        widgets = Widgets(environment, curves, ipywidgets)
        display(widgets.box)
        yield widgets
        return
    with progress_view(environment, [name]) as view:
        yield WithCurves(view, curves)
    if panels := curves.panels():
        from epochal.runs.text_plots import draw  # noqa: PLC0415 - widgets need no plotext

        environment.write(draw(panels, min(environment.width, _MAX_WIDTH)))


def is_in_jupyter() -> bool:
    """Return whether this process is the kernel of a Jupyter notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
