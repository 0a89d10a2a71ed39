"""Studio in the chart: its pod without rights, its configuration, who reaches it, and what it reaches."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from epochal_api.checker import PORT as CHECKER_PORT
from epochal_studio import config, long_answers, memory
from epochal_studio.config import read_config
from epochal_studio.conversion.child import MEMORY
from epochal_studio.data import upload
from epochal_studio.data.uploads import MAX_UPLOADS
from epochal_studio.security.checks import PROBES
from epochal_studio.wire.documents import MAX_IMPORT
from kubernetes.utils.quantity import parse_quantity

from tests.unit.chart.conftest import ROOT
from tests.unit.chart.test_security import violations

Render = Callable[..., Any]
Object = dict[str, Any]
NAME = "epochal-studio"
POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
"""Variables that Kubernetes sets in each container."""


def template(rendered: Any, name: str = NAME) -> Object:
    found: Object = rendered.one("Deployment", name)["spec"]["template"]
    return found


def container(rendered: Any) -> Object:
    (found,) = template(rendered)["spec"]["containers"]
    return dict(found)


def environment(rendered: Any) -> Mapping[str, str]:
    return {variable["name"]: variable["value"] for variable in container(rendered)["env"]}


def test_nothing_of_studio_is_rendered_by_default(render: Render) -> None:
    assert "studio" not in render().text
    off = render(studio={"enabled": False, "ingress": {"enabled": True}, "tlsSecretName": "tls"})
    assert off.text == render().text


def test_the_objects_of_studio(render: Render) -> None:
    before = {(item["kind"], item["metadata"]["name"]) for item in render().objects}
    after = {(item["kind"], item["metadata"]["name"]) for item in render(studio={"enabled": True}).objects}
    assert after - before == {
        (kind, NAME) for kind in ("Deployment", "NetworkPolicy", "Service", "ServiceAccount")
    }  # no role and no binding


def test_the_pod_of_studio_has_no_token_and_no_rights(render: Render) -> None:
    rendered = render(studio={"enabled": True, "tlsSecretName": "tls"})
    spec = template(rendered)["spec"]
    assert violations(spec) == []
    assert container(rendered)["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["serviceAccountName"] == NAME
    assert spec["automountServiceAccountToken"] is False
    assert rendered.one("ServiceAccount", NAME)["automountServiceAccountToken"] is False
    assert all("projected" not in volume for volume in spec["volumes"])
    bound = [item for item in rendered.objects if item["kind"].endswith("RoleBinding")]
    assert NAME not in {subject["name"] for item in bound for subject in item["subjects"]}


def test_there_is_one_process_at_a_time(render: Render) -> None:
    """Each process encrypts cookies with a key of its own."""
    spec = render(studio={"enabled": True}, replicas=3).one("Deployment", NAME)["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_studio_finds_the_authority_of_the_api_server(render: Render) -> None:
    rendered = render(studio={"enabled": True})
    (mount,) = (one for one in container(rendered)["volumeMounts"] if one["name"] == "authority")
    assert f"{mount['mountPath']}/ca.crt" == str(config.API_CA)
    volumes = {volume["name"]: volume for volume in template(rendered)["spec"]["volumes"]}
    assert volumes["authority"]["configMap"] == {"name": "kube-root-ca.crt"}


def test_studio_understands_its_variables(render: Render) -> None:
    default = read_config({**environment(render(studio={"enabled": True})), **POD})
    assert (default.port, default.hosts) == (8080, config.LOCAL_HOSTS)
    assert (default.default_endpoint, default.storage_endpoints) == ("", ())
    assert (default.proxy_auth, default.tls) == (False, None)
    assert default.checker == f"http://epochal-checker.epochal-system.svc:{CHECKER_PORT}"
    studio = {
        "enabled": True,
        "hosts": ["studio.example.com", "localhost:8088"],
        "storageEndpoints": ["https://minio.example.com:9000"],
        "proxyAuth": True,
        "tlsSecretName": "certificate",
    }
    rendered = render(studio=studio, storage={"endpoint": "http://minio:9000/"}, logLevel="debug")
    found = read_config({**environment(rendered), **POD})
    assert found.hosts == ("studio.example.com", "localhost:8088")
    assert found.default_endpoint == "http://minio:9000"
    assert found.storage_endpoints == ("http://minio:9000", "https://minio.example.com:9000")
    assert (found.proxy_auth, found.log_level) == (True, "debug")
    (mount,) = (one for one in container(rendered)["volumeMounts"] if one["name"] == "tls")
    assert str(found.tls) == mount["mountPath"]
    volumes = {volume["name"]: volume for volume in template(rendered)["spec"]["volumes"]}
    assert volumes["tls"]["secret"] == {"secretName": "certificate"}


@pytest.mark.parametrize(
    ("own", "allowed", "expected"),
    [
        ([], [], ()),
        ([], ["https://s3.example.com", "https://minio:*", "https://*", "*"], ("https://s3.example.com",)),
        (["https://a.example.com"], ["https://s3.example.com"], ("https://a.example.com",)),
    ],
)
def test_endpoints_are_those_of_the_policy_without_wildcards(
    render: Render, own: list[str], allowed: list[str], expected: tuple[str, ...]
) -> None:
    rendered = render(
        studio={"enabled": True, "storageEndpoints": own}, trainingJobPolicy={"storageEndpoints": allowed}
    )
    assert read_config({**environment(rendered), **POD}).storage_endpoints == expected


@pytest.mark.parametrize("tls", [False, True])
def test_ports_of_service_probes_and_policy_agree(render: Render, *, tls: bool) -> None:
    rendered = render(studio={"enabled": True, "tlsSecretName": "certificate" if tls else ""})
    (port,) = container(rendered)["ports"]
    assert port["containerPort"] == read_config({**environment(rendered), **POD}).port
    (served,) = rendered.one("Service", NAME)["spec"]["ports"]
    assert (served["name"], served["port"]) == (("https", 443) if tls else ("http", 80))
    assert served["targetPort"] == port["name"]
    probes = [container(rendered)[f"{kind}Probe"]["httpGet"] for kind in ("liveness", "readiness")]
    scheme = "HTTPS" if tls else "HTTP"
    assert probes == [{"path": path, "port": port["name"], "scheme": scheme} for path in ("/healthz", "/readyz")]
    assert {probe["path"] for probe in probes} == PROBES
    (rule,) = rendered.one("NetworkPolicy", NAME)["spec"]["ingress"]
    assert rule["ports"] == [{"port": port["containerPort"], "protocol": "TCP"}]


def test_selectors_find_studio_and_not_the_operator(render: Render) -> None:
    rendered = render(release="mine", studio={"enabled": True})
    labels = template(rendered, "mine-epochal-studio")["metadata"]["labels"]
    own = [
        rendered.one("Deployment", "mine-epochal-studio")["spec"]["selector"]["matchLabels"],
        rendered.one("Service", "mine-epochal-studio")["spec"]["selector"],
        rendered.one("NetworkPolicy", "mine-epochal-studio")["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels.items() for selector in own)
    for other in ("mine-epochal", "mine-epochal-checker"):
        assert not rendered.one("Deployment", other)["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_studio_reaches_dns_the_api_server_and_storages(render: Render) -> None:
    peers = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    policy = {"from": peers, "storageTo": peers, "storagePorts": [9000]}
    api_server = {"apiServerPorts": [16443], "apiServerTo": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]}
    rendered = render(studio={"enabled": True, "networkPolicy": policy}, networkPolicy={"egress": api_server})
    spec = rendered.one("NetworkPolicy", NAME)["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"][0]["from"] == peers
    dns, server, checker, storages = spec["egress"]
    assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert server == {"ports": [{"port": 16443, "protocol": "TCP"}], "to": api_server["apiServerTo"]}
    (selected,) = checker["to"]
    labels = template(rendered, "epochal-checker")["metadata"]["labels"]
    assert selected["podSelector"]["matchLabels"].items() <= labels.items()
    assert checker["ports"] == [{"port": CHECKER_PORT, "protocol": "TCP"}]
    assert storages == {"ports": [{"port": 9000, "protocol": "TCP"}], "to": peers}


def test_studio_finds_the_checker(render: Render) -> None:
    rendered = render(release="mine", namespace="ml", studio={"enabled": True})
    (studio,) = template(rendered, "mine-epochal-studio")["spec"]["containers"]
    found = {variable["name"]: variable["value"] for variable in studio["env"]}
    name = "mine-epochal-checker"
    assert found["EPOCHAL_STUDIO_CHECKER"] == f"http://{name}.ml.svc:{CHECKER_PORT}"
    assert rendered.one("Service", name)["metadata"]["namespace"] == "ml"
    # The policy of the checker admits all pods of its namespace.
    assert rendered.one("Deployment", "mine-epochal-studio")["metadata"]["namespace"] == "ml"
    (rule,) = rendered.one("NetworkPolicy", name)["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {}}]


def test_an_installation_without_a_checker(render: Render) -> None:
    rendered = render(studio={"enabled": True}, checker={"enabled": False})
    assert read_config({**environment(rendered), **POD}).checker == ""
    assert "checker" not in str(rendered.one("NetworkPolicy", NAME))


def test_studio_reaches_no_metadata_service_by_default(render: Render) -> None:
    *_, storages = render(studio={"enabled": True}).one("NetworkPolicy", NAME)["spec"]["egress"]
    excepted = [address for peer in storages["to"] for address in peer.get("ipBlock", {}).get("except", [])]
    assert excepted == ["169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128"]
    off = render(studio={"enabled": True, "networkPolicy": {"enabled": False}})
    assert NAME not in {item["metadata"]["name"] for item in off.objects if item["kind"] == "NetworkPolicy"}


def test_the_ingress_has_the_names_and_tls(render: Render) -> None:
    hosts = ["studio.example.com", "localhost", "127.0.0.1", "[::1]", "other.example.com:8443"]
    ingress = {"enabled": True, "className": "nginx", "annotations": {"a": "b"}, "tlsSecretName": "certificate"}
    found = render(studio={"enabled": True, "hosts": hosts, "ingress": ingress}).one("Ingress", NAME)
    assert found["metadata"]["annotations"] == {"a": "b"}
    assert found["spec"]["ingressClassName"] == "nginx"
    assert found["spec"]["tls"] == [{"hosts": ["studio.example.com"], "secretName": "certificate"}]
    (rule,) = found["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert (rule["host"], path["path"]) == ("studio.example.com", "/")
    assert path["backend"]["service"] == {"name": NAME, "port": {"name": "http"}}


def test_an_ingress_without_a_name_is_refused(render: Render) -> None:
    error = render(studio={"enabled": True, "ingress": {"enabled": True}}).error
    assert "studio.hosts: must contain a host name for the Ingress, such as studio.example.com" in error


@pytest.mark.parametrize(
    "studio",
    [
        {"hosts": ["https://studio.example.com"]},
        {"hosts": []},
        {"storageEndpoints": ["https://minio:*"]},
        {"storageEndpoints": ["minio:9000"]},
        {"proxyAuth": "yes"},
    ],
)
def test_values_that_studio_cannot_use_are_refused(render: Render, studio: Object) -> None:
    assert render(studio={"enabled": True, **studio}).error


def test_pod_settings_reach_the_pod(render: Render) -> None:
    values = {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "infra", "operator": "Exists"}]}
    image = {"digest": f"sha256:{'0' * 64}"}
    more = {"podAnnotations": {"note": "yes"}, "resources": {"limits": {"memory": "1Gi"}}}
    rendered = render(
        studio={"enabled": True, **values, **more}, studioImage=image, imagePullSecrets=[{"name": "registry"}]
    )
    spec = template(rendered)["spec"]
    assert {key: spec[key] for key in values} == values
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert template(rendered)["metadata"]["annotations"] == {"note": "yes"}
    assert container(rendered)["image"] == f"registry.example.com/epochal-studio@sha256:{'0' * 64}"
    assert container(rendered)["resources"]["limits"] == {"memory": "1Gi"}


def test_the_bounds_of_studio_fit_into_its_memory(render: Render) -> None:
    idle = 90 * 2**20
    bounds = [
        memory.MAX_BYTES,
        MAX_UPLOADS * upload.PART,
        long_answers.MAX_PREVIEWS * 24 * 2**20,
        long_answers.MAX_COMPARISONS * 32 * 2**20,
        long_answers.MAX_PROCESSES * MEMORY,
    ]
    limit = container(render(studio={"enabled": True}))["resources"]["limits"]["memory"]
    assert idle + sum(bounds) <= parse_quantity(limit)


def test_the_files_of_all_imports_fit_onto_the_disk(render: Render) -> None:
    volumes = template(render(studio={"enabled": True}))["spec"]["volumes"]
    size = next(each["emptyDir"]["sizeLimit"] for each in volumes if each["name"] == "tmp")
    assert parse_quantity(size) >= long_answers.MAX_IMPORTS * MAX_IMPORT


def test_the_image_has_the_pages_and_examples_where_studio_looks_for_them() -> None:
    dockerfile = (ROOT / "studio-image" / "Dockerfile").read_text()
    package = "/opt/studio/epochal_studio"
    assert f"PYTHONPATH={package.rpartition('/')[0]}" in dockerfile
    assert f" {package}/{config.Config.pages.name}\n" in dockerfile
    assert f"COPY manifests/examples {package}/{config.OWN_TEMPLATES.name}\n" in dockerfile
    assert "!manifests/examples" in (ROOT / ".dockerignore").read_text().splitlines()
