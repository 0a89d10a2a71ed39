"""Converts a manifest of FfDL to a TrainingJob. FfDL runs a program, so the imported network is a placeholder."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from epochal_api.model import quantity_value
from epochal_api.pod import MIN_MEMORY_BYTES
from epochal_api.storage import BUCKET_PATTERN, ENDPOINT_PATTERN

from epochal.errors import EpochalError
from epochal.importers.draft import Draft, label_of
from epochal.importers.reading import mapping, shown
from epochal.importers.values import integer, is_nothing, number

_MAX_STORES = 100
_MAX_COUNT = 1000
_GPU = "nvidia.com/gpu"
_SECRETS = frozenset({"password", "user_name", "username", "token"})
MANIFEST_FIELDS = frozenset(
    {
        "cpus",
        "data_stores",
        "description",
        "framework",
        "gpu_type",
        "gpus",
        "learners",
        "memory",
        "name",
        "storage",
        "version",
    }
)
"""Fields of an FfDL manifest that the import reads, except those of a hyperparameter search."""
_NOT_NEEDED = frozenset({"evaluation_metrics", "hyper_parameters_optimization"})
"""Fields that need no warning: Keras computes the metrics, and the package `search` imports the search."""
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([kmgtp]?)(i?)b?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def convert_manifest(document: Mapping[str, Any], *, name: str | None, stem: str) -> Draft:
    """Return the Draft of a TrainingJob for an FfDL manifest.

    Args:
        document: The parsed manifest.
        name: Name of the TrainingJob; None for the name in the manifest, or else the stem of the file.
        stem: Name of the file without its suffix.

    Raises:
        EpochalError: If data_stores is no list of mappings, or too long.
    """
    own = document.get("name")
    draft = Draft(name or (own if isinstance(own, str) and own.strip() else stem))
    draft.heading = "\n".join(_heading(document, own))
    _set_stores(document.get("data_stores"), draft)
    set_placeholder_network(draft)
    _set_framework(document.get("framework"), draft)
    _set_resources(document, draft)
    for key, value in document.items():
        if key not in MANIFEST_FIELDS | _NOT_NEEDED and not is_nothing(value):
            draft.warn("manifest", f"{shown(str(key))} is lost: a TrainingJob has no such field")
    return draft


def set_placeholder_network(draft: Draft) -> None:
    """Set a small example network and its training as placeholders, which the user must replace."""
    draft.spec["network"] = {
        "input": {"shape": [28, 28, 1]},
        "layers": [
            {"layer": "Conv2D", "name": "conv", "filters": 32, "kernel_size": 3, "activation": "relu"},
            {"layer": "MaxPooling2D", "name": "pool"},
            {"layer": "Flatten", "name": "flatten"},
            {"layer": "Dense", "name": "hidden", "units": 64, "activation": "relu"},
            {"layer": "Dropout", "name": "dropout", "rate": 0.5},
            {"layer": "Dense", "name": "output", "units": 10, "activation": "softmax"},
        ],
    }
    draft.fill_in(
        "network",
        "the layers of your program, which cannot be imported. Or build the network with Python:\n"
        "remove network, and write: code: {object: model.py, entrypoint: build_model}",
    )
    draft.spec["training"] = {
        "epochs": 10,
        "batchSize": 32,
        "optimizer": {"name": "Adam", "learning_rate": 0.001},
        "loss": "SparseCategoricalCrossentropy",
        "metrics": ["accuracy"],
    }
    draft.fill_in("training", "the optimizer, the loss and the epochs of your program.")


def _heading(document: Mapping[str, Any], name: Any) -> list[str]:
    version = document.get("version")
    title = f"From the manifest {shown(name)} of FfDL" if name else "From a manifest of FfDL"
    lines = [f"{title}, version {shown(version)}." if version else f"{title}."]
    if isinstance(description := document.get("description"), str) and description.strip():
        lines.append(shown(description))
    framework = document.get("framework")
    if isinstance(framework, Mapping):
        parts = [shown(framework[key]) for key in ("name", "version", "image_tag") if framework.get(key)]
        lines.append(f"The program of the manifest ran with {' '.join(parts) or 'another framework'}.")
    return lines


def _set_stores(value: Any, draft: Draft) -> None:
    stores = _stores(value)
    data = next((store for store in stores if _container(store, "training_data")), None)
    results = next((store for store in stores if _container(store, "training_results")), None)
    main = data or results
    for store in stores:
        label = _store_label(store)
        _warn_unused(store, store is data, store is results, draft)
        if str(store.get("type")) == "mount_volume":
            draft.warn(label, "a mounted volume is no bucket: upload its files into a bucket of S3")
        is_second = main is not None and store is not main and store is results
        if main is not None and is_second and _address(store) != _address(main):
            found = f"connection.auth_url is {shown(_address(store))}"
            expected = f"a TrainingJob has one storage, here {shown(_address(main))} of {_store_label(main)}"
            draft.warn(label, f"{found}, but {expected}: write a bucket of that storage into results.bucket")
    draft.set_storage(_storage(main, draft) if main else None)
    draft.set_unknown_data()
    if data is not None and (bucket := _bucket(data, "training_data", draft)):
        draft.spec["data"]["bucket"] = bucket
        draft.comments["data"] = "Fill in: the objects in the bucket, and how much of the data is for validation."
    draft.set_results(_bucket(results, "training_results", draft) if results is not None else None)


def _stores(value: Any) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(store, Mapping) for store in value):
        raise EpochalError(f"data_stores must be a list of mappings, found {shown(value)}")
    if len(value) > _MAX_STORES:
        raise EpochalError(f"data_stores must have at most {_MAX_STORES} items, found {len(value):,}")
    return value


def _store_label(store: Mapping[str, Any]) -> str:
    return label_of("data store", store.get("id", "without id"))


def _container(store: Mapping[str, Any], key: str) -> Any:
    return mapping(store.get(key)).get("container")


def _warn_unused(store: Mapping[str, Any], is_data: bool, is_results: bool, draft: Draft) -> None:  # noqa: FBT001
    for key, is_used in (("training_data", is_data), ("training_results", is_results)):
        container = _container(store, key)
        if container and not is_used:
            draft.warn(
                _store_label(store),
                f"{key} is the bucket {shown(container)}: a TrainingJob has only one, so this one is lost",
            )
    for key in store:
        if key not in {"id", "type", "training_data", "training_results", "connection"}:
            draft.warn(_store_label(store), f"{shown(str(key))} is lost: a TrainingJob has no such field")


def _bucket(store: Mapping[str, Any], key: str, draft: Draft) -> str | None:
    name = _container(store, key)
    if isinstance(name, str) and re.fullmatch(BUCKET_PATTERN, name):
        return name
    found = f"{key}.container must be the name of an S3 bucket, found {shown(name)}"
    draft.warn(_store_label(store), f"{found}: a placeholder is used instead")
    return None


def _address(store: Mapping[str, Any]) -> Any:
    return mapping(store.get("connection")).get("auth_url")


def _storage(store: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    """Return spec.storage for a data store: endpoint and region. Credentials are left out: they belong in a Secret."""
    connection = mapping(store.get("connection"))
    storage: dict[str, Any] = {}
    address = connection.get("auth_url")
    if isinstance(address, str) and _is_address(address):
        storage["endpoint"] = address
    elif not is_nothing(address):
        must = "the address of an S3 service must be http(s)://HOST[:PORT]"
        draft.warn(_store_label(store), f"connection.auth_url is {shown(address)}: {must}")
    region = connection.get("region")
    if isinstance(region, str) and _REGION.fullmatch(region):
        storage["region"] = region
    elif not is_nothing(region):
        draft.warn(
            _store_label(store), f"connection.region is {shown(region)}: it must have only letters, digits and hyphens"
        )
    for key in connection:
        if key not in _SECRETS | {"auth_url", "region", "type", "name"}:
            draft.warn(_store_label(store), f"connection.{shown(str(key))} is lost: a TrainingJob has no such field")
    return storage


def _is_address(address: str) -> bool:
    pattern = ENDPOINT_PATTERN.replace(r"\p{C}\p{Zl}\p{Zp}", "")
    return address.isprintable() and re.fullmatch(pattern, address) is not None


def _set_framework(value: Any, draft: Draft) -> None:
    framework = mapping(value)
    name = str(framework.get("name", "")).lower()
    if name and name not in {"tensorflow", "keras"}:
        draft.warn(label_of("framework", name), "a TrainingJob trains with Keras: write its network as layers of Keras")
    if command := framework.get("command"):
        label = label_of("framework", name or "without name")
        draft.warn(label, f"command starts a program, which is not imported: {shown(command)}")
    for key, each in framework.items():
        if key not in {"name", "version", "image_tag", "command"} and not is_nothing(each):
            draft.warn(label_of("framework", name), f"{shown(str(key))} is lost: a TrainingJob has no such field")


def _set_resources(document: Mapping[str, Any], draft: Draft) -> None:
    requests, limits = _memory(document, draft)
    if not is_nothing(cpus := document.get("cpus")):
        if (count := number(cpus)) is not None and 0 < count <= _MAX_COUNT:
            cpu = f"{count:g}" if count == int(count) else f"{round(count * 1000)}m"
            requests = {"cpu": cpu, **requests}
        else:
            draft.warn("manifest", f"cpus is {shown(cpus)}: it must be a number above 0")
    if gpus := _gpus(document, draft):
        limits[_GPU] = gpus
    resources = {key: each for key, each in (("requests", requests), ("limits", limits)) if each}
    if resources:
        draft.spec["resources"] = resources
    learners = integer(document.get("learners", 1))
    if learners != 1:
        draft.warn("manifest", f"learners is {shown(document.get('learners'))}: a TrainingJob has one worker")


def _memory(document: Mapping[str, Any], draft: Draft) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the resource requests and the limits for memory and ephemeral storage."""
    requests: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for key, resource in (("memory", "memory"), ("storage", "ephemeral-storage")):
        if is_nothing(value := document.get(key)):
            continue
        if (amount := quantity(value)) is None:
            draft.warn("manifest", f"{key} is {shown(value)}: it must be an amount such as 8Gi or 1.5GB")
            continue
        if resource == "memory" and quantity_value(amount) < MIN_MEMORY_BYTES:
            least = f"{MIN_MEMORY_BYTES // 2**20}Mi"
            draft.warn("manifest", f"memory is {shown(value)}: Keras needs at least {least}, which is used instead")
            amount = least
        requests[resource] = amount
        if resource == "memory":
            limits[resource] = amount
    return requests, limits


def quantity(value: Any) -> str | None:
    """Convert an amount of memory of FfDL to a quantity of Kubernetes; None if the value is no amount.

    8Gi and 8GiB are 8 * 2**30 bytes, 8GB and 8G are 8 * 10**9 bytes, and a number without a unit is in bytes.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    match = _QUANTITY.fullmatch(str(value).strip())
    if match is None:
        return None
    amount, letter, is_binary = Decimal(match[1]), match[2].lower(), bool(match[3])
    if is_binary and not letter:
        return None
    power = _POWERS[letter]
    while amount != int(amount) and power:
        amount, power = amount * (1024 if is_binary else 1000), power - 1
    if amount != int(amount) or amount <= 0:
        return None
    unit = "" if not power else f"{'KMGTP'[power - 1]}i" if is_binary else "kMGTP"[power - 1]
    return f"{int(amount)}{unit}"


def _gpus(document: Mapping[str, Any], draft: Draft) -> int:
    value = document.get("gpus", 0)
    count = number(value) if not is_nothing(value) else 0
    if count is None or count != int(count) or not 0 <= count <= _MAX_COUNT:
        draft.warn("manifest", f"gpus is {shown(value)}: it must be a whole number, because pods cannot share a GPU")
        return 0
    kind = document.get("gpu_type")
    if not is_nothing(kind) and count:
        draft.warn("manifest", f"gpu_type is {shown(kind)}: write the label of such nodes into scheduling.nodeSelector")
    return int(count)
