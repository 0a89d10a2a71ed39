"""How Argo CD and Flux read what docs/gitops.md has them say of a kind.

https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#custom-health-checks
https://fluxcd.io/flux/components/kustomize/kustomizations/#health-check-expressions
"""

from typing import Any

import cel
import yaml
from lupa.lua51 import LuaRuntime

from tests.kit.documents import blocks

Object = dict[str, Any]

_CONFIG_MAP, _KUSTOMIZATION = (yaml.safe_load(block.text) for block in blocks("docs/gitops.md", "yaml"))
_HEALTH = "resource.customizations.health.epochal.dev_"
SCRIPTS: dict[str, str] = {name.removeprefix(_HEALTH): text for name, text in _CONFIG_MAP["data"].items()}
"""What Argo CD is given, by kind."""
EXPRESSIONS: dict[str, Object] = {one["kind"]: one for one in _KUSTOMIZATION["spec"]["healthCheckExprs"]}
"""What Flux is given, by kind."""
_NO_LIBRARIES = ("debug", "io", "math", "os", "string")
"""What a script of Argo CD's does not have."""


def argo_cd(served: Object, script: str) -> Any:
    """Returns what Argo CD finds, by the Lua that it speaks."""
    lua = LuaRuntime()
    names = lua.globals()
    for library in _NO_LIBRARIES:
        names[library] = None
    names.obj = lua.table_from(served, recursive=True)
    return lua.execute(script)


def flux(served: Object, expressions: Object) -> str:
    """Returns what Flux finds. While an expression cannot be evaluated, it waits."""
    generation = served["metadata"]["generation"]
    if served.get("status", {}).get("observedGeneration", generation) != generation:
        return "InProgress"
    for name, found in (("failed", "Failed"), ("current", "Current")):
        try:
            holds = cel.evaluate(expressions[name], served)
        except (LookupError, RuntimeError, ValueError):
            break
        assert isinstance(holds, bool)
        if holds:
            return found
    return "InProgress"


def replaced(text: str, old: str, new: str) -> str:
    """Returns a text with the one place in it changed that the page has its readers change."""
    assert text.count(old) == 1
    return text.replace(old, new)
