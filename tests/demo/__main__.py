"""`make demo`: trains the network of manifests/examples/mnist.yaml on the local cluster, watched, and serves it."""

import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.demo.mnist import files
from tests.demo.serving import serve
from tests.kit.buckets import connect, credentials, fill, namespace_with_credentials
from tests.kit.kubectl import apply, kubectl, watch

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "manifests" / "examples" / "mnist.yaml"
NAMESPACE = "demo"


def prepare() -> None:
    client = connect()
    fill(client, "mnist-data", files(Path(sys.argv[1])))
    fill(client, "mnist-results", [])
    apply(*namespace_with_credentials(NAMESPACE, *credentials()))
    for kind, name in (("msv", "mnist"), ("tj", "mnist")):
        kubectl("delete", kind, name, "--namespace", NAMESPACE, "--ignore-not-found", "--wait")


def follow(console: Console) -> dict[str, Any]:
    """Shows a bar that moves with the training, a line per finished epoch, and returns the finished job."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar, watch("tj", "mnist", namespace=NAMESPACE) as changes:
        task = bar.add_task("Queued", total=100, figures="")
        shown = 0
        for job in changes:
            status = job.get("status", {})
            progress, display = status.get("progress", {}), status.get("display", {})
            figures = f"epoch {display.get('epoch', '-')}  {display.get('metric', '')}  {display.get('eta', '')}"
            bar.update(task, completed=progress.get("percent", 0), description=status.get("state", ""), figures=figures)
            if progress.get("epoch", 0) > shown:
                shown = progress["epoch"]
                values = "  ".join(f"{name} {float(value):.4f}" for name, value in sorted(status["metrics"].items()))
                seconds = float(progress["secondsPerEpoch"])
                bar.console.print(f"epoch {shown:>2}  {seconds:.1f} s  {values}", soft_wrap=True)
            if status.get("state") in {"Complete", "Failed"}:
                return job
    raise TimeoutError(f"the job did not finish in time: kubectl describe tj mnist -n {NAMESPACE}")


def report(console: Console, job: dict[str, Any], seconds: float) -> None:
    status = job["status"]
    table = Table(title="A network trained on MNIST", title_justify="left", show_header=False)
    for name, value in {
        "from apply to Complete": f"{seconds:.0f} s",
        "epochs": status["display"]["epoch"],
        "seconds per epoch": status["progress"].get("secondsPerEpoch", ""),
        "parameters": f"{status['network']['parameters']:,}",
        **{f"test {name}": value for name, value in status.get("test", {}).items()},
        "best epoch": f"{status['best']['epoch']} ({status['best']['metric']} {status['best']['value']})",
    }.items():
        table.add_row(name, str(value))
    console.print(table)
    console.print(f"The model: {status['results']['model']}", soft_wrap=True)


def look_further(console: Console) -> None:
    """Prints commands to look further."""
    console.print(
        "Look further:\n"
        f"  tests/cluster/run kubectl get tj -n {NAMESPACE} -o wide\n"
        f"  tests/cluster/run kubectl describe tj mnist -n {NAMESPACE}\n"
        f"  tests/cluster/run kubectl logs -n {NAMESPACE} job/mnist\n"
        f"  tests/cluster/run kubectl get msv -n {NAMESPACE} -o wide\n"
        "  tests/cluster/run kubectl get --raw "
        "/api/v1/namespaces/epochal-system/services/epochal:metrics/proxy/metrics\n"
        "  make shell          a shell in which kubectl and helm reach the cluster\n"
        "  make cluster-down   leaves nothing behind",
        soft_wrap=True,
    )


def main() -> int:
    console = Console()
    console.print("Bringing MNIST into the bucket mnist-data")
    prepare()
    console.print(f"kubectl apply --namespace {NAMESPACE} --filename {EXAMPLE.relative_to(ROOT)}")
    started = time.monotonic()
    kubectl("apply", "--namespace", NAMESPACE, "--filename", str(EXAMPLE))
    job = follow(console)
    if job["status"]["state"] == "Failed":
        message = next(c["message"] for c in job["status"]["conditions"] if c["type"] == "Failed")
        console.print(f"[red]Failed:[/red] {message}")
        return 1
    report(console, job, time.monotonic() - started)
    if not serve(console, NAMESPACE):
        console.print("[red]The model does not answer what was drawn[/red]")
        return 1
    look_further(console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
