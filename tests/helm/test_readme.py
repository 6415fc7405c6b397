"""The chart's README says what its values say."""

import json
import os
import unittest

import yaml

import readme
from rendered import CHART


class Readme(unittest.TestCase):
    def test_table_is_fresh(self):
        file = CHART / "README.md"
        if os.environ.get("BLESS"):
            file.write_text(readme.fresh())
        self.assertEqual(file.read_text(), readme.fresh(), "stale: run tests/run with BLESS=1")

    def test_every_value_has_its_meaning(self):
        _, bare = readme.described((CHART / "values.yaml").read_text())
        self.assertEqual(bare, [], "values without a comment that begins with --")

    def test_schema_knows_every_value(self):
        schema = json.loads((CHART / "values.schema.json").read_text())
        values = yaml.safe_load((CHART / "values.yaml").read_text())
        for name, value in values.items():
            self.assertIn(name, schema["properties"])
            known = schema["properties"][name]
            if isinstance(value, dict) and "properties" in known:
                self.assertLessEqual(set(value), set(known["properties"]), name)


if __name__ == "__main__":
    unittest.main()
