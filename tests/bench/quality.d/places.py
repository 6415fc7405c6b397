"""How citizens write where they are, with the labels that belong to it.

A bare name that a kecamatan and a kelurahan share gives only the kecamatan; a name inside a street, a station or a
market gives nothing.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, replace
from pathlib import Path

REGIONS = Path(__file__).resolve().parents[3] / "normalizer/data/regions.csv"

# Names that are common words: people add "kel." or the kecamatan.
COMMON = {
    "Bangka", "Baru", "Bungur", "Dukuh", "Galur", "Gedong", "Gelora", "Gunung", "Guntur", "Jati", "Kamal", "Kapuk",
    "Karet", "Kartini", "Keagungan", "Kenari", "Kramat", "Makasar", "Pulo", "Rambutan", "Selong", "Serdang", "Setu",
    "Susukan", "Tangki", "Tengah",
}  # fmt: skip
# First words that alone would be a market, a bridge or a river.
NOUNS = ("Pasar ", "Jembatan ", "Kali ", "Kampung ", "Taman ")

SHORT_KOTA = {
    "31.01": ("Kepulauan Seribu", "Kep. Seribu", "Pulau Seribu"),
    "31.71": ("Jakpus", "Jakarta Pusat", "Jak-Pus", "JAKARTA PUSAT"),
    "31.72": ("Jakut", "Jakarta Utara", "jakarta utara"),
    "31.73": ("Jakbar", "Jakarta Barat", "Kota Jakarta Barat"),
    "31.74": ("Jaksel", "Jakarta Selatan", "Kota Administrasi Jakarta Selatan"),
    "31.75": ("Jaktim", "Jakarta Timur", "jkt timur"),
}
SHORT_WORD = {
    "Kebon": ("Kb.", "Kbn"),
    "Kampung": ("Kp.", "Kp"),
    "Tanjung": ("Tj.", "Tj"),
    "Pondok": ("Pd.", "Pd"),
    "Kebayoran": ("Kby.", "Kby"),
    "Cempaka": ("Cemp.",),
    "Pulau": ("P.",),
    "Jatinegara": ("Jtngr",),
}
STREETS = (
    "Mawar", "Melati", "Anggrek", "Dahlia", "Kamboja", "Teratai", "Flamboyan", "Bougenville", "Seruni", "Kenanga",
    "Delima", "Nangka", "Salak", "Rambai", "Srikaya", "Kelinci", "Merpati", "Kutilang", "Cendrawasih", "Gelatik",
    "Bangau", "Elang", "Kancil", "Rusa", "Gurame", "Bawal", "Tenggiri", "Udang", "Pepaya", "Belimbing", "Sawo", "Duku",
    "Markisa", "Cemara", "Mahoni", "Akasia", "Ketapang", "Waru", "Sengon", "Meranti", "Kruing", "Damar", "Randu",
    "Swadaya", "Haji Saaba", "Haji Naim", "Ustad Mansur", "Guru Amin", "Bina Warga", "Karya Bakti", "Gotong Royong",
    "Pancawarga", "Sejahtera", "Makmur", "Sentosa",
)  # fmt: skip
LANDMARKS = (
    "warung Padang",
    "bengkel motor",
    "masjid Al-Ikhlas",
    "musala An-Nur",
    "SDN 03",
    "pos ronda",
    "toko material",
    "apotek",
    "warteg Bahari",
    "lapangan bulu tangkis",
    "minimarket",
    "gereja",
    "kantor pos",
    "pangkalan ojek",
    "bank sampah",
    "portal hijau",
    "tukang cukur",
    "kios pulsa",
    "gardu PLN",
    "tempat cuci mobil",
)
NEAR = ("depan", "dekat", "samping", "belakang", "seberang", "sebelah")
NEAR_CHAT = ("dpn", "deket", "smpg", "blkg", "seberang", "sblh")


@dataclass(frozen=True)
class Region:
    code: str
    name: str
    level: str

    def above(self, dots: int) -> str:
        return ".".join(self.code.split(".")[: dots + 1])


@dataclass(frozen=True)
class Spot:
    """A place on a street, the same for all who report of it."""

    street: str
    lane: bool
    number: int
    landmark: str
    rt: int
    rw: int
    lat: float
    lng: float


@dataclass(frozen=True)
class Written:
    """A place in words, and what is to be read out of it."""

    text: str = ""
    kelurahan: str | None = None
    kecamatan: str | None = None
    kota: str | None = None
    rt: str | None = None
    rw: str | None = None


def folded(name: str) -> str:
    return name.lower().replace(" ", "").replace(".", "")


class Atlas:
    def __init__(self) -> None:
        with REGIONS.open(encoding="utf-8", newline="") as file:
            regions = [Region(row["code"], row["name"], row["level"]) for row in csv.DictReader(file)]
        self.by_code = {region.code: region for region in regions}
        self.kelurahan = [region for region in regions if region.level == "kelurahan"]
        self.kecamatan = [region for region in regions if region.level == "kecamatan"]
        self.names = {folded(region.name) for region in regions}
        districts = {folded(region.name) for region in self.kecamatan}
        self.shared = {region.code for region in self.kelurahan if folded(region.name) in districts}
        # No centre of a kelurahan is known: each gets one that is invented, somewhere in the city.
        invented = random.Random(31)
        self.centres = {
            region.code: (invented.uniform(-5.9, -5.55), invented.uniform(106.45, 106.65))
            if region.code.startswith("31.01")
            else (invented.uniform(-6.34, -6.12), invented.uniform(106.73, 106.94))
            for region in self.kelurahan
        }

    def neighbours(self, region: Region) -> list[Region]:
        """Kelurahan of the same first word, else of the same kecamatan."""
        first = region.name.split()[0]
        alike = [other for other in self.kelurahan if other.name.split()[0] == first and other != region]
        return alike or [other for other in self.kelurahan if other.above(2) == region.above(2) and other != region]

    def spot(self, rng: random.Random, region: Region | None) -> Spot:
        lat, lng = self.centres[region.code] if region else (rng.uniform(-6.34, -6.12), rng.uniform(106.73, 106.94))
        return Spot(
            rng.choice(STREETS),
            rng.random() < 0.3,
            rng.randint(1, 24),
            rng.choice(LANDMARKS),
            rng.randint(1, 16),
            rng.randint(1, 18),
            lat + rng.uniform(-0.004, 0.004),
            lng + rng.uniform(-0.004, 0.004),
        )

    def district_of(self, region: Region) -> Region:
        return self.by_code[region.above(2)]

    def written(self, rng: random.Random, region: Region, *, formal: bool) -> Written:
        """A region of any level below the province as someone would write it."""
        kota = rng.choice(SHORT_KOTA[region.above(1)])
        if region.level == "kota_kabupaten":
            return Written(kota, kota=region.code)
        if region.level == "kecamatan":
            name = self.slipped(rng, region.name)
            text = rng.choice(
                (f"Kec. {name}", f"Kecamatan {name}", f"kec {name}", f"{region.name}", f"{region.name}, {kota}")
            )
            return Written(text, kecamatan=region.code, kota=region.above(1))
        district = self.district_of(region)
        label = Written(kelurahan=region.code, kecamatan=district.code, kota=region.above(1))
        if region.code in self.shared and rng.random() < 0.3:
            # the kecamatan of this name, which may be another than the one the kelurahan is in
            named = next(other for other in self.kecamatan if folded(other.name) == folded(region.name))
            return Written(region.name, kecamatan=named.code, kota=named.above(1))
        name = self.slipped(rng, region.name)
        forms = [f"Kel. {name}", f"Kelurahan {name}", f"kel {name}", f"kel.{name}"]
        forms += [f"Kel. {name} Kec. {district.name}", f"Kel. {name}, Kec. {district.name}, {kota}"]
        if formal:
            forms += [f"Kelurahan {name}, Kecamatan {district.name}", f"Kelurahan {name}, {kota}"]
        elif region.code not in self.shared:
            if region.name not in COMMON and not region.name.startswith(NOUNS):
                forms += [
                    name,
                    name,
                    name,
                    name,
                    f"{name} {kota}",
                    f"{name} {district.name}",
                    f"daerah {name}",
                    f"wilayah {name}",
                ]
            forms += [f"{name}, {district.name}", f"{name}, {district.name}, {kota}"]
        return replace(label, text=rng.choice(forms))

    def slipped(self, rng: random.Random, name: str) -> str:
        """Mostly the name itself; now and then shortened, joined or with a slip of the finger."""
        chance, words = rng.random(), name.split()
        if chance < 0.05 and words[0] in SHORT_WORD and len(words) > 1:
            return " ".join([rng.choice(SHORT_WORD[words[0]]), *words[1:]])
        if chance < 0.07 and len(words) == 2:
            return words[0] + words[1].lower()
        if chance < 0.10 and len(name) >= 8:
            at = rng.randrange(2, len(name) - 2)
            if name[at : at + 2].isalpha() and name[at : at + 2].islower():
                slip = rng.choice(
                    (name[:at] + name[at] + name[at:], name[:at] + name[at + 1] + name[at] + name[at + 2 :])
                )
                if folded(slip) not in self.names:
                    return slip
        return name

    def decoy(self, rng: random.Random) -> str:
        """A street, station or market that has the name of a region and says nothing of where it is."""
        names = [
            region.name
            for region in self.kelurahan
            if region.name not in COMMON and not region.name.startswith("Pulau ")
        ]
        name = rng.choice(names)
        forms = (
            f"Jl. {name} Raya",
            f"Jl {name} {rng.choice(('II', 'IV', '3', '12'))}",
            f"Stasiun {name}",
            f"Pasar {name}",
            f"Halte {name}",
            f"Terminal {name}",
            f"jalan raya {name}",
            f"gang {name} {rng.randint(1, 9)}",
        )
        return rng.choice(forms)


def street(rng: random.Random, spot: Spot, *, chat: bool) -> str:
    signs = ("Gg.", "Gang", "gg", "gang") if spot.lane else ("Jl.", "Jalan", "Jl", "jl", "jln", "jalan")
    sign = rng.choice(signs[1:] if chat else signs[:2])
    number = rng.choice((f" {spot.number}", f" No. {spot.number}", f" no {spot.number}", ""))
    near = f"{rng.choice(NEAR_CHAT if chat else NEAR)} {spot.landmark}"
    return rng.choice(
        (f"{sign} {spot.street}{number}", f"{sign} {spot.street} {near}", f"{sign} {spot.street}{number} {near}")
    )


def neighbourhood(rng: random.Random, spot: Spot) -> tuple[str, str | None, str | None]:
    """RT and RW in one of their many spellings, with the official form of three digits."""
    rt, rw = spot.rt, spot.rw
    both = (
        f"RT {rt} RW {rw}",
        f"RT {rt:02} RW {rw:02}",
        f"RT {rt:03} RW {rw:03}",
        f"RT.{rt:02}/RW.{rw:02}",
        f"RT {rt:03}/{rw:02}",
        f"RT/RW {rt:03}/{rw:03}",
        f"rt {rt} rw {rw}",
        f"rt{rt:02}/rw{rw:02}",
        f"RT{rt:02} RW{rw:02}",
        f"rt {rt}/{rw}",
        f"RT.{rt:03} RW.{rw:03}",
        f"RT {rt:02}, RW {rw:02}",
        f"rt/rw {rt}/{rw}",
        f"RT. {rt} / RW. {rw}",
        f"RT {rt:02}/RW {rw:02}",
    )
    chance = rng.random()
    if chance < 0.12:
        return rng.choice((f"RW {rw}", f"RW {rw:02}", f"rw.{rw:02}", f"RW {rw:03}")), None, f"{rw:03}"
    if chance < 0.17:
        return rng.choice((f"RT {rt}", f"rt {rt:02}", f"RT.{rt:03}")), f"{rt:03}", None
    return rng.choice(both), f"{rt:03}", f"{rw:03}"
