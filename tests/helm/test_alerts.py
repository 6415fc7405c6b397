"""The alert rules: Prometheus reads them, they fire when they should, and they ask for metrics that exist."""

import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

from rendered import CHART, ROOT, declared, promtool, render

RULES = CHART / "files/alerts.yaml"
CASES = pathlib.Path(__file__).parent / "alerts.test.yaml"


def run(*arguments):
    return subprocess.run([promtool(), *map(str, arguments)], capture_output=True, text=True)


class Alerts(unittest.TestCase):
    def setUp(self):
        [group] = yaml.safe_load(RULES.read_text())["groups"]
        self.rules = group["rules"]

    def test_prometheus_reads_them(self):
        done = run("check", "rules", "--lint-fatal", RULES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_they_fire_when_they_should(self):
        done = run("test", "rules", CASES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_has_a_case_in_which_it_fires_and_is_quiet_otherwise(self):
        tests = yaml.safe_load(CASES.read_text())["tests"]
        fired = {c["alertname"] for t in tests for c in t.get("alert_rule_test", []) if c["exp_alerts"]}
        self.assertEqual(fired, {rule["alert"] for rule in self.rules})
        [quiet] = [t for t in tests if t["name"] == "nothing is wrong"]
        fed = {re.match(r"\w+", series["series"])[0] for series in quiet["input_series"]}
        asked = {name for rule in self.rules for name in re.findall(r"muara_\w+", rule["expr"])}
        self.assertEqual(fed, asked, "the quiet case must feed every metric that a rule asks for")

    def test_they_ask_for_metrics_that_exist(self):
        known = declared()
        self.assertGreater(len(known), 20)
        for rule in self.rules:
            for name in re.findall(r"muara_\w+", rule["expr"]):
                self.assertIn(name, known, rule["alert"])

    def test_what_the_configuration_bounds_they_bound_by_no_number(self):
        bounded = "muara_disk_free_bytes|muara_broker_up|muara_(outbox_)?oldest_seconds"
        for rule in self.rules:
            self.assertNotRegex(rule["expr"], rf"({bounded})[^<>=]*[<>=]+ *[1-9]", rule["alert"])
        asked = " ".join(rule["expr"] for rule in self.rules)
        sources = (ROOT / "gateway/src/alarms.rs").read_text()
        for alarm in re.findall(r'Self::\w+ => "(\w+)"', sources):
            # the store's failures are counted, the disk's bound is a metric of its own
            own = {"store": "muara_store_failures_total", "disk": "muara_disk_low_bytes"}
            self.assertRegex(asked, own.get(alarm, rf'muara_alarm{{alarm=~?"[^"]*\b{alarm}\b'), alarm)

    def test_they_name_places_states_and_results_that_exist(self):
        sources = [(ROOT / "gateway/src" / name).read_text() for name in ("metrics.rs", "health.rs", "intake.rs")]
        words = set(re.findall(r"\w+", "".join(sources)))
        for rule in self.rules:
            for named in re.findall(r'(?:place|state|result)=~?"([^"]+)"', rule["expr"]):
                self.assertLessEqual(set(named.split("|")), words, rule["alert"])

    def test_everyone_knows_what_to_do(self):
        for rule in self.rules:
            self.assertIn(rule["labels"]["severity"], {"critical", "warning"}, rule["alert"])
            self.assertEqual(set(rule["annotations"]), {"summary", "description"}, rule["alert"])

    def test_the_chart_carries_the_same_rules(self):
        carried = render({"prometheusRule": {"enabled": True}})["PrometheusRule"]["spec"]
        self.assertEqual(carried, yaml.safe_load(RULES.read_text()))
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(carried, file)
            file.flush()
            done = run("check", "rules", "--lint-fatal", file.name)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
