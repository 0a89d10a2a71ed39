"""The page about serving: its patches and its values of the chart are valid."""

import json
import re
from typing import Any

import yaml
from epochal_api.modelserver.spec import parse

from tests.kit.documents import ROOT, blocks

PAGE = "docs/serving.md"
TEXT = (ROOT / PAGE).read_text()
EXAMPLE: dict[str, Any] = yaml.safe_load((ROOT / "manifests" / "examples" / "mnist-server.yaml").read_text())
_MERGE = re.compile(r"kubectl patch .*msv mnist --type merge -p '([^']+)'")


def test_each_patch_gives_a_valid_server() -> None:
    patches = [json.loads(text)["spec"] for text in _MERGE.findall(TEXT)]
    assert {field for patch in patches for field in patch} == {"auth", "paused", "tls"}
    for patch in patches:
        parse({**EXAMPLE, "spec": {**EXAMPLE["spec"], **patch}})


def test_the_secret_of_the_certificate_is_the_secret_of_the_patch() -> None:
    (created,) = re.findall(r"kubectl create secret tls (\S+)", TEXT)
    assert f'{{"tls": {{"secretRef": {{"name": "{created}"}}}}}}' in TEXT


def test_the_ingress_leads_to_the_service_of_the_example() -> None:
    (block,) = blocks(PAGE, "yaml", under="Reach a server from outside: Ingress")
    (rule,) = yaml.safe_load(block.text)["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": EXAMPLE["metadata"]["name"], "port": {"number": 80}}


def test_the_clients_of_the_chart_are_those_of_a_network_policy() -> None:
    (text,) = re.findall(r"--set-json 'serverNetworkPolicy\.from=([^']+)'", TEXT)
    default = yaml.safe_load((ROOT / "charts" / "epochal" / "values.yaml").read_text())["serverNetworkPolicy"]["from"]
    clients = json.loads(text)
    assert clients[: len(default)] == default
    assert all(client.keys() <= {"namespaceSelector", "podSelector", "ipBlock"} for client in clients)
