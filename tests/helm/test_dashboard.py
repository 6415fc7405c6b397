"""The dashboard: it asks for metrics that exist in words that Prometheus reads, shows all of them, and the chart carries it."""

import json
import os
import re
import subprocess
import tempfile
import unittest

import yaml

import dashboard
from rendered import CHART, declared, labels, promtool, render

FILE = CHART / "files/dashboard.json"
UNITS = {"none", "short", "s", "bytes", "Bps", "cps", "reqps", "percentunit"}


class Dashboard(unittest.TestCase):
    def setUp(self):
        self.panels = [p for p in json.loads(FILE.read_text())["panels"] if p["type"] != "row"]
        self.expressions = [t["expr"] for p in self.panels for t in p["targets"]]

    def test_it_is_that_of_its_panels(self):
        if os.environ.get("BLESS"):
            FILE.write_text(dashboard.fresh())
        self.assertEqual(FILE.read_text(), dashboard.fresh(), "stale: BLESS=1 writes it anew")

    def test_prometheus_reads_every_expression(self):
        plain = [e.replace("$__rate_interval", "5m").replace("$channel", ".*") for e in self.expressions]
        self.assertNotIn("$", "".join(plain))
        rules = [{"record": f"panel:{i}", "expr": expression} for i, expression in enumerate(plain)]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
            file.flush()
            done = subprocess.run([promtool(), "check", "rules", file.name], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_it_shows_every_metric_and_no_other(self):
        asked = set()
        for name in re.findall(r"muara_\w+", " ".join(self.expressions)):
            asked.add(name if name in declared() else re.sub("_(bucket|sum|count)$", "", name))
        self.assertEqual(asked, declared())

    def test_it_asks_for_labels_that_exist(self):
        for expression in self.expressions:
            named = re.findall(r"[{,]\s*(\w+)\s*[=!]", expression)
            grouped = re.findall(r"(?:by|ignoring) \(([^)]+)\)", expression)
            for label in named + [label for group in grouped for label in group.split(", ")]:
                self.assertIn(label, labels() | {"le"}, expression)

    def test_every_panel_can_be_read(self):
        for panel in self.panels:
            with self.subTest(panel=panel["title"]):
                self.assertIn(panel["fieldConfig"]["defaults"]["unit"], UNITS)
                self.assertLess(10, len(panel["description"]))
                self.assertLess(len(panel["description"]), 110)
                place = panel["gridPos"]
                self.assertLessEqual(place["x"] + place["w"], 24)
                if any("seconds" in target["expr"] for target in panel["targets"]):
                    self.assertEqual(panel["fieldConfig"]["defaults"]["unit"], "s")

    def test_the_chart_carries_it_where_grafana_looks(self):
        self.assertNotIn("ConfigMap/dashboard", render())
        carried = render({"dashboard": {"enabled": True, "annotations": {"grafana_folder": "CRM"}}})["ConfigMap/dashboard"]
        self.assertEqual(carried["metadata"]["labels"]["grafana_dashboard"], "1")
        self.assertEqual(carried["metadata"]["annotations"], {"grafana_folder": "CRM"})
        self.assertEqual(list(carried["data"].values()), [FILE.read_text()])


if __name__ == "__main__":
    unittest.main()
