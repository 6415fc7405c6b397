"""The synthetic set: matters x regions x registers x noise, with duplicates, near misses and what is no complaint.

The same seed makes the same set. Every person, number, street and coordinate is invented.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import chats
import identity
import noise
import places
import texts
from identity import Identity
from places import Atlas, Region, Spot, Written
from texts import Matter

Line = dict[str, Any]

START = datetime.fromisoformat("2026-11-02T00:00:00+07:00")
DAYS = 60
CHANNELS = {
    "app": ("jaki", "jaki", "qlue"),
    "chat": ("whatsapp", "whatsapp", "telegram", "sms", "instagram", "facebook"),
    "tweet": ("x",),
    "letter": ("email", "lapor", "balai_warga", "media_massa"),
    "officer": ("kelurahan", "kecamatan", "walikota", "pendopo", "inspektorat"),
    "english": ("email", "jaki", "x"),
}
WEEKDAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
# Metres make up about this much of a degree near the equator.
DEGREE = 111_000


@dataclass
class Report:
    """One message before it has an id."""

    at: datetime
    channel: str
    text: str
    lat: float | None
    lng: float | None
    labels: Line
    group: str | None = None
    near: list[Report] = field(default_factory=list, repr=False)
    """Reports that look like this one and are not of the same trouble."""
    why: str = ""


def make(seed: int, count: int, chat_count: int) -> tuple[list[Line], list[Line], list[Line]]:
    """Complaints, conversations and hard negatives, each as lines."""
    maker = Maker(seed)
    reports = sorted(maker.reports(count), key=lambda report: report.at)
    ids = {id(report): f"s{number:05}" for number, report in enumerate(reports, 1)}
    lines = [
        {
            "id": ids[id(report)],
            "channel": report.channel,
            "received_at": report.at.isoformat(),
            "text": report.text,
            "lat": report.lat,
            "lng": report.lng,
            "labels": {**report.labels, "duplicate_group": report.group},
        }
        for report in reports
    ]
    near = [
        {
            "id": ids[id(report)],
            "not_duplicate_of": [ids[id(other)] for other in report.near],
            "near_group": report.near[0].group,
            "why": report.why,
        }
        for report in reports
        if report.near
    ]
    return lines, chats.make(seed, chat_count, maker.sentence), near


class Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.atlas = Atlas()
        self.matters = texts.matters()
        self.others = texts.others()
        self.groups = 0
        # so that no two reports are duplicates by chance: the places where each matter was told of
        self.taken: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.by_category: dict[str, list[Matter]] = defaultdict(list)
        for matter in self.matters:
            self.by_category[matter.category].append(matter)
        self.round: list[Region] = []

    def reports(self, count: int) -> list[Report]:
        made: list[Report] = []
        while len(made) < count:
            chance = self.rng.random()
            if chance < 0.15:
                made.append(self.other())
            elif chance < 0.25:
                made += self.group()
            else:
                made += self.single()
        return made

    def time(self) -> datetime:
        # 5 to 22 o'clock
        return START + timedelta(days=self.rng.randrange(DAYS), minutes=self.rng.randrange(300, 1320))

    def kelurahan(self) -> Region:
        """Each of them before any comes again."""
        if not self.round:
            self.round = self.rng.sample(self.atlas.kelurahan, len(self.atlas.kelurahan))
        return self.round.pop()

    def region(self) -> Region | None:
        chance = self.rng.random()
        if chance < 0.82:
            return self.kelurahan()
        if chance < 0.89:
            return self.rng.choice(self.atlas.kecamatan)
        if chance < 0.94:
            return self.atlas.by_code[self.rng.choice(list(places.SHORT_KOTA))]
        return None

    def free(self, matter: Matter, region: Region | None) -> bool:
        code = region.code if region else "?"
        taken = self.taken[matter.category, matter.name]
        return not any(code.startswith(other) or other.startswith(code) for other in taken)

    def single(self) -> list[Report]:
        # what is told in more ways is what more people tell
        weights = [len(matter.told) for matter in self.matters]
        matter, region = self.rng.choices(self.matters, weights)[0], self.region()
        if not self.free(matter, region):
            return []
        self.taken[matter.category, matter.name].append(region.code if region else "?")
        home = region if region and region.level == "kelurahan" else None
        spot = self.atlas.spot(self.rng, home)
        return [self.report(matter, self.rng.choice(matter.told), region, spot, self.time())]

    def group(self) -> list[Report]:
        """One trouble that several people tell of on several channels, and what only looks like it."""
        matter = self.rng.choice([matter for matter in self.matters if len(matter.placed) > 1])
        region = self.kelurahan()
        if not self.free(matter, region):
            return []
        self.taken[matter.category, matter.name].append(region.code)
        self.groups += 1
        name, spot, begun = f"g{self.groups:04}", self.atlas.spot(self.rng, region), self.time()
        ways = self.rng.sample(matter.placed, min(len(matter.placed), self.rng.choice((2, 2, 3, 3, 4))))
        members = []
        for number, way in enumerate(ways):
            moved = replace(spot, lat=spot.lat + self.metres(30), lng=spot.lng + self.metres(30))
            at = begun + timedelta(minutes=number * self.rng.randrange(20, 1800))
            member = self.report(matter, way, region, moved, at, sure=True)
            member.group = name
            members.append(member)
        return members + self.near_miss(matter, region, spot, members)

    def metres(self, most: float) -> float:
        return self.rng.uniform(-most, most) / DEGREE

    def near_miss(self, matter: Matter, region: Region, spot: Spot, members: list[Report]) -> list[Report]:
        chance, at = self.rng.random(), members[0].at + timedelta(hours=self.rng.randrange(1, 40))
        way = self.rng.choice(matter.placed)
        if chance < 0.3:
            other = self.rng.choice(self.atlas.neighbours(region))
            if not self.free(matter, other):
                return []
            self.taken[matter.category, matter.name].append(other.code)
            lat, lng = self.atlas.centres[other.code]
            made = self.report(matter, way, other, replace(spot, lat=lat, lng=lng), at, sure=True)
            made.why = f"same words, {other.name} instead of {region.name}"
        elif chance < 0.6:
            another = [m for m in self.by_category[matter.category] if m is not matter and self.free(m, region)]
            if not another:
                return []
            chosen = self.rng.choice(another)
            self.taken[chosen.category, chosen.name].append(region.code)
            at_spot = self.rng.choice((spot, self.atlas.spot(self.rng, region)))
            made = self.report(chosen, self.rng.choice(chosen.told), region, at_spot, at, sure=True)
            made.why = f"same kelurahan and category, {chosen.name} instead of {matter.name}"
        elif chance < 0.8 and not matter.everywhere:
            away = self.atlas.spot(self.rng, region)
            if away.street == spot.street or away.landmark == spot.landmark:
                return []
            away = replace(away, lat=spot.lat + 0.006, lng=spot.lng - 0.005)
            made = self.report(matter, way, region, away, at, sure=True)
            made.why = f"same kelurahan and trouble, {away.street} instead of {spot.street}"
        else:
            return []
        made.near = members
        return [made]

    def report(
        self,
        matter: Matter,
        way: tuple[str, str],
        region: Region | None,
        spot: Spot,
        at: datetime,
        *,
        sure: bool = False,
    ) -> Report:
        """`sure`: the kelurahan is named in words, so that it can be told apart from others."""
        register, text = way
        where = self.place(region, spot, register, sure=sure)
        said = identity.sender(self.rng, register)
        if self.rng.random() < 0.08:
            said += Identity(identity.decoy(self.rng))
        body = self.fill(noise.garbled(self.rng, text, register), where, spot, register, sure=sure)
        body = noise.mannered(self.rng, body, register)
        if said.text:
            body += self.rng.choice((". ", "\n", " ") if body[-1] not in ".!?" else (" ", "\n")) + said.text
        channel = self.rng.choice(CHANNELS[register])
        located = channel in ("jaki", "qlue")
        labels = labels_of(where, said) | {
            "is_complaint": True,
            "category": matter.category,
            "acceptable_categories": matter.acceptable,
            "language": "en" if register == "english" else "id",
        }
        lat, lng = (round(spot.lat, 5), round(spot.lng, 5)) if located else (None, None)
        return Report(at, channel, body, lat, lng, labels)

    def place(self, region: Region | None, spot: Spot, register: str, *, sure: bool) -> Written:
        """The region in words with RT and RW, where they are given."""
        if region is None:
            return Written()
        formal = register in ("letter", "officer")
        where = self.atlas.written(self.rng, region, formal=formal)
        while sure and not where.kelurahan:
            where = self.atlas.written(self.rng, region, formal=formal)
        if where.kelurahan and register != "english" and self.rng.random() < 0.3:
            spelt, rt, rw = places.neighbourhood(self.rng, spot)
            text = self.rng.choice(
                (f"{spelt} {where.text}", f"{spelt}, {where.text}", f"{where.text} {spelt}", f"{where.text}, {spelt}")
            )
            where = replace(where, text=text, rt=rt, rw=rw)
        return where

    def fill(self, text: str, where: Written, spot: Spot, register: str, *, sure: bool) -> str:
        """The sentence with its place, which stands inside it, before it or after it."""
        rng, english = self.rng, register == "english"
        chat = register in ("chat", "tweet")
        street = places.street(rng, spot, chat=chat)
        if english:
            street = f"{'Gang' if spot.lane else 'Jl.'} {spot.street} {spot.number}"
        named = sure or rng.random() < 0.7
        if not where.text or not sure and rng.random() < 0.05:
            street = self.atlas.decoy(rng)
        at, area = where.text, re.sub(r"^(daerah|wilayah) ", "", where.text)
        on = "on" if english else "di"
        inside = "in" if english else "di"
        values = {
            "{n}": str(rng.randint(2, 6)),
            "{jam}": str(rng.randint(1, 11)),
            "{hari}": rng.choice(WEEKDAYS),
            "{nama}": rng.choice(identity.NAMES),
        }
        end = ""
        if "{di}" in text and at and (rng.random() < 0.35 and not english):
            # the street in the sentence, the region where the sentence is over
            values["{di}"], end = f"{on} {street}", at
        elif "{di}" in text:
            whole = ", ".join(part for part in (street if named or not at else "", area if named else at) if part)
            values["{di}"] = f"{on if street in whole else inside} {whole}"
        elif "{wil}" in text:
            nowhere = "here" if english else rng.choice(("di tempat saya", "di sini", "di lingkungan kami"))
            if at and not english and rng.random() < 0.3:
                values["{wil}"], end = nowhere, at
            else:
                values["{wil}"] = f"{inside} {at}" if at else nowhere
        else:
            end = at
        for key, value in values.items():
            text = text.replace(key, value)
        if end and chat and rng.random() < 0.15:
            return f"{end}, {text}"
        return f"{text.rstrip('.')}{rng.choice(('. ', ', ', ' - ', chr(10)))}{end}" if end else text

    def other(self) -> Report:
        """A message that is no complaint."""
        rng = self.rng
        kind = rng.choices(list(self.others), [len(left) for left in self.others.values()])[0]
        text, where, said = rng.choice(self.others[kind]), Written(), Identity()
        if "{wil}" not in text:
            # said twice it would be a duplicate
            self.others[kind].remove(text)
        if "{wil}" in text:
            where = self.atlas.written(rng, self.kelurahan(), formal=False)
            text = text.replace("{wil}", f"di {where.text}")
        if "{hp}" in text:
            spelt, number = identity.phone(rng)
            text, said.phones = text.replace("{hp}", spelt), [number]
        if "{mail}" in text:
            said.emails = [identity.email(rng, rng.choice(identity.NAMES))]
            text = text.replace("{mail}", said.emails[0])
        text = text.replace("{jam}", str(rng.randint(7, 10))).replace("{n}", str(rng.randint(2, 28)))
        text = text.replace("{nama}", rng.choice(identity.NAMES))
        if rng.random() < 0.2:
            text = text.lower() if "@" not in text else text
        registers = {"auto": "letter", "invite": "letter", "talk": "tweet"}
        channel = "email" if kind == "auto" else rng.choice(CHANNELS[registers.get(kind, "chat")])
        labels = labels_of(where, said) | {
            "is_complaint": False,
            "category": None,
            "acceptable_categories": [],
            "language": "id",
        }
        return Report(self.time(), channel, text, None, None, labels)

    def sentence(self, rng: random.Random) -> tuple[str, str]:
        """A complaint for a chat, and its category."""
        matter = rng.choice([m for m in self.matters if any(register in ("app", "chat") for register, _ in m.told)])
        region = rng.choice(self.atlas.kelurahan)
        text = rng.choice([text for register, text in matter.told if register in ("app", "chat")])
        where = self.atlas.written(rng, region, formal=False)
        filled = self.fill(noise.garbled(rng, text, "chat"), where, self.atlas.spot(rng, region), "chat", sure=True)
        return filled, matter.category


def labels_of(where: Written, said: Identity) -> Line:
    return {
        "kelurahan_code": where.kelurahan,
        "kecamatan_code": where.kecamatan,
        "kota_code": where.kota,
        "rt": where.rt,
        "rw": where.rw,
        "phones": said.phones,
        "niks": said.niks,
        "emails": said.emails,
    }
