"""The end of the demo: the trained model reads a drawn digit."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel

from tests.demo.drawing import as_png, as_text, drawn
from tests.kit.kubectl import get, kubectl

EXAMPLE = Path(__file__).parents[2] / "manifests" / "examples" / "mnist-server.yaml"
NAME = "mnist"
DRAWN = 4


def ask(address: str, picture: bytes) -> dict[str, Any]:
    """Returns the answer of a ModelServer at an address, such as http://10.96.0.12, to a PNG."""
    request = urllib.request.Request(f"{address}/predict", data=picture, headers={"Content-Type": "image/png"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def serve(console: Console, namespace: str) -> bool:
    """Serves the demo's model, sends it a drawn digit, and returns whether the answer is right."""
    console.print(f"kubectl apply --namespace {namespace} --filename {'/'.join(EXAMPLE.parts[-3:])}")
    started = time.monotonic()
    kubectl("apply", "--namespace", namespace, "--filename", str(EXAMPLE))
    kubectl("wait", f"msv/{NAME}", "--namespace", namespace, "--for=condition=Ready", "--timeout=120s", timeout=150)
    console.print(
        f"The model is served at {get('modelserver', NAME, namespace=namespace)['status']['url']} after "
        f"{time.monotonic() - started:.0f} s"
    )
    address = f"http://{get('service', NAME, namespace=namespace)['spec']['clusterIP']}"
    picture = drawn(DRAWN)
    answer = ask(address, as_png(picture))
    top = "\n".join(f"{guess['name']:>8}  {guess['probability']:.4f}" for guess in answer["top"])
    shown = f"It is a {answer['name']}.\n\n{top}"
    console.print(Columns([Panel(as_text(picture), title="drawn"), Panel(shown, title="answered")]))
    console.print(
        "Draw one yourself: make open, and then http://localhost:8000 in a browser\n"
        "Or send a photograph:\n"
        f"  tests/cluster/run curl --data-binary @photo.jpg --header 'Content-Type: image/jpeg' {address}/predict",
        soft_wrap=True,
    )
    return bool(answer["class"] == DRAWN)
