"""The environment variables of the checker's processes."""

from collections.abc import Mapping

from epochal_trainer.export.worker import environment

IMAGE_ENV = "EPOCHAL_IMAGE"
"""Environment variable with the image of the pod, for the answers."""
_ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    **dict.fromkeys(("TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS"), "1"),
}
"""Environment variables that make libraries compute in the calling thread: a fork has no other threads."""


def zygote_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of the process that imports Keras."""
    return environment(environ) | _ONE_THREAD | {IMAGE_ENV: environ.get(IMAGE_ENV, "")}
