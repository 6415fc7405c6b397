"""The chart, rendered by Helm's engine over several sets of values: what an operator would miss."""

import re
import subprocess
import tempfile
import tomllib
import unittest

import helm_python as helm
import kubernetes_validate
import yaml

from rendered import CHART, LEAST, PROGRAM, ROOT, configuration, merged, pod, render, workload

JAKARTA = (ROOT / "gateway/config/jakarta.toml").read_text()
CITY = {
    "existingSecret": "muara-secrets",
    "existingSecretFiles": "muara-files",
    "config": {
        "broker": {"url": "${env:MUARA_BROKER_URL}", "messages_per_second": 1000000, "replies": False},
        "privacy": {"key": "${env:MUARA_PRIVACY_KEY}"},
        "intake": {"drain_seconds": 45},
        "media": {
            "url": "s3://muara/files",
            "types": ["image/*", "application/pdf"],
            "s3": {"access_key_id": "muara", "secret_access_key": "${env:MUARA_S3_SECRET}"},
        },
        "duplicates": {"score": 1},
        "channels": {"qlue": None},
    },
    "configFiles": {"channels.toml": JAKARTA[JAKARTA.index("# 1. ") :]},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "hosts": ["lapor.example.go.id"],
        "tls": [{"secretName": "lapor-tls", "hosts": ["lapor.example.go.id"]}],
        "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "32m"},
    },
    "networkPolicy": {
        "publicFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}],
        "internalFrom": [
            {"podSelector": {}},
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
        ],
        "egress": [{"ports": [{"port": 443, "protocol": "TCP"}]}],
    },
    "podDisruptionBudget": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "priorityClassName": "city-services",
}
TRIAL = {
    "secretEnv": {"QLUE_SECRET": "rahasia-sekali", "NUMBER": "0123"},
    "fullnameOverride": "lapor",
    "persistence": {"existingClaim": "old", "storageClass": "local"},
    "networkPolicy": {"enabled": False},
    "image": {"repository": "registry.example/muara", "digest": "sha256:" + "a" * 64},
    "replicas": 0,
    "service": {"type": "LoadBalancer", "port": 8000, "internalPort": 9000},
    "extraEnv": [{"name": "RUST_BACKTRACE", "value": "1"}],
    "extraVolumes": [{"name": "places", "configMap": {"name": "places"}}],
    "extraVolumeMounts": [{"name": "places", "mountPath": "/places", "readOnly": True}],
    "imagePullSecrets": [{"name": "registry"}],
    "podLabels": {"team": "crm"},
    "podAnnotations": {"note": "trial"},
    "tolerations": [{"key": "disk", "operator": "Exists"}],
    "nodeSelector": {"disk": "local"},
}
# words that need care in TOML
ODD = {
    "config": {
        "channels": {
            "qlue": {
                "title": 'Say "halo" \\ <b>&\n${env:NAMA:-é 🌊}',
                "limits": {"sender": {"per_minute": 5, "burst": 2}},
                "replies": {"public": "status", "fallback": []},
            },
            "warga": {
                "connector": "webhook",
                "secret": "${file:/run/secrets/muara/warga}",
                "auth": {"scheme": "hmac", "header": "X-Signature", "prefix": "sha256="},
                "fields": {"text": "$.isi", "phone": {"path": "$.pelapor['no.']", "transforms": ["phone"]}},
            },
            "koran": {
                "connector": "feed",
                "feeds": [{"name": "Surat, Pembaca", "url": "https://example.com/a?b=1&c=2"}],
            },
        }
    }
}
# several on one server
SEVERAL = {
    "replicas": 3,
    "existingSecret": "muara-secrets",
    "config": {
        "store": {"url": "${env:MUARA_STORE_URL}"},
        "broker": {"url": "${env:MUARA_BROKER_URL}"},
        "privacy": {"key": "${env:MUARA_PRIVACY_KEY}"},
        "media": {
            "url": "s3://muara/files",
            "s3": {"access_key_id": "muara", "secret_access_key": "${env:MUARA_S3_SECRET}"},
        },
    },
    "ingress": {"enabled": True, "hosts": ["lapor.example.go.id"], "tls": [{"secretName": "tls"}]},
}
SETS = {"least": {}, "city": CITY, "trial": TRIAL, "odd": ODD, "several": SEVERAL}
OWN_KINDS = {"ServiceMonitor", "PrometheusRule"}


def check(manifests, folder):
    """What `muara check` says about the rendered configuration, without any secret being there but the broker's."""
    file = configuration(manifests, folder)
    env = {"MUARA_BROKER_URL": "amqp://broker", "MUARA_PRIVACY_KEY": "k" * 64, "MUARA_S3_SECRET": "s"}
    env["MUARA_STORE_URL"] = "postgres://muara:rahasia@postgres.crm.svc/muara?sslmode=require"
    return subprocess.run([PROGRAM, "check", "--config", file], capture_output=True, text=True, env=env)


class Rendering(unittest.TestCase):
    def test_helm_finds_nothing_to_criticise(self):
        # 1 is information, like "icon is recommended"
        found = helm.lint(CHART)
        self.assertEqual(found["errors"], [])
        self.assertEqual([m for m in found["messages"] if m["severity"] > 1], [])

    def test_kubernetes_knows_every_field(self):
        with helm.Chart.load(CHART) as chart:
            oldest = re.search(r"\d+\.\d+", chart.metadata["kubeVersion"])[0]
        for name, values in SETS.items():
            for kind, manifest in render(values).items():
                if kind == "notes" or kind in OWN_KINDS:
                    continue
                for version in (oldest, kubernetes_validate.latest_version()):
                    with self.subTest(values=name, kind=kind, version=version):
                        kubernetes_validate.validate(manifest, version, strict=True)

    def test_kubernetes_would_refuse_a_wrong_field(self):
        broken = render()["StatefulSet"]
        broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)

    def test_muara_accepts_the_configuration(self):
        for name, values in SETS.items():
            with self.subTest(values=name), tempfile.TemporaryDirectory() as folder:
                done = check(render(values), folder)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_muara_has_what_the_values_say(self):
        manifests = render(ODD)
        with tempfile.TemporaryDirectory() as folder:
            read = tomllib.loads(configuration(manifests, folder).read_text())
        self.assertEqual(read["channels"], merged(LEAST, ODD)["config"]["channels"])
        self.assertEqual(read["listen"], {"public": "0.0.0.0:8080", "internal": "0.0.0.0:8081"})

    def test_whole_numbers_stay_whole(self):
        text = render(CITY)["ConfigMap"]["data"]["muara.toml"]
        self.assertIn("messages_per_second = 1000000\n", text)

    def test_program_and_chart_have_one_version(self):
        workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual(chart["appVersion"], workspace["version"])
        image = pod(render())["containers"][0]["image"]
        self.assertEqual(image, f"muara:{workspace['version']}")


class Pod(unittest.TestCase):
    def test_it_has_no_rights(self):
        for values in SETS.values():
            manifests = render(values)
            spec, [container] = pod(manifests), pod(manifests)["containers"]
            self.assertTrue(spec["securityContext"]["runAsNonRoot"])
            self.assertGreater(spec["securityContext"]["runAsUser"], 0)
            self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertEqual(
                container["securityContext"],
                {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            )
            self.assertFalse(spec["automountServiceAccountToken"])
            self.assertFalse(manifests["ServiceAccount"]["automountServiceAccountToken"])
            for forbidden in ("hostNetwork", "hostPID", "hostIPC"):
                self.assertNotIn(forbidden, spec)

    def test_it_is_probed_where_probes_answer(self):
        [container] = pod(render())["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        self.assertEqual(ports, {"public": 8080, "internal": 8081})
        for probe, path in (("startup", "/livez"), ("liveness", "/livez"), ("readiness", "/readyz")):
            self.assertEqual(container[f"{probe}Probe"]["httpGet"], {"path": path, "port": "internal"})

    def test_it_may_finish_what_it_began(self):
        # two halves of drain_seconds, and a margin
        for drain in (0, 20, 45, 600):
            spec = pod(render({"config": {"intake": {"drain_seconds": drain}}}))
            self.assertEqual(spec["terminationGracePeriodSeconds"], 2 * drain + 20)
        self.assertIn("drain_seconds = 20", render()["ConfigMap"]["data"]["muara.toml"])

    def test_it_has_bounds(self):
        [container] = pod(render())["containers"]
        self.assertIn("memory", container["resources"]["limits"])
        self.assertEqual(set(container["resources"]["requests"]), {"cpu", "memory"})

    def test_it_starts_anew_when_its_configuration_changes(self):
        def sums(values):
            return render(values)["StatefulSet"]["spec"]["template"]["metadata"]["annotations"]

        self.assertEqual(sums({}), sums({"service": {"port": 81}}))
        self.assertNotEqual(sums({}), sums({"config": {"intake": {"drain_seconds": 21}}}))
        self.assertNotEqual(sums({}), sums({"configFiles": {"a.toml": "[desk]"}}))
        self.assertNotEqual(sums({"secretEnv": {"A": "1"}}), sums({"secretEnv": {"A": "2"}}))

    def test_what_was_promised_stays(self):
        spec = render()["StatefulSet"]["spec"]
        self.assertEqual(
            spec["persistentVolumeClaimRetentionPolicy"], {"whenDeleted": "Retain", "whenScaled": "Retain"}
        )
        [claim] = spec["volumeClaimTemplates"]
        self.assertEqual(claim["spec"]["accessModes"], ["ReadWriteOnce"])
        [container] = spec["template"]["spec"]["containers"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        self.assertEqual(mounts[claim["metadata"]["name"]], "/var/lib/muara")
        old = render(TRIAL)["StatefulSet"]["spec"]
        self.assertNotIn("volumeClaimTemplates", old)
        data = [v for v in old["template"]["spec"]["volumes"] if v["name"] == "data"]
        self.assertEqual(data, [{"name": "data", "persistentVolumeClaim": {"claimName": "old"}}])

    def test_every_mount_has_its_volume(self):
        for values in SETS.values():
            spec = workload(render(values))["spec"]
            volumes = {v["name"] for v in spec["template"]["spec"]["volumes"]}
            volumes |= {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
            mounts = {m["name"] for m in spec["template"]["spec"]["containers"][0]["volumeMounts"]}
            self.assertEqual(mounts, volumes)


class Several(unittest.TestCase):
    """Gateways on one PostgreSQL."""

    def test_they_keep_nothing_of_their_own(self):
        manifests = render(SEVERAL)
        self.assertNotIn("StatefulSet", manifests)
        deployment = manifests["Deployment"]["spec"]
        self.assertEqual(deployment["replicas"], 3)
        self.assertEqual(deployment["strategy"]["rollingUpdate"], {"maxUnavailable": 0, "maxSurge": 1})
        self.assertFalse([v for v in pod(manifests)["volumes"] if "persistentVolumeClaim" in v or v["name"] == "data"])
        self.assertNotIn("/var/lib/muara", yaml.safe_dump(manifests))
        self.assertNotIn("Deployment", render())

    def test_one_may_go_at_a_time(self):
        self.assertEqual(render(SEVERAL)["PodDisruptionBudget"]["spec"]["maxUnavailable"], 1)
        two = render(SEVERAL, {"podDisruptionBudget": {"maxUnavailable": 2}})
        self.assertEqual(two["PodDisruptionBudget"]["spec"]["maxUnavailable"], 2)
        self.assertNotIn("PodDisruptionBudget", render())
        self.assertNotIn("PodDisruptionBudget", render(SEVERAL, {"replicas": 1}))

    def test_an_operator_stays_with_one(self):
        self.assertEqual(render(SEVERAL)["Service/internal"]["spec"]["sessionAffinity"], "ClientIP")
        self.assertNotIn("sessionAffinity", render()["Service/internal"]["spec"])

    def test_they_are_selected_like_one(self):
        manifests = render(SEVERAL, {"serviceMonitor": {"enabled": True}})
        labels = workload(manifests)["spec"]["template"]["metadata"]["labels"].items()
        for selector in (
            manifests["Service/public"]["spec"]["selector"],
            manifests["Service/internal"]["spec"]["selector"],
            workload(manifests)["spec"]["selector"]["matchLabels"],
            manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
            manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        ):
            self.assertLessEqual(selector.items(), labels)

    def test_the_notes_name_what_there_is(self):
        self.assertIn("exec deploy/muara -- muara", render(SEVERAL)["notes"])
        self.assertIn("replicas: 2", render(SEVERAL, {"replicas": 1})["notes"])


class Check(unittest.TestCase):
    """The Job that runs `muara check` before anything is touched."""

    def test_it_sees_what_the_gateway_will_see(self):
        for name, values in SETS.items():
            with self.subTest(values=name):
                manifests = render(values)
                self.assertEqual(manifests["check/ConfigMap"]["data"], manifests["ConfigMap"]["data"])
                self.assertEqual(
                    manifests.get("check/Secret", {}).get("data"), manifests.get("Secret", {}).get("data")
                )
                job, spec = manifests["check/Job"]["spec"]["template"]["spec"], pod(manifests)
                [one], [other] = job["containers"], spec["containers"]
                self.assertEqual((one["image"], one["env"]), (other["image"], other["env"]))
                self.assertEqual(one["securityContext"], other["securityContext"])
                self.assertEqual(job["securityContext"], spec["securityContext"])
                own = [mount for mount in other["volumeMounts"] if mount["name"] not in ("data", "tmp")]
                self.assertEqual(one["volumeMounts"], own)
                self.assertEqual({v["name"] for v in job["volumes"]}, {mount["name"] for mount in own})

    def test_it_comes_first_and_with_what_it_needs(self):
        manifests = render(TRIAL)
        weights = {}
        for kind in ("ConfigMap", "Secret", "Job"):
            annotations = manifests[f"check/{kind}"]["metadata"]["annotations"]
            self.assertEqual(annotations["helm.sh/hook"], "pre-install,pre-upgrade")
            self.assertNotIn("hook-failed", annotations["helm.sh/hook-delete-policy"])
            weights[kind] = int(annotations["helm.sh/hook-weight"])
        self.assertLess(max(weights["ConfigMap"], weights["Secret"]), weights["Job"])
        job = manifests["check/Job"]["spec"]["template"]["spec"]
        [container] = job["containers"]
        self.assertEqual(container["args"], ["check"])
        self.assertEqual(
            container["envFrom"][0]["secretRef"]["name"], manifests["check/Secret"]["metadata"]["name"]
        )
        [volume] = [volume for volume in job["volumes"] if volume["name"] == "config"]
        self.assertEqual(volume["configMap"]["name"], manifests["check/ConfigMap"]["metadata"]["name"])
        # nothing of the release is there yet, and a Job that is tried again hides what is wrong
        self.assertNotIn("serviceAccountName", job)
        self.assertEqual((manifests["check/Job"]["spec"]["backoffLimit"], job["restartPolicy"]), (0, "Never"))

    def test_no_service_takes_it_for_the_gateway(self):
        manifests = render()
        labels = manifests["check/Job"]["spec"]["template"]["metadata"]["labels"].items()
        for service in ("public", "internal"):
            self.assertFalse(manifests[f"Service/{service}"]["spec"]["selector"].items() <= labels)

    def test_it_can_be_left_out(self):
        self.assertFalse([kind for kind in render({"checkFirst": False}) if kind.startswith("check/")])


class Network(unittest.TestCase):
    def test_internal_port_is_closed_to_other_namespaces(self):
        rules = render()["NetworkPolicy"]["spec"]["ingress"]
        [internal] = [rule for rule in rules if any(port["port"] == "internal" for port in rule["ports"])]
        self.assertEqual(internal["from"], [{"podSelector": {}}])
        [public] = [rule for rule in rules if rule is not internal]
        self.assertEqual(public, {"ports": [{"port": "public", "protocol": "TCP"}]})
        # an empty list closes it to everybody; a rule without `from` would open it
        closed = render({"networkPolicy": {"internalFrom": []}})["NetworkPolicy"]["spec"]["ingress"]
        self.assertEqual(closed, [public])

    def test_way_out_has_names_when_it_is_closed(self):
        self.assertEqual(render()["NetworkPolicy"]["spec"]["policyTypes"], ["Ingress"])
        policy = render(CITY)["NetworkPolicy"]["spec"]
        self.assertEqual(policy["policyTypes"], ["Ingress", "Egress"])
        self.assertEqual([port["port"] for port in policy["egress"][0]["ports"]], [53, 53])
        self.assertEqual(policy["egress"][1:], CITY["networkPolicy"]["egress"])

    def test_only_the_public_port_leaves_the_cluster(self):
        manifests = render(TRIAL, CITY, {"secretEnv": None})
        internal = manifests["Service/internal"]
        self.assertEqual(internal["spec"]["type"], "ClusterIP")
        self.assertEqual(manifests["Service/public"]["spec"]["type"], "LoadBalancer")
        self.assertEqual([p["targetPort"] for p in manifests["Service/public"]["spec"]["ports"]], ["public"])
        for rule in manifests["Ingress"]["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                self.assertEqual(service["name"], manifests["Service/public"]["metadata"]["name"])
                self.assertEqual(service["port"], {"name": "public"})

    def test_everything_selects_the_pod(self):
        manifests = render(CITY, {"podLabels": {"team": "crm"}})
        labels = manifests["StatefulSet"]["spec"]["template"]["metadata"]["labels"].items()
        selectors = [
            manifests["Service/public"]["spec"]["selector"],
            manifests["Service/internal"]["spec"]["selector"],
            manifests["StatefulSet"]["spec"]["selector"]["matchLabels"],
            manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
            manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        ]
        for selector in selectors:
            self.assertLessEqual(selector.items(), labels)
        monitor = manifests["ServiceMonitor"]["spec"]
        wanted = monitor["selector"]["matchLabels"].items()
        self.assertLessEqual(wanted, manifests["Service/internal"]["metadata"]["labels"].items())
        self.assertFalse(wanted <= manifests["Service/public"]["metadata"]["labels"].items())
        [endpoint] = monitor["endpoints"]
        self.assertEqual((endpoint["port"], endpoint["path"]), ("internal", "/metrics"))
        self.assertEqual(manifests["Service/internal"]["spec"]["ports"][0]["name"], "internal")

    def test_addresses_of_files_lead_to_the_internal_service(self):
        text = render(TRIAL, namespace="kota")["ConfigMap"]["data"]["muara.toml"]
        self.assertIn('public_url = "http://lapor-internal.kota.svc:9000/media"', text)


class Secrets(unittest.TestCase):
    def test_existing_secret_is_the_environment(self):
        manifests = render(CITY)
        self.assertFalse([kind for kind in manifests if kind.endswith("Secret")])
        [container] = pod(manifests)["containers"]
        self.assertEqual(container["envFrom"], [{"secretRef": {"name": "muara-secrets"}}])
        [files] = [mount for mount in container["volumeMounts"] if mount["name"] == "secrets"]
        self.assertEqual((files["mountPath"], files["readOnly"]), ("/run/secrets/muara", True))

    def test_a_secret_is_in_the_secret_and_nowhere_else(self):
        manifests = render(TRIAL)
        secret = manifests.pop("Secret")
        self.assertEqual(manifests.pop("check/Secret")["data"], secret["data"])
        self.assertEqual(secret["data"], {"QLUE_SECRET": "cmFoYXNpYS1zZWthbGk=", "NUMBER": "MDEyMw=="})
        self.assertNotIn("rahasia-sekali", yaml.safe_dump(manifests))
        self.assertIn("existingSecret", manifests["notes"])
        [container] = pod(manifests)["containers"]
        self.assertEqual(container["envFrom"], [{"secretRef": {"name": secret["metadata"]["name"]}}])

    def test_a_secret_in_the_configuration_is_refused_and_not_repeated(self):
        qlue = {"connector": "qlue", "secret": "${env:QLUE_SECRET}"}
        channels = lambda **more: {"config": {"channels": {"qlue": {**qlue, **more}}}}
        cases = {
            "secret": channels(secret="rahasia"),
            "bot_token": channels(bot_token="rahasia"),
            "password": channels(smtp={"host": "a", "password": "rahasia"}),
            "token": channels(callback={"list": [{"token": "rahasia"}]}),
            "secret_access_key": {"config": {"media": {"s3": {"secret_access_key": "rahasia"}}}},
            "privacy key": {"config": {"privacy": {"key": "rahasia" * 8}}},
            "address with a password ": {"config": {"store": {"url": "postgres://muara:rahasia@postgres/muara"}, "media": {"url": "s3://a/b"}, "privacy": {"key": "${env:K}"}}},
            "address with a password": {"config": {"broker": {"url": "amqp://muara:rahasia@broker/"}}},
            "app_secret": {"configFiles": {"a.toml": "[channels.a]\n  app_secret='rahasia'\n"}},
            "access_token": {"configFiles": {"a.toml": 'a = { b = 1, "access_token" = "rahasia" }\n'}},
        }
        for word, values in cases.items():
            with self.subTest(word=word), self.assertRaises(helm.HelmRenderError) as refused:
                render(values)
            self.assertIn("does not belong into a ConfigMap", str(refused.exception))
            self.assertIn(word, str(refused.exception))
            self.assertNotIn("rahasia", str(refused.exception))


class Refusals(unittest.TestCase):
    def test_what_would_go_wrong_later_is_refused_in_words(self):
        cases = {
            "replicas: at most 1": {"replicas": 2},
            "or be an address of PostgreSQL": merged(SEVERAL, {"config": {"store": {"url": "mysql://db/muara"}}}),
            "where every gateway reaches them": merged(SEVERAL, {"config": {"media": {"url": "file:///media"}}}),
            "all gateways need the same key": merged(
                SEVERAL, {"config": {"privacy": {"key": "${file:/var/lib/muara/privacy.key}"}}}
            ),
            "no channel is configured": {"config": {"channels": {"qlue": None}}},
            "with PostgreSQL there is no volume": {"config": {"store": {"url": "postgres://db/muara"}}},
            "anywhere else": {"config": {"store": {"url": "sqlite://muara.db"}}},
            "where the volume is": {"config": {"media": {"url": "file://media"}}},
            "the chart sets it": {"config": {"listen": {"public": "0.0.0.0:80"}}},
            "ingress.hosts": {"ingress": {"enabled": True}},
            "not together with existingSecret": {"existingSecret": "a", "secretEnv": {"A": "b"}},
            "ends in .toml": {"configFiles": {"channels.yaml": ""}},
        }
        for words, values in cases.items():
            with self.subTest(words=words), self.assertRaisesRegex(helm.HelmRenderError, re.escape(words)):
                render(values)

    def test_what_nobody_reads_is_refused(self):
        cases = {
            "replica": {"replica": 1},
            "host": {"ingress": {"host": "a"}},
            "replicas": {"replicas": "1"},
            "connector": {"config": {"channels": {"jaki": {"title": "JAKI"}}}},
            "accessModes": {"persistence": {"accessModes": ["ReadWriteMany"]}},
            "tag": {"image": {"tag": "latest"}},
        }
        for word, values in cases.items():
            with self.subTest(word=word), self.assertRaisesRegex(helm.HelmValuesError, word):
                render(values)


class Notes(unittest.TestCase):
    def test_they_say_what_is_missing(self):
        notes = render({"serviceMonitor": {"enabled": True}, "ingress": {"enabled": True, "hosts": ["a.b"]}})["notes"]
        for words in ("No broker", "no TLS", "privacy key", "cannot read the metrics", "https://a.b/in/CHANNEL"):
            self.assertIn(words, notes)
        self.assertNotIn("!", render(CITY)["notes"])

    def test_they_name_commands_that_exist(self):
        told = re.findall(r"-- muara ([a-z -]+)\n", render()["notes"])
        self.assertTrue(told)
        for command in told:
            done = subprocess.run([PROGRAM, *command.split(), "--help"], capture_output=True)
            self.assertEqual(done.returncode, 0, command)


if __name__ == "__main__":
    unittest.main()
