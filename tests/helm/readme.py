"""The table of values in helm/README.md, made of the comments in helm/values.yaml."""

import json
import re

import yaml

from rendered import CHART

BEGIN = "<!-- values: generated, BLESS=1 -->\n"
END = "<!-- end -->\n"


def described(text):
    """(path, meaning) of every key that a `# --` comment stands above, and the paths of those without one."""
    above, comment, found, bare = [], None, [], []
    for line in text.splitlines():
        told = re.fullmatch(r"\s*# (-- )?(.*)", line)
        key = re.match(r"( *)([A-Za-z_]+):", line)
        if told and told[1]:
            comment = told[2]
        elif told and comment is not None:
            comment += " " + told[2]
        elif key:
            depth = len(key[1]) // 2
            above = above[:depth] + [key[2]]
            path = tuple(above)
            inside = any(path[: len(known)] == known for known, _ in found)
            if comment is not None:
                found.append((path, comment))
            elif not inside:
                bare.append(path)
            comment = None
        else:
            comment = None
    # a group needs no words of its own if each of its keys has some
    grouped = {path[:i] for path, _ in found for i in range(1, len(path))}
    return found, [path for path in bare if path not in grouped]


def table():
    """The table, in Markdown."""
    text = (CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    rows = ["| value | default | meaning |", "|---|---|---|"]
    for path, meaning in described(text)[0]:
        default = values
        for key in path:
            default = default[key]
        shown = json.dumps(default, ensure_ascii=False).replace("|", "\\|")
        rows.append(f"| `{'.'.join(path)}` | `{shown}` | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(rows) + "\n"


def fresh():
    """The README with today's table."""
    old = (CHART / "README.md").read_text()
    before, rest = old.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table() + END + after
