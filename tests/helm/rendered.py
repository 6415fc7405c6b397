"""The chart as Helm's own engine renders it, and where the tests find what they need."""

import os
import pathlib
import re
import shutil
import sys

import helm_python as helm
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "helm"
SOURCE = ROOT / "gateway/src/metrics.rs"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = pathlib.Path(os.environ.get("MUARA_TEST_PROGRAM", TARGET / "debug/muara")).resolve()
# installed beside this Python
BIN = pathlib.Path(sys.executable).parent

# the least that an operator must say
LEAST = {"config": {"channels": {"qlue": {"connector": "qlue", "secret": "${env:QLUE_SECRET}"}}}}


def promtool():
    """Prometheus' own tool for rules and metrics."""
    found = shutil.which("promtool", path=f"{TARGET}:{os.environ['PATH']}")
    assert found, "promtool is missing: tests/run puts it into the target folder"
    return found


def declared():
    """Every metric that the program declares."""
    return set(re.findall(r'(?:counter|gauge|histogram) "(muara_\w+)"', SOURCE.read_text()))


def labels():
    """Every label that a metric may have."""
    return set(re.findall(r'"(\w+)" =>', SOURCE.read_text()))


def merged(*parts):
    """Values over values, as `helm -f` does it; None takes a key away."""
    out = {}
    for part in parts:
        for key, value in part.items():
            if value is None:
                out.pop(key, None)
            elif isinstance(value, dict):
                out[key] = merged(out.get(key, {}), value)
            else:
                out[key] = value
    return out


def render(*values, name="muara", namespace="crm"):
    """The manifests by kind (Services and the dashboard by kind and component, what comes first as `check/KIND`), and the notes."""
    with helm.Chart.load(CHART) as chart:
        files = chart.render(merged(LEAST, *values), name=name, namespace=namespace)
    manifests = {}
    for file, text in files.items():
        if file.endswith("NOTES.txt"):
            manifests["notes"] = text
            continue
        for manifest in filter(None, yaml.safe_load_all(text)):
            key, metadata = manifest["kind"], manifest["metadata"]
            component = metadata["labels"].get("app.kubernetes.io/component")
            if key == "Service" or component == "dashboard":
                key += "/" + component
            if "helm.sh/hook" in metadata.get("annotations", {}):
                key = "check/" + key
            assert key not in manifests, f"two of {key}"
            manifests[key] = manifest
    return manifests


def configuration(manifests, folder):
    """Writes the ConfigMap's files as the kubelet mounts them and returns `muara.toml`."""
    data = manifests["ConfigMap"]["data"]
    [volume] = [v for v in pod(manifests)["volumes"] if v["name"] == "config"]
    for item in volume["configMap"]["items"]:
        file = pathlib.Path(folder, item["path"])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(data[item["key"]])
    return pathlib.Path(folder, "muara.toml")


def pod(manifests):
    """What runs."""
    return workload(manifests)["spec"]["template"]["spec"]


def workload(manifests):
    """What makes its pods: with a volume, or of several without."""
    return manifests.get("StatefulSet") or manifests["Deployment"]
