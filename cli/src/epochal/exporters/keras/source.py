"""The network of a TrainingJob as a section of a script, from any source: layers, a saved model, or code."""

import builtins
from fnmatch import fnmatchcase

from epochal_api.catalogue.classes import LAYERS, catalogue
from epochal_api.trainingjob.network import InitialWeights, Network
from epochal_api.trainingjob.spec import TrainingJobSpec

from epochal.exporters.keras.helpers import HELPERS
from epochal.exporters.keras.helpers.helper import KERAS
from epochal.exporters.keras.helpers.helper import LAYERS as LAYERS_IMPORT
from epochal.exporters.keras.network import FULL_PRECISION, network_code
from epochal.exporters.keras.section import Section
from epochal.exporters.python_code import assign, call, literal, statement
from epochal.exporters.support import unsupported

_TAKEN = """
    argparse fnmatch gzip importlib inspect itertools keras layers math np os parser pickle plt sys tempfile tf
    contextmanager Path urlsplit arguments module train validation test prepare split class_weights history samples
    steps passes weights source sources layer loss metrics loss_weights swap y name values every run
""".split()  # noqa: SIM905 - a line for each name would be long
_KERAS_SUFFIX = ".keras"
_WITH_WEIGHTS = "Normalization"
"""The only layer whose learned state, from the data before the training, is part of its weights."""


def network_section(spec: TrainingJobSpec) -> Section:
    """Return the code that sets the seed, and builds or loads the network as `model`."""
    section = Section("The network")
    section.use(imports=[KERAS])
    section.lines.append("keras.utils.set_random_seed(SEED)")
    if spec.network is not None:
        _add_layers(spec, spec.network, section)
    elif spec.model is not None:
        section.use("fetch", "plain")
        path = _fetch(spec, spec.model.uri)
        section.lines += [
            assign("model", call("keras.saving.load_model", {"compile": "False"}, path)),
            "model = plain(model)",
        ]
        if spec.model.freeze:
            section.use("matches")
            patterns = literal(spec.model.freeze)
            section.lines.append(
                "\n".join(
                    [
                        assign("patterns", patterns),
                        "for layer in model._flatten_layers(include_self=False):  # also layers within layers",
                        "    if matches(layer.name, patterns):",
                        "        layer.trainable = False",
                    ]
                )
            )
    elif spec.code is not None:
        section.use("fetch", "load_module", "plain")
        section.constants.append(assign("SPEC", literal(spec.dump())))
        fetched = call("fetch", None, literal(spec.data.prefix + spec.code.object), "DATA")
        section.lines.append(assign("module", call("load_module", None, fetched)))
        build = f"plain(module.{spec.code.entrypoint}(SPEC))"
        section.lines += _in_precision(spec.training.precision, [f"model = {build}"])
    section.lines.append("model.summary()")
    return section


def adapt_section(spec: TrainingJobSpec) -> Section | None:
    """Return the code that calls `adapt` on layers with the training data; None if no layer needs this."""
    names = _adapted(spec.network) if spec.network is not None else []
    if not names:
        return None
    section = Section("The layers that learn from the data before the training")
    section.use("adapt")
    section.lines += [f"adapt(model.get_layer({literal(name)}), train[0])" for name in names]
    return section


def _add_layers(spec: TrainingJobSpec, network: Network, section: Section) -> None:
    precision = spec.training.precision
    # No layer gets a name that the script uses itself.
    code = network_code(network, precision, [*_TAKEN, *dir(builtins), *HELPERS])
    section.use(*sorted(code.helpers), imports=[LAYERS_IMPORT])
    section.lines += _in_precision(precision, code.lines)
    if network.weights is not None:
        _add_weights(spec, network.weights, section)


def _in_precision(precision: str, lines: list[str]) -> list[str]:
    """Return lines between two statements that set and reset the dtype policy; unchanged for float32."""
    if precision == FULL_PRECISION:
        return lines
    policy = statement(call("keras.config.set_dtype_policy", None, literal(precision)))
    after = statement(call("keras.config.set_dtype_policy", None, literal(FULL_PRECISION)))
    return [policy, *lines, after]


def _add_weights(spec: TrainingJobSpec, weights: InitialWeights, section: Section) -> None:
    """Add code that loads the initial weights and then sets the seed again, as Epochal's trainer does."""
    section.use("fetch")
    path = _fetch(spec, weights.uri)
    chosen = ""
    if weights.layers is not None:
        section.use("matches")
        section.lines.append(assign("patterns", literal(weights.layers)))
        chosen = " and matches(layer.name, patterns)"
    if weights.uri.endswith(_KERAS_SUFFIX):
        section.lines += [
            assign("source", call("keras.saving.load_model", {"compile": "False"}, path)),
            "\n".join(
                [
                    "inner = source._flatten_layers(include_self=False)  # also layers within layers",
                    "sources = {layer.name: layer for layer in [*inner, *source.layers]}",
                    "for layer in model.layers:",
                    f"    if layer.weights{chosen}:",
                    "        layer.set_weights(sources[layer.name].get_weights())",
                ]
            ),
        ]
    else:
        arguments = {}
        if chosen:
            section.lines.append("skipped = [layer for layer in model.layers if not matches(layer.name, patterns)]")
            arguments["objects_to_skip"] = "skipped"
        section.lines.append(statement(call("model.load_weights", arguments, path)))
    if any(layer.layer == "Normalization" for layer in (spec.network.layers if spec.network else ())):
        section.lines += ["for layer in model.layers:", "    if isinstance(layer, layers.Normalization):"]
        section.lines.append("        layer.finalize_state()")
    section.lines.append("keras.utils.set_random_seed(SEED)")


def _fetch(spec: TrainingJobSpec, uri: str) -> str:
    """Return the code that fetches the file of a model or its weights, from the data bucket or from MODELS."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    source = "DATA" if bucket == spec.data.bucket else "MODELS"
    return str(call("fetch", None, literal(key), source))


def models_bucket(spec: TrainingJobSpec) -> str | None:
    """Return the bucket of the model or weights to start from; None if it is the data bucket, or there are none."""
    weights = spec.network.weights if spec.network is not None else None
    uri = spec.model.uri if spec.model is not None else weights.uri if weights is not None else None
    bucket = uri.removeprefix("s3://").partition("/")[0] if uri is not None else None
    return bucket if bucket != spec.data.bucket else None


def _adapted(network: Network) -> list[str]:
    """Return the names of the layers that learn from the data before the training (`adapt`).

    A layer whose learned state comes from the spec or from the file of initial weights does not learn.

    Raises:
        EpochalError: If it depends on the content of this file whether a layer must learn.
    """
    found, known, weights = [], catalogue().modules[LAYERS], network.weights
    for index, (layer, name) in enumerate(zip(network.layers, network.layer_names, strict=True)):
        described = known.find(layer.layer) if layer.layer else None
        if described is None or not described.adapted or layer.arguments.get(described.adapted) is not None:
            continue
        patterns = ["*"] if weights is None or weights.layers is None else weights.layers
        is_chosen = weights is not None and any(fnmatchcase(name, pattern) for pattern in patterns)
        if not is_chosen or (layer.layer != _WITH_WEIGHTS and weights and not weights.uri.endswith(_KERAS_SUFFIX)):
            found.append(name)
        elif layer.layer != _WITH_WEIGHTS:
            raise unsupported(
                f"spec.network.layers[{index}] ({layer.layer})",
                f"only the content of the file in spec.network.weights shows whether it has its {described.adapted}",
                "keras",
                f"Set {described.adapted} of the layer, or leave the layer out of spec.network.weights.layers.",
            )
    return found
