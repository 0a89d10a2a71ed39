"""Selects the arrays of an npz file for the inputs, outputs and weights of a data set, by their names."""

import itertools
import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from epochal_api.array_names import ArrayNames, Role
from epochal_api.suggestions import close_matches

from epochal_trainer.data.formats.npz_names import (
    ROLES,
    class_name_arrays,
    column_name_arrays,
    join_and,
    rename_advice,
    suggest_renames,
)
from epochal_trainer.data.network_arrays import SINGLE, NetworkArrays
from epochal_trainer.lib.failures import bad_data

log = logging.getLogger(__name__)

MAX_NAMES = 20
MAX_RENAMES = 3
"""Maximum number of arrays for which a message suggests a new name."""
MAX_SHOWN = 100
"""Maximum number of characters of an array's name in a message. A longer name is cut."""
_MAX_COMPARED = 1000
"""Maximum number of arrays in the file whose names are compared with a missing name for a suggestion."""
_NUMBERED = re.compile("arr_[0-9]+")
"""Pattern of the names, such as arr_0, under which numpy.savez stores arrays without names."""


def choose_arrays(names: Iterable[str], role: Role, file_name: str, network: NetworkArrays = SINGLE) -> ArrayNames:
    """Return the names of the arrays to read for a data set: the first names that fit, such as x_val, else x.

    `names` are all names in the file. The result may contain the name of an array of weights that does not exist.

    Raises:
        Failure: MissingArrays, if the file lacks the array of an input or output.
    """
    present = set(names)
    candidates = [*network.array_names(role), *network.array_names(None)]
    for arrays in candidates:
        if present.issuperset(arrays.required):
            return arrays
    found = _format_names(present) or "nothing"
    if not network.is_single:
        expected = _describe_missing(present, candidates, role, network)
        raise bad_data("MissingArrays", f"{file_name} holds {found}{expected}")
    expected = ", or ".join(join_and(arrays.required) for arrays in candidates)
    advice = ""
    if renames := suggest_renames(present, {name for arrays in candidates for name in arrays.all}):
        advice = f": {rename_advice(renames)}"
    elif any(_NUMBERED.fullmatch(name) for name in present):
        advice = ": name them as you save them, numpy.savez(FILE, x=…, y=…)"
    raise bad_data("MissingArrays", f"{file_name} holds {found}: for spec.data.{role} it must hold {expected}{advice}")


def check_separate_arrays(chosen: Mapping[Role, ArrayNames], file_name: str) -> None:
    """Reject a file in which two data sets read the same array, but not all the same arrays.

    For example, with the inputs a and a_train, the array a_train is the input a of the training set, and may be the
    input a_train of the test set. `chosen` has the names of the arrays to read for each data set.

    Raises:
        Failure: MissingArrays.
    """
    for (role, arrays), (other, of_other) in itertools.combinations(chosen.items(), 2):
        shared = sorted({*arrays.required} & {*of_other.required})
        if shared and arrays.required != of_other.required:
            raise bad_data(
                "MissingArrays",
                f"{file_name}: spec.data.{role} reads {_format_list(arrays.required)}, and spec.data.{other} reads "
                f"{_format_list(of_other.required)}: {shared[0][:MAX_SHOWN]} cannot be in both. Rename the input or "
                "output whose name is that of another with _train, _val or _test, or use a file for each data set",
            )


def check_unread_arrays(
    names: Iterable[str],
    chosen: Mapping[Role, ArrayNames],
    file_name: str,
    other_roles: Collection[Role] = (),
    network: NetworkArrays = SINGLE,
) -> None:
    """Reject a file with arrays that the TrainingJob does not read, since the user may expect that they are used.

    Args:
        names: The names of all arrays in the file.
        chosen: The names of the arrays to read for each data set.
        file_name: Key of the file, for messages.
        other_roles: The data sets that spec.data reads from other objects. Their arrays in this file are allowed.
        network: The inputs and outputs of the network.

    Raises:
        Failure: UnreadArrays, with the names of unread and read arrays, and advice.
    """
    read, present = {name for arrays in chosen.values() for name in arrays.all}, set(names)
    class_names = [class_name_arrays(network, output) for output in network.outputs]
    column_names = [column_name_arrays(network, name) for name in network.inputs]
    unread = present.difference(read, *class_names, *column_names)
    of_role = {role: network.array_names(role)[0] for role in ROLES}
    if ignored := unread & {name for role in other_roles for name in of_role[role].all}:
        log.info(
            "%s: ignored %s, arrays of data sets that spec.data reads from other objects.",
            file_name,
            _format_names(ignored),
        )
        unread -= ignored
    if not unread:
        return
    reads = "; ".join(f"spec.data.{role} reads {_format_list(arrays.all)}" for role, arrays in chosen.items())
    advice = [
        f"set spec.data.{role}.object to {file_name}, to read {join_and(arrays.required)}"
        for role, arrays in of_role.items()
        if role not in chosen and unread.issuperset(arrays.required)
    ]
    advice += [
        f"{rename_advice(renames)}, and set spec.data.{role}.object to {file_name}"
        for role, arrays in of_role.items()
        if role not in {*chosen, *other_roles}
        and {*arrays.required} <= set((renames := suggest_renames(unread, arrays.all)).values())
    ]
    readable = read | {names[0] for names in class_names if names and present.isdisjoint(names)}
    advice += [
        f"rename {name} to {' or '.join(matches)} so that it is read"
        for name in (name[:MAX_SHOWN] for name in sorted(unread)[:MAX_RENAMES])
        if (matches := close_matches(name, sorted(readable - present)))
    ]
    advice.append("remove the unread arrays from the file")
    raise bad_data(
        "UnreadArrays",
        f"{file_name} holds {_format_names(unread)}, which no part of this job reads ({reads}, if present): "
        f"{', or '.join(advice)}",
    )


def _describe_missing(present: set[str], candidates: Sequence[ArrayNames], role: Role, network: NetworkArrays) -> str:
    """Return the end of the message about missing arrays of a network with several inputs or outputs, with advice."""
    nearest = max(reversed(candidates), key=lambda arrays: len(present.intersection(arrays.required)))
    missing = [name for name in nearest.required if name not in present]
    own, with_suffix = network.array_names(None), network.array_names(role)[0].required
    suffix = with_suffix[0].removeprefix(network.inputs[0])
    expected = f"{join_and(network.names)}, or all of these with {suffix}"
    if usual := sorted({name for arrays in own for name in arrays.required} - {*network.names}):
        sole = network.inputs[0] if len(network.inputs) == 1 else network.outputs[0]
        expected += f"; {sole} may also have the name {' or '.join(usual)}"
    unread = sorted(name[:MAX_SHOWN] for name in present.difference(nearest.required))[:_MAX_COMPARED]
    pairs = [(match[0], name) for name in missing[:MAX_RENAMES] if (match := close_matches(name, unread))]
    if renames := dict(pairs):
        expected += f". Advice: {rename_advice(renames)}"
    elif any(map(_NUMBERED.fullmatch, unread)):
        arguments = ", ".join(f'"{name}": …' for name in missing[:MAX_RENAMES])
        expected += f". Name the arrays as you save them: numpy.savez(FILE, **{{{arguments}, …}})"
    return (
        f", but not {_format_list(missing)}: for spec.data.{role} it must hold an array for each input and output of "
        f"the network, {expected}"
    )


def _format_names(names: Collection[str]) -> str:
    return ", ".join(name[:MAX_SHOWN] for name in sorted(names)[:MAX_NAMES])


def _format_list(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{', '.join(names[:MAX_NAMES])}{more}"
