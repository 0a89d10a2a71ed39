"""The objects of the chart, by its values."""

import itertools
import json
import shlex
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from epochal_api.crd import ALL_KINDS, KINDS, definition_name
from epochal_api.experiment import spec as experiment
from epochal_api.experiment.spec import parse
from epochal_api.modelserver.status import ServedModel
from epochal_api.pod import TOKEN_AUDIENCE
from epochal_api.trainingjob import spec as trainingjob
from epochal_operator.__main__ import NO_PROGRESS_SECONDS
from epochal_operator.experiment.report.job import report_job
from epochal_operator.modelserver.children import CHILDREN
from epochal_operator.modelserver.deployment import deployment
from epochal_operator.runtime.leader import CONTAINER, REQUEST_SECONDS
from epochal_operator.trainingjob.job.batch_job import batch_job

from tests.kit.documents import blocks
from tests.unit.chart.conftest import ROOT
from tests.unit.operator.experiment.spaces import document
from tests.unit.operator.modelserver.servers import BY_KERAS, CONVERTED, MODEL, server
from tests.unit.operator.objects import INSTALLATION, training_job

Render = Callable[..., Any]

VERSION = yaml.safe_load((ROOT / "charts" / "epochal" / "Chart.yaml").read_text())["appVersion"]
VALUES = yaml.load((ROOT / "charts" / "epochal" / "values.yaml").read_text(), yaml.CSafeLoader)

CUSTOM_CA = {"secretRef": {"name": "credentials"}, "caConfigMapRef": {"name": "authority"}}

SERVER_NETWORK: dict[str, Any] = {
    "ingress": [
        {"from": [{"namespaceSelector": {}}], "ports": [{"port": 8080, "protocol": "TCP"}]},
        {"ports": [{"port": 9090, "protocol": "TCP"}]},
    ]
}
SWITCHES = [
    ("crds", "install"),
    ("admissionPolicy", "enabled"),
    ("kerasPolicy", "enabled"),
    ("trainingJobPolicy", "enabled"),
    ("operatorPolicy", "enabled"),
    ("rbac", "create"),
    ("rbac", "aggregate"),
    ("serviceAccount", "create"),
    ("podDisruptionBudget", "enabled"),
    ("networkPolicy", "enabled"),
    ("priorityClass", "enabled"),
    ("checker", "enabled"),
    ("studio", "enabled"),
    *((section, "enabled") for section in ("serviceMonitor", "podMonitor", "prometheusRule", "dashboard")),
]
OPTIONAL = {"studio", "trainingJobPolicy", "serviceMonitor", "podMonitor", "prometheusRule", "dashboard"}


def test_default_objects(render: Render) -> None:
    found = sorted((item["kind"], item["metadata"]["name"]) for item in render().objects)
    assert found == [
        ("ClusterRole", "epochal"),
        ("ClusterRole", "epochal-edit"),
        ("ClusterRole", "epochal-tokenreview"),
        ("ClusterRole", "epochal-view"),
        ("ClusterRoleBinding", "epochal"),
        ("ClusterRoleBinding", "epochal-tokenreview"),
        ("CustomResourceDefinition", "experimentledgers.epochal.dev"),
        ("CustomResourceDefinition", "experiments.epochal.dev"),
        ("CustomResourceDefinition", "modelservers.epochal.dev"),
        ("CustomResourceDefinition", "trainingjobs.epochal.dev"),
        ("Deployment", "epochal"),
        ("Deployment", "epochal-checker"),
        ("NetworkPolicy", "epochal"),
        ("NetworkPolicy", "epochal-checker"),
        ("PodDisruptionBudget", "epochal"),
        ("PriorityClass", "epochal"),
        ("Role", "epochal"),
        ("RoleBinding", "epochal"),
        ("Secret", "epochal-tls"),
        ("Service", "epochal"),
        ("Service", "epochal-checker"),
        ("ServiceAccount", "epochal"),
        ("ServiceAccount", "epochal-checker"),
        ("ValidatingAdmissionPolicy", "epochal-immutable"),
        ("ValidatingAdmissionPolicy", "epochal-immutable-experiments"),
        ("ValidatingAdmissionPolicy", "epochal-keras"),
        ("ValidatingAdmissionPolicy", "epochal-keras-warning"),
        ("ValidatingAdmissionPolicy", "epochal-operator"),
        ("ValidatingAdmissionPolicy", "epochal-operator-experiments"),
        ("ValidatingAdmissionPolicy", "epochal-operator-servers"),
        ("ValidatingAdmissionPolicy", "epochal-plain-http"),
        ("ValidatingAdmissionPolicy", "epochal-rules-experiments"),
        ("ValidatingAdmissionPolicy", "epochal-rules-trainingjobs"),
        ("ValidatingAdmissionPolicyBinding", "epochal-immutable"),
        ("ValidatingAdmissionPolicyBinding", "epochal-immutable-experiments"),
        ("ValidatingAdmissionPolicyBinding", "epochal-keras"),
        ("ValidatingAdmissionPolicyBinding", "epochal-keras-warning"),
        ("ValidatingAdmissionPolicyBinding", "epochal-operator"),
        ("ValidatingAdmissionPolicyBinding", "epochal-operator-experiments"),
        ("ValidatingAdmissionPolicyBinding", "epochal-operator-servers"),
        ("ValidatingAdmissionPolicyBinding", "epochal-plain-http"),
        ("ValidatingAdmissionPolicyBinding", "epochal-rules-experiments"),
        ("ValidatingAdmissionPolicyBinding", "epochal-rules-trainingjobs"),
    ]


def test_yaml_like_names_stay_strings(render: Render) -> None:
    rendering = render(
        release="1e3",
        namespace="2024",
        createNamespace=True,
        watchNamespaces=["1e3", "no"],
        priorityClassName="0x1",
        serviceAccount={"name": "on"},
        storage={"endpoint": "http://minio:"},
        serviceMonitor={"enabled": True},
        trainerNetworkPolicy={"enabled": True, "storage": {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}},
    )
    places = {str(item["metadata"].get("namespace")) for item in rendering.objects}
    assert places == {"2024", "1e3", "no", "None"}
    for item in rendering.objects:
        assert isinstance(item["metadata"].get("namespace", ""), str), item["metadata"]
        assert isinstance(item["metadata"]["name"], str), item["metadata"]
        assert {type(value) for value in item["metadata"].get("labels", {}).values()} <= {str}, item["metadata"]
        for subject in item.get("subjects", []):
            assert {type(value) for value in subject.values()} == {str}, subject
    _, spec = rendering.pod_specs()
    assert (spec["serviceAccountName"], spec["priorityClassName"]) == ("on", "0x1")
    assert {type(argument) for argument in spec["containers"][0]["args"]} == {str}


@pytest.mark.parametrize(("section", "key"), SWITCHES)
def test_switch_changes_what_is_installed(render: Render, section: str, key: str) -> None:
    def installed(rendering: Any) -> set[tuple[str, str]]:
        return {(item["kind"], item["metadata"]["name"]) for item in rendering.objects}

    default = section not in OPTIONAL
    assert VALUES[section][key] is default
    values = {"storage": {"endpoint": "https://minio:9000"}} if section == "trainingJobPolicy" else {}
    assert installed(render(**{section: {key: not default}} | values)) != installed(render())


@pytest.mark.parametrize("on", list(itertools.product([True, False], repeat=3)))
def test_combinations_of_switches_render_one_operator(render: Render, on: tuple[bool, bool, bool]) -> None:
    rbac, account, policy = on
    rendered = render(
        rbac={"create": rbac, "aggregate": rbac},
        serviceAccount={"create": account},
        networkPolicy={"enabled": policy, "egress": {"enabled": policy}},
        checker={"enabled": False},
        crds={"install": account},
        watchNamespaces=["vision"] if policy else [],
    )
    account_name = rendered.one("Deployment")["spec"]["template"]["spec"]["serviceAccountName"]
    assert account_name == ("epochal" if account else "default")
    assert ("ServiceAccount" in rendered.kinds()) == account
    assert ("NetworkPolicy" in rendered.kinds()) == policy


def test_operator_gets_its_flags(render: Render) -> None:
    assert render().container()["args"] == [
        f"--trainer-image=registry.example.com/epochal-trainer:{VERSION}",
        f"--server-image=registry.example.com/epochal-server:{VERSION}",
        "--scratch-limit=256Gi",
        "--tmp-limit=4Gi",
        "--checker-url=http://epochal-checker.epochal-system.svc:8080",
        "--service=epochal.epochal-system.svc",
        "--tls-secret=epochal-tls",
        "--lease=epochal",
        f"--server-network={json.dumps(SERVER_NETWORK, separators=(',', ':'))}",
        "--workers=4",
        "--status-writes-per-second=50",
        "--log-level=info",
    ]
    more = render(
        imageRegistry="registry.example.com:5000/team/",
        trainerImage={"tag": "2"},
        serverImage={"tag": "3"},
        serverNetworkPolicy={"enabled": False},
        trainerVolumes={"scratch": "2Ti"},
        storage={"endpoint": "https://s3.example.com"},
        watchNamespaces=["vision", "speech"],
        metricLabels=["team", "example.com/cost-centre"],
        workers=8,
        replicas=4,
        statusWritesPerSecond=25,
        logLevel="debug",
    ).container()["args"]
    assert more == [
        "--trainer-image=registry.example.com:5000/team/epochal-trainer:2",
        "--server-image=registry.example.com:5000/team/epochal-server:3",
        "--storage-endpoint=https://s3.example.com",
        "--scratch-limit=2Ti",
        "--tmp-limit=4Gi",
        "--checker-url=http://epochal-checker.epochal-system.svc:8080",
        "--service=epochal.epochal-system.svc",
        "--tls-secret=epochal-tls",
        "--lease=epochal",
        "--namespaces=vision,speech",
        "--metric-labels=team,example.com/cost-centre",
        "--workers=8",
        "--status-writes-per-second=6.25",
        "--log-level=debug",
    ]


OTHERS = {"trainerImage": {"repository": "a.b/d"}, "serverImage": {"repository": "a.b/e"}}


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, f"registry.example.com/epochal-operator:{VERSION}"),
        ({"image": {"tag": "dev"}}, "registry.example.com/epochal-operator:dev"),
        (
            {"image": {"tag": "dev", "digest": f"sha256:{'0' * 64}"}},
            f"registry.example.com/epochal-operator@sha256:{'0' * 64}",
        ),
        ({"imageRegistry": "localhost", "image": {"repository": "a/b"}}, f"localhost/a/b:{VERSION}"),
        ({"imageRegistry": "registry:5000/team/"}, f"registry:5000/team/epochal-operator:{VERSION}"),
        (
            {"imageRegistry": "", "image": {"repository": "a.b/c"}, **OTHERS},
            f"a.b/c:{VERSION}",
        ),
    ],
)
def test_image(render: Render, values: dict[str, Any], image: str) -> None:
    assert render(**values).container()["image"] == image


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (
            {"imageRegistry": "", **OTHERS},
            "unless image.repository contains a registry: found epochal-operator",
        ),
        ({"imageRegistry": "team"}, "serverImage.repository contains a registry: found team/epochal-server"),
        (
            {"imageRegistry": "", "image": {"repository": "a.b/c"}, "serverImage": {"repository": "a.b/e"}},
            "trainerImage.repository contains a registry: found epochal-trainer",
        ),
        (
            {"imageRegistry": "", "image": {"repository": "a.b/c"}, "trainerImage": {"repository": "a.b/d"}},
            "serverImage.repository contains a registry: found epochal-server",
        ),
    ],
)
def test_an_image_of_no_registry_is_refused(render: Render, values: dict[str, Any], complaint: str) -> None:
    assert complaint in render(**values).error


def test_operator_rolls_out_without_downtime(render: Render) -> None:
    strategy = render().one("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}


def test_ports_of_service_probes_and_policy_agree(render: Render) -> None:
    rendered = render()
    ports = {port["name"]: port["containerPort"] for port in rendered.container()["ports"]}
    assert ports == {"metrics": 8080, "progress": 8443}
    service = rendered.one("Service")["spec"]
    assert {port["name"]: port["port"] for port in service["ports"]} == ports
    assert all(port["targetPort"] == port["name"] for port in service["ports"])
    probes = [rendered.container()[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert [(probe["path"], probe["port"]) for probe in probes] == [
        ("/healthz", "metrics"),
        ("/healthz", "metrics"),
        ("/readyz", "metrics"),
    ]
    ingress = rendered.one("NetworkPolicy")["spec"]["ingress"]
    assert {port["port"] for rule in ingress for port in rule["ports"]} == set(ports.values())


def test_selectors_find_the_operator(render: Render) -> None:
    rendered = render(serviceMonitor={"enabled": True}, replicas=2)
    deployment = rendered.one("Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    spread = deployment["template"]["spec"]["topologySpreadConstraints"][0]
    selectors = [
        deployment["selector"]["matchLabels"],
        rendered.one("Service")["spec"]["selector"],
        rendered.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        rendered.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        spread["labelSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels.items() for selector in selectors)
    monitor = rendered.one("ServiceMonitor")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= rendered.one("Service")["metadata"]["labels"].items()
    assert monitor["endpoints"] == [{"port": "metrics", "interval": "15s", "honorLabels": True}]


def test_two_installations_share_only_the_crds(helm: str, render: Render) -> None:
    (block,) = blocks("docs/operations.md", "sh", under="Two installations side by side")
    install, *options = shlex.split(block.text.replace("\\\n", " "))
    assert (install, options.pop(0)) == ("helm", "install")
    command = [helm, "template", "--kube-version=1.34.0", *options]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    objects = [one for one in yaml.load_all(second, yaml.CSafeLoader) if one]
    first = render(watchNamespaces=["vision"], watchWarning={"enabled": False}).objects

    def names(of: list[Any]) -> set[tuple[str, str, str]]:
        return {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in of}

    assert names(objects) & names(first) == set()
    pods = [one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment"]
    (container,) = next(pod["containers"] for pod in pods if pod["containers"][0]["name"] == "operator")
    assert "--namespaces=speech" in container["args"]
    assert "no operator reconciles" not in second


def test_documented_scrape_config_matches_the_chart(render: Render) -> None:
    (block,) = blocks("docs/operations.md", "yaml", under="Prometheus: metrics, alerts and dashboard")
    job, servers = yaml.safe_load(block.text)["scrape_configs"]
    (discovery,), (kept,) = job["kubernetes_sd_configs"], job["relabel_configs"]
    service = render().one("Service")
    assert discovery["namespaces"]["names"] == [service["metadata"]["namespace"]]
    ports = {port["port"]: port["name"] for port in service["spec"]["ports"]}
    assert kept["regex"] == f"{service['metadata']['name']};{ports[8080]}"
    monitor = render(podMonitor={"enabled": True}).one("PodMonitor", "epochal-servers")["spec"]["podMetricsEndpoints"][
        0
    ]
    assert servers["relabel_configs"][0]["regex"].endswith(f";{monitor['port']}")
    named = [rule for rule in servers["relabel_configs"] if rule.get("target_label") == "name"]
    assert [rule["source_labels"] for rule in named] == [rule["sourceLabels"] for rule in monitor["relabelings"]]


def test_disruption_budget_allows_a_drain(render: Render) -> None:
    assert render().one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_pod_settings_reach_the_pod(render: Render) -> None:
    values = {
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}],
        "terminationGracePeriodSeconds": 5,
    }
    rendered = render(
        **values, podAnnotations={"note": "yes"}, podLabels={"team": "ml"}, resources={"limits": {"memory": "1Gi"}}
    )
    template = rendered.one("Deployment")["spec"]["template"]
    assert {key: template["spec"][key] for key in values} == values
    assert template["metadata"]["annotations"]["note"] == "yes"
    assert template["metadata"]["labels"]["team"] == "ml"
    assert rendered.container()["resources"]["limits"] == {"memory": "1Gi"}


def test_operator_has_a_priority_class_of_its_release(render: Render) -> None:
    for release, name in (("epochal", "epochal"), ("speech", "speech-epochal")):
        rendered = render(release=release)
        assert rendered.one("PriorityClass", name)["value"] < 1_000_000_000, "Kubernetes keeps higher values"
        assert rendered.one("Deployment", name)["spec"]["template"]["spec"]["priorityClassName"] == name
    for values in ({"priorityClass": {"enabled": False}}, {"priorityClassName": "high"}):
        rendered = render(**values)
        assert "PriorityClass" not in rendered.kinds()
        pod = rendered.one("Deployment")["spec"]["template"]["spec"]
        assert pod.get("priorityClassName") == values.get("priorityClassName")
    assert "must have another name" in render(release="system-epochal").error


def test_priority_class_of_the_operator_is_refused_to_users(render: Render) -> None:
    allowed = {"enabled": True, "priorityClassNames": ["*"], "storageEndpoints": ["https://minio:9000"]}

    def reserved(**values: Any) -> list[str]:
        spec = render(trainingJobPolicy=allowed, **values).one("ValidatingAdmissionPolicy", "epochal-trainingjobs")[
            "spec"
        ]
        found = (rule["messageExpression"] for rule in spec["validations"])
        return [message for message in found if "reserved for the operator" in message]

    (message,) = reserved()
    assert ".scheduling.priorityClassName: must not be epochal, which" in message
    assert reserved(priorityClass={"enabled": False}) == []
    assert reserved(priorityClassName="high") == []


@pytest.mark.parametrize("allowed", [False, True])
def test_code_is_refused_unless_the_policy_allows_it(render: Render, *, allowed: bool) -> None:
    policy = {"enabled": True, "storageEndpoints": ["https://minio:9000"]} | ({"code": True} if allowed else {})
    spec = render(trainingJobPolicy=policy).one("ValidatingAdmissionPolicy", "epochal-trainingjobs")["spec"]
    messages = [rule["messageExpression"] for rule in spec["validations"] if ".?code" in rule["expression"]]
    assert messages == ([] if allowed else ["variables.place + '.code: must not be set here'"])


HUNG_START_SECONDS = 300
"""Most seconds until the kubelet restarts an operator that hangs during its start, where each probe times out."""


def test_probes_tolerate_a_busy_machine(render: Render) -> None:
    container = render().container()
    assert container["name"] == CONTAINER
    liveness, startup = container["livenessProbe"], container["startupProbe"]
    assert (
        liveness["periodSeconds"] * (liveness["failureThreshold"] - 1) + liveness["timeoutSeconds"]
        >= NO_PROGRESS_SECONDS
    )
    assert startup["periodSeconds"] * startup["failureThreshold"] >= NO_PROGRESS_SECONDS
    assert startup["timeoutSeconds"] * startup["failureThreshold"] <= HUNG_START_SECONDS
    for probe in (liveness, startup, container["readinessProbe"]):
        assert probe["timeoutSeconds"] >= REQUEST_SECONDS


def test_egress_is_restricted_on_request_only(render: Render) -> None:
    assert render().one("NetworkPolicy")["spec"]["policyTypes"] == ["Ingress"]
    to = [{"ipBlock": {"cidr": "192.0.2.1/32"}}]
    policy = {"egress": {"enabled": True, "apiServerPorts": [16443], "apiServerTo": to}}
    spec = render(networkPolicy=policy).one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    dns, servers, checker, api_server = spec["egress"]
    assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert servers["ports"] == [{"port": 9090, "protocol": "TCP"}]
    assert checker["ports"] == [{"port": 8080, "protocol": "TCP"}]
    assert api_server == {"ports": [{"port": 16443, "protocol": "TCP"}], "to": to}


def test_uninstall_keeps_crds_and_tls_secret(render: Render) -> None:
    rendered = render(crds={"annotations": {"team": "ml"}})
    kept = {
        (item["kind"], item["metadata"]["name"])
        for item in rendered.objects
        if item["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    definitions = {("CustomResourceDefinition", definition_name(kind)) for kind in ALL_KINDS}
    assert kept == {*definitions, ("Secret", "epochal-tls")}
    assert {rendered.one(*name)["metadata"]["annotations"]["team"] for name in definitions} == {"ml"}


@pytest.mark.parametrize(
    ("plural", "name", "immutable"),
    [
        ("trainingjobs", "epochal-immutable", trainingjob.immutable),
        ("experiments", "epochal-immutable-experiments", experiment.immutable),
    ],
)
def test_admission_policy_covers_fields_without_schema(
    render: Render, plural: str, name: str, immutable: Callable[[str], str]
) -> None:
    rendered = render()
    spec = rendered.one("CustomResourceDefinition", f"{plural}.epochal.dev")["spec"]
    properties = spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    open_fields = {name for name, schema in properties.items() if "x-kubernetes-preserve-unknown-fields" in str(schema)}
    policy = rendered.one("ValidatingAdmissionPolicy", name)["spec"]
    expressions = [rule["expression"] for rule in policy["validations"]]
    assert expressions == [
        f"object.spec.?{field} == oldObject.spec.?{field}" for field in properties if field in open_fields
    ]
    messages = [rule["message"] for rule in policy["validations"]]
    assert messages == [immutable(field) for field in properties if field in open_fields]
    (rule,) = policy["matchConstraints"]["resourceRules"]
    assert rule["resources"] == [plural], "status updates pass"
    binding = rendered.one("ValidatingAdmissionPolicyBinding", name)["spec"]
    assert binding == {"policyName": name, "validationActions": ["Deny"]}


def test_unwatched_namespace_warning(render: Render) -> None:
    rendered = render(namespace="here", watchNamespaces=["vision", "no"])
    policy = rendered.one("ValidatingAdmissionPolicy", "epochal-watched")["spec"]
    (validation,) = policy["validations"]
    assert validation["expression"] == "request.namespace in ['no', 'vision']"
    assert "Epochal in here watches no, vision (Helm value watchNamespaces)" in validation["messageExpression"]
    assert "\n" not in validation["messageExpression"]
    (rule,) = policy["matchConstraints"]["resourceRules"]
    assert rule["resources"] == sorted(kind.plural for kind in KINDS)
    assert policy["failurePolicy"] == "Ignore"
    binding = rendered.one("ValidatingAdmissionPolicyBinding", "epochal-watched")["spec"]
    assert binding == {"policyName": "epochal-watched", "validationActions": ["Warn"]}


@pytest.mark.parametrize("values", [{}, {"watchNamespaces": ["vision"], "watchWarning": {"enabled": False}}])
def test_no_unwatched_namespace_warning(render: Render, values: dict[str, Any]) -> None:
    assert "epochal-watched" not in render(**values).text


def test_policies_for_users_hold_only_in_watched_namespaces(render: Render) -> None:
    """So the policies of two installations do not refuse the objects of each other."""

    def selectors(**values: Any) -> dict[str, Any]:
        rendered = render(trainingJobPolicy={"enabled": True, "storageEndpoints": ["https://s3:*"]}, **values)
        return {
            one["metadata"]["name"]: one["spec"]["matchConstraints"].get("namespaceSelector")
            for one in rendered.objects
            if one["kind"] == "ValidatingAdmissionPolicy"
            and "-operator" not in one["metadata"]["name"]
            and not one["metadata"]["name"].endswith("-watched")
        }

    assert set(selectors().values()) == {None}
    watched = selectors(watchNamespaces=["vision", "1e3"])
    assert "epochal-trainingjobs" in watched
    assert len(watched) == len(selectors())
    expression = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["1e3", "vision"]}
    assert all(selector == {"matchExpressions": [expression]} for selector in watched.values()), watched


def test_trainingjob_policy_covers_experiments_and_servers(render: Render) -> None:
    storage = {"requireTLS": True, "endpoint": "https://minio:9000"}
    rendered = render(trainingJobPolicy={"enabled": True}, storage=storage)
    policy = rendered.one("ValidatingAdmissionPolicy", "epochal-trainingjobs")["spec"]
    (rule,) = policy["matchConstraints"]["resourceRules"]
    assert rule["resources"] == ["experiments", "modelservers", "trainingjobs"]
    variables = {one["name"]: one["expression"] for one in policy["variables"]}
    assert variables["spec"] == "variables.template ? object.spec.template.spec : object.spec"
    for validation in policy["validations"]:
        assert "object.spec" not in validation["expression"]
        assert validation["messageExpression"].startswith("variables.place + '.")
        assert validation["reason"] == "Forbidden", "a trial that is refused waits for the policy to change"


def test_operator_policy_of_experiments(render: Render) -> None:
    policy = render(namespace="here").one("ValidatingAdmissionPolicy", "epochal-operator-experiments")["spec"]
    (rule,) = policy["matchConstraints"]["resourceRules"]
    assert rule["resources"] == ["experimentledgers", "experiments", "trainingjobs"]
    assert rule["operations"] == ["CREATE", "UPDATE"]
    (condition,) = policy["matchConditions"]
    assert condition["expression"] == "request.userInfo.username == 'system:serviceaccount:here:epochal'"
    text = " ".join(one["expression"] for one in policy["validations"])
    assert policy["validations"][-1]["expression"] == "variables.trial || variables.ledger"
    for part in (
        "owner.kind == 'Experiment'",
        "owner.name == object.metadata.name",
        "'epochal.dev/experiment'",
        "key == 'suspend'",
        "key in object.spec",
    ):
        assert part in text
    assert {one["reason"] for one in policy["validations"]} == {"Forbidden"}


def test_operator_policy_allows_metric_labels(render: Render) -> None:
    keys = "key in ['controller-uid', 'job-name'{}]"
    for labels, others in (([], ""), (["team", "a.b/c"], ", 'team', 'a.b/c'")):
        policy = render(metricLabels=labels).one("ValidatingAdmissionPolicy", "epochal-operator")["spec"]
        text = " ".join(rule["expression"] for rule in policy["validations"])
        assert keys.format(others) in text


def test_required_tls_refuses_plain_default_endpoint(render: Render) -> None:
    plain, tls = ({"endpoint": f"{scheme}://minio:9000", "requireTLS": True} for scheme in ("http", "https"))
    assert "storage.endpoint: must be https, because storage.requireTLS is true; found http://minio:9000" in (
        render(storage=plain).error
    )
    assert render(storage=tls).one("ValidatingAdmissionPolicy", "epochal-trainingjobs")


@pytest.mark.parametrize(
    "template",
    [
        batch_job(training_job(storage=CUSTOM_CA), INSTALLATION)["spec"]["template"],
        report_job(document(), (), parse(document()).spec, INSTALLATION)["spec"]["template"],
    ],
    ids=["of a trainer", "of a report"],
)
def test_operator_policy_names_all_fields_of_job_pods(render: Render, template: dict[str, Any]) -> None:
    """This test finds a pod field that the policy does not name. The e2e tests check the policy itself."""
    policy = render(namespace="here", serviceAccount={"name": "mine"}).one(
        "ValidatingAdmissionPolicy", "epochal-operator"
    )
    assert [one["expression"] for one in policy["spec"]["matchConditions"]] == [
        "request.userInfo.username == 'system:serviceaccount:here:mine'"
    ]
    text = " ".join(rule["expression"] for rule in policy["spec"]["validations"])
    (container,) = template["spec"]["containers"]
    written = {
        *container,
        *container["command"],
        *container["securityContext"],
        *template["spec"]["securityContext"],
        *(variable["name"] for variable in container["env"]),
        *(variable["valueFrom"]["secretKeyRef"]["key"] for variable in container["env"] if "valueFrom" in variable),
        *(key for volume in template["spec"]["volumes"] for key in volume),
        TOKEN_AUDIENCE,
    }
    assert {name for name in written if f"'{name}'" not in text} == set()
    assert {key.partition("/")[0] for key in template["metadata"]["annotations"]} == {"epochal.dev"}


KEYS = {"secretRef": {"name": "keys"}}


@pytest.mark.parametrize("model", [MODEL, BY_KERAS, CONVERTED], ids=["ONNX", "Keras", "converted"])
def test_operator_policy_names_all_fields_of_server_pods(render: Render, model: ServedModel) -> None:
    policy = render(namespace="here", serviceAccount={"name": "mine"}).one(
        "ValidatingAdmissionPolicy", "epochal-operator-servers"
    )["spec"]
    (condition,) = policy["matchConditions"]
    assert condition["expression"] == "request.userInfo.username == 'system:serviceaccount:here:mine'"
    rules = {resource for rule in policy["matchConstraints"]["resourceRules"] for resource in rule["resources"]}
    assert rules == {child.resource.plural for child in CHILDREN}
    text = " ".join(rule["expression"] for rule in policy["validations"])
    one = server(auth=KEYS, tls=KEYS, storage=CUSTOM_CA)
    template = deployment(one, model, INSTALLATION)["spec"]["template"]
    written = {
        *template["spec"]["securityContext"],
        *(key for volume in template["spec"]["volumes"] for key in volume),
        *(volume["name"] for volume in template["spec"]["volumes"] if "secret" in volume),
    }
    for container in (*template["spec"]["containers"], *template["spec"].get("initContainers", [])):
        written |= {*container, *container["command"], *container["securityContext"]}
        written |= {variable["name"] for variable in container["env"]}
        written |= {variable["valueFrom"]["secretKeyRef"]["key"] for variable in container["env"]}
    assert {name for name in written if f"'{name}'" not in text} == set()
    assert {key.partition("/")[0] for key in template["metadata"]["annotations"]} == {"epochal.dev"}
    for image in (f"epochal-server:{VERSION}", f"epochal-trainer:{VERSION}"):
        assert f"'registry.example.com/{image}'" in text


def test_documented_installation_pins_every_image(render: Render) -> None:
    readme = (ROOT / "charts/epochal/README.md").read_text()
    installation = readme[readme.index("helm install epochal charts/epochal") :].partition("```")[0]
    values = yaml.load((ROOT / "charts/epochal/values.yaml").read_text(), yaml.CSafeLoader)
    images = {key for key, value in values.items() if isinstance(value, dict) and "digest" in value}
    assert images == {"image", "trainerImage", "serverImage", "studioImage"}
    assert {image for image in images if f"--set {image}.digest=sha256:" not in installation} == set()


def test_images_ignore_user_site_packages() -> None:
    """HOME is /tmp, which is writable in a pod: Python would import packages from /tmp/.local."""
    for folder in ("operator", "server-image", "studio-image", "trainer-image"):
        last_stage = (ROOT / folder / "Dockerfile").read_text().rpartition("\nFROM ")[2]
        assert "PYTHONNOUSERSITE=1" in last_stage, folder


def test_server_network_policy_rules(render: Render) -> None:
    def network(**values: Any) -> Any:
        found = [one for one in render(**values).container()["args"] if one.startswith("--server-network=")]
        return json.loads(found[0].partition("=")[2]) if found else None

    assert network() == SERVER_NETWORK
    assert network(serverNetworkPolicy={"enabled": False}) is None
    ours, prometheus = (
        [{"ipBlock": {"cidr": "192.0.2.0/24"}}],
        [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
    )
    ingress = network(serverNetworkPolicy={"from": ours, "metricsFrom": prometheus})["ingress"]
    assert ingress[0]["from"] == ours
    assert ingress[1]["from"][:-1] == prometheus
    operator = render().one("NetworkPolicy")["spec"]["podSelector"]
    assert ingress[1]["from"][-1]["podSelector"] == operator, "which asks what a model takes"
    assert "from" not in network(serverNetworkPolicy={"from": []})["ingress"][0]
    trainers = {"enabled": True, "namespaces": ["vision"], "storage": {"to": ours}}
    reports = render(trainerNetworkPolicy=trainers).one("NetworkPolicy", "epochal-reports")["spec"]
    assert network(trainerNetworkPolicy=trainers)["egress"] == reports["egress"]


def test_pod_monitor_selects_server_pods(render: Render) -> None:
    monitor = render(podMonitor={"enabled": True, "labels": {"release": "p"}}).one("PodMonitor", "epochal-servers")
    template = deployment(server(), MODEL, INSTALLATION)["spec"]["template"]
    labels, selector = template["metadata"]["labels"], monitor["spec"]["selector"]
    assert selector["matchLabels"].items() <= labels.items()
    assert {one["key"] for one in selector["matchExpressions"]} <= set(labels)
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    (relabeling,) = endpoint["relabelings"]
    label = "epochal.dev/modelserver".replace(".", "_").replace("/", "_")
    assert relabeling == {"sourceLabels": [f"__meta_kubernetes_pod_label_{label}"], "targetLabel": "name"}
    # Pods of tenants may bear those labels, too: no series but those of servers are taken from them.
    (kept,) = endpoint["metricRelabelings"]
    assert (kept["sourceLabels"], kept["regex"], kept["action"]) == (["__name__"], "epochal_server_.+", "keep")
    assert monitor["spec"]["namespaceSelector"] == {"any": True}
    assert monitor["metadata"]["labels"]["release"] == "p"
    some = render(podMonitor={"enabled": True}, watchNamespaces=["vision"]).one("PodMonitor", "epochal-servers")
    assert some["spec"]["namespaceSelector"] == {"matchNames": ["vision"]}


def test_alerts_and_dashboard_come_from_their_files(render: Render) -> None:
    rendering = render(
        prometheusRule={"enabled": True, "labels": {"release": "prometheus"}}, dashboard={"enabled": True}
    )
    files = ROOT / "charts/epochal/files"
    rule = rendering.one("PrometheusRule")
    assert rule["spec"] == yaml.safe_load((files / "alerts.yaml").read_text())
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    dashboard = rendering.one("ConfigMap", "epochal-dashboard")
    assert json.loads(dashboard["data"]["epochal.json"]) == json.loads((files / "dashboard.json").read_text())
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_experiment_panels_aggregate_over_operator_pods() -> None:
    """Prometheus keeps separate series for each pod of the operator, as after each upgrade."""
    panels = json.loads((ROOT / "charts/epochal/files/dashboard.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    of_experiments = [one for one in asked if "epochal_experiment_" in one]
    assert len(of_experiments) == 4
    assert [one for one in of_experiments if not one.startswith(("sum", "max by (namespace, name, metric) "))] == []
