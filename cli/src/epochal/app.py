"""The command line app: registers all commands, in the order in which `epochal --help` lists them."""

from functools import partial
from typing import Annotated

import typer

from epochal.commands import (
    check,
    compare,
    control,
    delete,
    doctor,
    events,
    export,
    import_file,
    init,
    logs,
    plot,
    predict,
    results,
    run,
    serve,
    submit,
    watch,
)
from epochal.commands import continue_training as continuation
from epochal.commands import list as listing
from epochal.commands.options import environment_of, on_cluster
from epochal.help import SectionedCommand, SectionedGroup

BEFORE, TRAIN, AFTER, OTHER = "Before a training", "Train", "After a training", "Import and export"

app = typer.Typer(
    name="epochal",
    cls=SectionedGroup,
    help="Train, watch, import and export Keras networks on Kubernetes.",
    no_args_is_help=True,
    rich_markup_mode=None,  # the import of rich takes longer than the rest of `epochal --help`
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(context: typer.Context, is_wanted: bool) -> None:  # noqa: FBT001 - typer passes it
    if is_wanted:
        from importlib.metadata import version  # noqa: PLC0415 - other commands need none

        environment_of(context).write(f"epochal {version('epochal')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Train, watch, import and export Keras networks on Kubernetes."""


command = partial(app.command, cls=SectionedCommand)

command(rich_help_panel=BEFORE)(init.init)
command(rich_help_panel=BEFORE)(check.check)
command(rich_help_panel=BEFORE)(run.run)
command(rich_help_panel=BEFORE)(on_cluster(doctor.doctor))

command(rich_help_panel=TRAIN)(on_cluster(submit.submit))
command("list", rich_help_panel=TRAIN)(on_cluster(listing.list_objects))
command(rich_help_panel=TRAIN)(on_cluster(watch.watch))
command(rich_help_panel=TRAIN)(on_cluster(events.events))
command(rich_help_panel=TRAIN)(on_cluster(control.suspend))
command(rich_help_panel=TRAIN)(on_cluster(control.resume))
command(rich_help_panel=TRAIN)(on_cluster(control.finish))
command("continue", rich_help_panel=TRAIN)(on_cluster(continuation.continue_training))
command(rich_help_panel=TRAIN)(on_cluster(delete.delete))

command(rich_help_panel=AFTER)(on_cluster(logs.logs))
command(rich_help_panel=AFTER)(on_cluster(results.results))
command(rich_help_panel=AFTER)(on_cluster(plot.plot))
command(rich_help_panel=AFTER)(on_cluster(compare.compare))
command(rich_help_panel=AFTER)(on_cluster(predict.predict))
command(rich_help_panel=AFTER)(on_cluster(serve.serve))
command(rich_help_panel=OTHER)(on_cluster(export.export))
command("import", rich_help_panel=OTHER)(on_cluster(import_file.import_file))
