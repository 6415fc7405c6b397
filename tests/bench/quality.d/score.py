"""The figures of the normalizer on labelled lines, and every line it got wrong.

Precision is right / said, recall right / wanted. A code of a region is right only if it is the labelled one; a missing
code costs recall, a wrong one both. Duplicates count by pairs: all that are linked with one another, directly or
through others, are one cluster, and all pairs of a cluster are said. A conversation is right if its complaints have
exactly the labelled events and follow-ups.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Line = dict[str, Any]
Pair = frozenset[str]

LEVELS = ("kelurahan", "kecamatan", "kota")
IDENTITY = ("phones", "niks", "emails")
NAN = float("nan")

# What the work is to reach on lines it has never seen.
TARGETS = {
    "category_top1": 0.80,
    "category_top3": 0.92,
    "kelurahan_precision": 0.97,
    "kelurahan_recall": 0.90,
    "kota_precision": 0.98,
    "rt_rw_f1": 0.95,
    "phones_precision": 0.97,
    "phones_recall": 0.97,
    "niks_precision": 0.97,
    "niks_recall": 0.97,
    "emails_precision": 0.97,
    "emails_recall": 0.97,
    "not_a_complaint_precision": 0.95,
    "not_a_complaint_recall": 0.75,
    "duplicates_precision": 0.95,
    "duplicates_recall": 0.70,
    "conversations_exact": 0.85,
}


@dataclass(frozen=True)
class Wrong:
    """One thing that was said wrongly of one line."""

    id: str
    measure: str
    want: str
    got: str
    text: str


@dataclass
class Scored:
    figures: dict[str, float] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)


@dataclass
class Tally:
    right: int = 0
    extra: int = 0
    missed: int = 0

    def add(self, want: Iterable[Any], got: Iterable[Any]) -> None:
        want, got = set(want), set(got)
        self.right += len(want & got)
        self.extra += len(got - want)
        self.missed += len(want - got)

    @property
    def precision(self) -> float:
        return ratio(self.right, self.right + self.extra)

    @property
    def recall(self) -> float:
        return ratio(self.right, self.right + self.missed)

    @property
    def f1(self) -> float:
        precision, recall = self.precision, self.recall
        both = precision + recall
        return 2 * precision * recall / both if both > 0 else 0.0


def ratio(part: int, whole: int) -> float:
    return part / whole if whole else NAN


def shown(value: object) -> str:
    """A value as it reads best in a list of errors."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(sorted(map(str, value))) or "-"
    return "-" if value is None else str(value)


def complaints(gold: list[Line], out: list[Line]) -> Scored:
    """`gold`: labelled lines; `out`: what `muara normalize --jsonl` made of them."""
    scored = Scored()
    answers = {line["id"]: line for line in out}
    regions = {level: Tally() for level in LEVELS}
    identity = {kind: Tally() for kind in IDENTITY}
    neighbourhood, silent = Tally(), Tally()
    asked = first = among_three = answered = 0

    for line in gold:
        answer = answers.get(line["id"])
        if answer is None:
            scored.wrong.append(Wrong(line["id"], "answered", "a line", "-", line["text"]))
            continue
        answered += 1
        labels, made = line["labels"], answer.get("complaint") or {}
        location = made.get("location") or {}

        def wrong(measure: str, want: object, got: object, line: Line = line) -> None:
            scored.wrong.append(Wrong(line["id"], measure, shown(want), shown(got), line["text"]))

        is_none = not labels["is_complaint"]
        said_none = "not_a_complaint" in (made.get("flags") or [])
        silent.add([1] if is_none else [], [1] if said_none else [])
        if is_none != said_none:
            kinds = {True: "not_a_complaint", False: "a complaint"}
            wrong("not_a_complaint", kinds[is_none], kinds[said_none])

        if labels["category"] and not is_none:
            asked += 1
            fitting = [labels["category"], *labels.get("acceptable_categories", [])]
            said = made.get("category") or []
            names = [entry["name"] for entry in said]
            first += bool(names) and names[0] in fitting
            among_three += any(name in fitting for name in names[:3])
            if not names or names[0] not in fitting:
                given = [f"{entry['name']} {entry.get('confidence', NAN):.2f}" for entry in said[:3]]
                measure = "category_top1" if any(n in fitting for n in names[:3]) else "category_top3"
                wrong(measure, " | ".join(fitting), " | ".join(given) or None)

        for level, tally in regions.items():
            want, got = labels[f"{level}_code"], (location.get(level) or {}).get("code")
            tally.add([want] if want else [], [got] if got else [])
            if (want or None) != (got or None):
                name = (location.get(level) or {}).get("name")
                wrong(level, want, f"{got} {name}" if got else None)

        for key in ("rt", "rw"):
            want, got = labels[key], location.get(key)
            neighbourhood.add([want] if want else [], [got] if got else [])
            if (want or None) != (got or None):
                wrong(key, want, got)

        found = answer.get("found") or {}
        for kind, tally in identity.items():
            want, got = set(labels[kind]), set(found.get(kind) or [])
            tally.add(want, got)
            if want != got:
                wrong(kind, want, got)

    pairs = duplicates(gold, answers, scored)
    figures = scored.figures
    figures["answered"] = ratio(answered, len(gold))
    figures["category_top1"], figures["category_top3"] = ratio(first, asked), ratio(among_three, asked)
    named = {**regions, "rt_rw": neighbourhood, **identity, "not_a_complaint": silent, "duplicates": pairs}
    for name, tally in named.items():
        if name == "rt_rw":
            figures["rt_rw_f1"] = tally.f1
            continue
        figures[f"{name}_precision"], figures[f"{name}_recall"] = tally.precision, tally.recall
    figures["duplicates_f1"] = pairs.f1
    return scored


def duplicates(gold: list[Line], answers: dict[str, Line], scored: Scored) -> Tally:
    """Pairs that are duplicates against pairs that were linked."""
    groups: dict[str, list[str]] = defaultdict(list)
    for line in gold:
        if line["labels"]["duplicate_group"]:
            groups[line["labels"]["duplicate_group"]].append(line["id"])
    want, got = pairs_of(groups.values()), linked(gold, answers)
    texts = {line["id"]: line["text"] for line in gold}
    for pair in sorted(want ^ got, key=sorted):
        one, other = sorted(pair)
        two = ("linked", "apart") if pair in want else ("apart", "linked")
        scored.wrong.append(Wrong(f"{one}+{other}", "duplicates", *two, f"{texts[one]}\n{texts[other]}"))
    tally = Tally()
    tally.add(want, got)
    return tally


def linked(gold: list[Line], answers: dict[str, Line]) -> set[Pair]:
    """Pairs in one cluster of `links.duplicate_of`, which names the id of another complaint."""
    made = {name: (answer.get("complaint") or {}) for name, answer in answers.items()}
    lines_of = {made[line["id"]].get("id"): line["id"] for line in gold if line["id"] in made}
    lines_of.pop(None, None)
    parent = {line["id"]: line["id"] for line in gold}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for line in gold:
        link = (made.get(line["id"], {}).get("links") or {}).get("duplicate_of")
        if link in lines_of:
            parent[root(line["id"])] = root(lines_of[link])
    clusters: dict[str, list[str]] = defaultdict(list)
    for line in gold:
        clusters[root(line["id"])].append(line["id"])
    return pairs_of(clusters.values())


def pairs_of(groups: Iterable[list[str]]) -> set[Pair]:
    return {frozenset(pair) for group in groups for pair in itertools.combinations(group, 2)}


def hard_negatives(near: list[Line], gold: list[Line], out: list[Line]) -> Scored:
    """The share of pairs that look alike and were rightly left apart. Each line: `id`, `not_duplicate_of`, `why`."""
    got = linked(gold, {line["id"]: line for line in out})
    apart = total = 0
    scored = Scored()
    texts = {line["id"]: line["text"] for line in gold}
    for line in near:
        for other in line["not_duplicate_of"]:
            total += 1
            if frozenset((line["id"], other)) not in got:
                apart += 1
                continue
            text = f"{texts.get(line['id'])}\n{texts.get(other)}"
            scored.wrong.append(
                Wrong(f"{line['id']}+{other}", "near_misses", f"apart: {line.get('why')}", "linked", text)
            )
    scored.figures["near_misses_apart"] = ratio(apart, total)
    return scored


def conversations(gold: list[Line], out: list[Line]) -> Scored:
    """`gold`: labelled chats; `out`: what `muara normalize --conversations` made of them."""
    scored = Scored()
    answers = {line["id"]: line for line in out}
    exact = found = 0
    for line in gold:
        want = grouping(line["labels"])
        got = grouping(answers.get(line["id"], {"complaints": []}))
        right = line["id"] in answers and got == want
        exact += right
        found += len(want & got)
        if not right:
            scored.wrong.append(
                Wrong(
                    line["id"],
                    "conversations_exact",
                    drawn(want),
                    drawn(got),
                    "\n".join(map(told, enumerate(line["events"]))),
                )
            )
    wanted = sum(len(grouping(line["labels"])) for line in gold)
    said = sum(len(grouping(line)) for line in answers.values())
    scored.figures["conversations_exact"] = ratio(exact, len(gold))
    scored.figures["chat_complaints_precision"] = ratio(found, said)
    scored.figures["chat_complaints_recall"] = ratio(found, wanted)
    return scored


def grouping(line: Line) -> set[tuple[frozenset[int], frozenset[int]]]:
    return {(frozenset(c["events"]), frozenset(c["followups"])) for c in line["complaints"]}


def drawn(groups: set[tuple[frozenset[int], frozenset[int]]]) -> str:
    """`[0, 2] +[6]  [1, 3]`: each complaint's events, then its follow-ups."""
    written = [
        f"{sorted(events)}" + (f" +{sorted(later)}" if later else "") for events, later in sorted(groups, key=_first)
    ]
    return "  ".join(written) or "none"


def _first(group: tuple[frozenset[int], frozenset[int]]) -> int:
    return min(group[0], default=0)


def told(numbered: tuple[int, Line]) -> str:
    """One event of a chat in one line."""
    index, event = numbered
    notes = "".join(f" {key}={event[key]}" for key in ("reply_to", "album") if event.get(key) is not None)
    text = "" if event["text"] is None else f" {json.dumps(event['text'], ensure_ascii=False)}"
    return f"{index:>2} {event['at']:>6}s {event['sender']} {event['kind']}{notes}{text}"
