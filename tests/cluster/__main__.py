"""The local cluster's command line: `python tests/cluster up`."""

import argparse
import sys
from collections.abc import Callable

import cluster
import images
from report import Failure, console
from rich.markup import escape


def main() -> int:
    """Runs one command and returns the exit status: 0, or 1 after a failure, which was printed."""
    arguments = vars(_parser().parse_args())
    run = arguments.pop("run")
    try:
        run(**arguments)
    except Failure as failure:
        console.print("[bold red]✗[/]", escape(str(failure)))
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; run the command again to go on, or make cluster-down to clean up")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/cluster", description="A real one-node Kubernetes on this machine.")
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: Callable[..., None], about: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=about)
        added.set_defaults(run=run)
        return added

    command("up", cluster.up, "bring the cluster up, or back into shape")
    command(
        "down", cluster.down, "remove the cluster and all that belongs to it; binaries and images stay in the cache"
    )
    build = command("images", cluster.build_images, "build the project's images and load them into the cluster")
    build.add_argument("names", nargs="*", metavar="|".join(images.PROJECT), help="which ones; all if none is named")
    single = command(
        "build-commit", cluster.build_commit, "build the images of a commit, and print where its files are"
    )
    single.add_argument("commit", help="a full commit id")
    single = command("image-id", cluster.image_id, "print the identity of a loaded image")
    single.add_argument("name", choices=images.PROJECT)
    single = command("program", cluster.program, "build a program, such as helm, if need be, and print its path")
    single.add_argument("name")
    single = command(
        "program-image", cluster.program_image, "load the image of a program, such as versitygw, print its name"
    )
    single.add_argument("name")
    command("browser", cluster.browser, "install the browser that tests look at pages with, if need be")
    command("torch", cluster.torch, "install PyTorch, which runs exported networks in tests, if need be")
    command("open", cluster.open_ports, "forward loopback ports of this machine to MinIO, Studio and the model servers")
    command("kubeconfig", cluster.kubeconfig, "print the path of the cluster's kubeconfig")
    for name, run in (("start", cluster.start), ("stop", cluster.stop), ("restart", cluster.restart)):
        single = command(name, run, f"{name} one component, such as etcd, kube-apiserver or kubelet")
        single.add_argument("name", metavar="component")
    return parser


sys.exit(main())
