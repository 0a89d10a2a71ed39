"""Python identifiers for the names of inputs and layers."""

import builtins
import keyword
import re
from collections.abc import Sequence
from itertools import chain, count

from epochal.exporters.torch.snippets import SNIPPETS

_NO_WORD = re.compile(r"\W", re.ASCII)
_MODULE_ATTRIBUTES = frozenset(
    {
        "T_destination",
        "add_module",
        "apply",
        "bfloat16",
        "buffers",
        "build",
        "call_super_init",
        "children",
        "compile",
        "cpu",
        "cuda",
        "double",
        "dump_patches",
        "eval",
        "extra_repr",
        "float",
        "forward",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "half",
        "initialize",
        "ipu",
        "load_state_dict",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "penalty",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "requires_grad_",
        "set_extra_state",
        "set_submodule",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "train",
        "training",
        "type",
        "xpu",
        "zero_grad",
    }
)
"""Attributes of torch.nn.Module, which must not be names of layers."""
_USED = frozenset({"self", "torch", "nn", "F", "x", "math", "np", "keras", "model", "state"})


def identifiers(names: Sequence[str]) -> list[str]:
    """Return a Python identifier for each name, all different, and none that is an attribute of torch.nn.Module."""
    taken = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *_MODULE_ATTRIBUTES, *_USED, *SNIPPETS}
    result: list[str] = []
    for name in names:
        identifier = _NO_WORD.sub("_", name)
        if not identifier or identifier[0].isdigit() or identifier.startswith("_"):
            identifier = f"layer_{identifier.lstrip('_')}"
        # The length bounds the search: names of up to 128 characters that differ in no letter or digit only.
        numbered = (f"{identifier}_{number}" for number in count(2))
        result.append(next(name for name in chain([identifier], numbered) if name not in taken))
        taken.add(result[-1])
    return result
