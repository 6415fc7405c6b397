"""The sentences in `texts/`, which anyone can read and extend."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "texts"
REGISTERS = ("app", "chat", "tweet", "letter", "officer", "english")


@dataclass
class Matter:
    """One trouble, told in several ways as (register, text)."""

    category: str
    name: str
    acceptable: list[str]
    everywhere: bool
    """A trouble of a whole area: its reports are duplicates without a street also."""
    told: list[tuple[str, str]] = field(default_factory=list)

    @property
    def placed(self) -> list[tuple[str, str]]:
        """The ways to tell it that can be duplicates of one another."""
        return [(how, text) for how, text in self.told if how != "english" and (self.everywhere or "{di}" in text)]


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def matters() -> list[Matter]:
    found: list[Matter] = []
    category = ""
    for path in sorted(FOLDER.glob("complaints_*.txt")):
        for line in _lines(path):
            if line.startswith("["):
                category = line[1:-1]
            elif line.startswith("="):
                name, _, others = line.lstrip("=+ ").partition("|")
                acceptable = [other.strip() for other in others.split(";") if other.strip()]
                found.append(Matter(category, name.strip(), acceptable, line.startswith("=+")))
            else:
                register, _, text = line.partition(" ")
                if register not in REGISTERS:
                    raise ValueError(f"{path.name}: {line!r} begins with no register")
                found[-1].told.append((register, text))
    return found


def others() -> dict[str, list[str]]:
    """Messages that are no complaints, by kind."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for line in _lines(FOLDER / "others.txt"):
        kind, _, text = line.partition(" ")
        kinds[kind].append(text)
    return kinds
