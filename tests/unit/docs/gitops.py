"""Runs the health checks of docs/gitops.md as Argo CD and Flux do.

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
"""Health scripts of Argo CD, by kind."""
EXPRESSIONS: dict[str, Object] = {check["kind"]: check for check in _KUSTOMIZATION["spec"]["healthCheckExprs"]}
"""Health expressions of Flux, by kind."""
_NO_LIBRARIES = ("debug", "io", "math", "os", "string")
"""Lua libraries that Argo CD does not load."""


def argo_cd(served: Object, script: str) -> Any:
    """Returns the result of a health script in Lua."""
    lua = LuaRuntime()
    names = lua.globals()
    for library in _NO_LIBRARIES:
        names[library] = None
    names.obj = lua.table_from(served, recursive=True)
    return lua.execute(script)


def flux(served: Object, expressions: Object) -> str:
    """Returns the result of health expressions. While an expression cannot be evaluated, Flux waits."""
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
    """Returns a text with the one place changed that the page has its readers change."""
    assert text.count(old) == 1
    return text.replace(old, new)
