"""docs/notebook.ipynb on the cluster, from a model to an answer of its server."""

from pathlib import Path

import nbformat
import pytest
from minio import Minio
from nbclient import NotebookClient

from tests.kit import buckets
from tests.kit.jobs import Namespace
from tests.kit.kubectl import items

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
CELL_SECONDS = 240


def output_of(notebook: nbformat.NotebookNode, source: str) -> str:
    """Returns the text of the code cell that contains a source."""
    [cell] = [each for each in notebook.cells if each.cell_type == "code" and source in each.source]
    texts = [each.get("text") or each.get("data", {}).get("text/plain") or "" for each in cell.outputs]
    return "\n".join(texts)


def test_the_notebook_goes_from_a_model_to_an_answer(
    namespace: Namespace, kubeconfig: str, store: Minio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bucket in ("training-data", "training-results"):
        buckets.fill(store, bucket, [])
    # The kernel has the variables of this process. The credentials are those of the Secret in the namespace.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "EPOCHAL_NAMESPACE", "EPOCHAL_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    monkeypatch.setenv("EPOCHAL_STORAGE_ENDPOINT", buckets.ENDPOINT)
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(tmp_path)}}).execute()

    assert "Complete  epoch 8/8" in output_of(notebook, "job.submit().watch()")
    assert "val_accuracy" in output_of(notebook, "job.history")
    answers, labels = (output_of(notebook, f"print(*{name}").split() for name in ("answers", "y_test[:10]"))
    assert len(answers) == len(labels) == 10
    assert sum(answer == label for answer, label in zip(answers, labels, strict=True)) >= 8
    assert items("trainingjobs", namespace=namespace.name) == items("modelservers", namespace=namespace.name) == []
