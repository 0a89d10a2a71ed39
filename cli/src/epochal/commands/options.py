"""Options that several commands share, such as --namespace and --force, and the completion of object names."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from typing import Annotated, Any

import typer

from epochal.environment import Environment
from epochal.errors import EpochalError

PANEL = "Cluster"
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Namespace. Default: that of the context.", rich_help_panel=PANEL),
]
Context = Annotated[
    str | None,
    typer.Option("--context", help="Context of the kubeconfig. Default: the current one.", rich_help_panel=PANEL),
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig", help="Path of the kubeconfig. Default: $KUBECONFIG, or ~/.kube/config.", rich_help_panel=PANEL
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
_OPTIONS = {"namespace": Namespace, "kube_context": Context, "kubeconfig": Kubeconfig}
_VARIABLES = {"namespace": "EPOCHAL_NAMESPACE", "kube_context": "EPOCHAL_CONTEXT", "kubeconfig": "KUBECONFIG"}


def on_cluster(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the options --namespace, --context and --kubeconfig.

    Their values become environment variables of the command's Environment, which `connect` reads. The function
    `command` needs a parameter `context` of the type typer.Context, and no parameters for these options.
    """

    @wraps(command)
    def with_options(*arguments: Any, **values: Any) -> None:
        chosen = {option: values.pop(option) for option in _OPTIONS}
        context: typer.Context = values["context"]
        context.obj = _with(environment_of(context), chosen)
        command(*arguments, **values)

    signature = inspect.signature(command, eval_str=True)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]
    parameters = [*signature.parameters.values(), *added]
    ordered = sorted(parameters, key=lambda parameter: parameter.kind)
    with_options.__signature__ = signature.replace(parameters=ordered)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in ordered}
    del with_options.__wrapped__  # typer would read the parameters of the inner function
    return with_options


def names_of(*kinds: str) -> Callable[[typer.Context, str], list[str]]:
    """Return a function for shell completion: it proposes the names of objects of some kinds in the cluster.

    Args:
        kinds: Names of constants in `epochal.client.kinds`, such as TRAINING_JOBS, so that `--help` imports nothing.
    """

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        from epochal.client import connect  # noqa: PLC0415 - only for a completion
        from epochal.client import kinds as known  # noqa: PLC0415

        chosen = {option: context.params.get(option) for option in _OPTIONS}
        environment = _with(environment_of(context), chosen)
        try:
            cluster = connect(environment)
        except EpochalError:
            return []  # a completion has no place for an error
        names = list[str]()
        for kind in kinds:
            with suppress(EpochalError):  # The user may list only some kinds, or the cluster may lack one.
                names += cluster.names(getattr(known, kind))
        # A shell evaluates the answer, so it must have no other characters than names have.
        return [name for name in names if name.startswith(incomplete) and known.is_name(name)]

    return complete


def _with(environment: Environment, chosen: dict[str, Any]) -> Environment:
    given = {_VARIABLES[option]: str(value) for option, value in chosen.items() if value}
    return replace(environment, variables={**environment.variables, **given}) if given else environment


def environment_of(context: typer.Context) -> Environment:
    """Return the Environment in the context of a command, or a new Environment of this process."""
    return context.find_object(Environment) or Environment()
