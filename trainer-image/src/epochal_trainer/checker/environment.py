"""The environment variables of the checker's processes."""

from collections.abc import Mapping

from epochal_trainer.export.worker import environment

IMAGE_ENV = "EPOCHAL_IMAGE"
"""Environment variable with the container image of the checker's pod. Each answer contains the image."""
_ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    **dict.fromkeys(("TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS"), "1"),
}
"""Environment variables that make libraries compute in the calling thread, since a fork has only this thread."""


def zygote_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of the zygote: without secrets, with one thread and IMAGE_ENV."""
    return environment(environ) | _ONE_THREAD | {IMAGE_ENV: environ.get(IMAGE_ENV, "")}
