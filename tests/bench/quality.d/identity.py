"""Phones, NIKs and e-mail addresses of nobody, and numbers that only look like them.

They are syntactically valid, so nothing may ever be sent to them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

NAMES = (
    "Sri Wahyuni",
    "Budi Hartono",
    "Siti Aminah",
    "Agus Salim",
    "Dewi Lestari",
    "Rudi",
    "Maria Goreti",
    "Hendra",
    "Nurhayati",
    "Yusuf",
    "Bambang",
    "Ratna",
    "Fajar",
    "Lina Marlina",
    "Slamet",
    "Desi",
    "Andi",
    "Tuti",
    "Joko",
    "Mega",
)
CARRIERS = (
    "811",
    "812",
    "813",
    "821",
    "822",
    "838",
    "852",
    "855",
    "856",
    "857",
    "858",
    "877",
    "878",
    "881",
    "895",
    "896",
)
PROVINCES = (
    "317101",
    "317203",
    "317304",
    "317407",
    "317506",
    "310101",
    "320106",
    "327601",
    "330101",
    "360312",
    "351510",
)


@dataclass
class Identity:
    """A sentence about the sender, and what is to be found in it."""

    text: str = ""
    phones: list[str] = field(default_factory=list)
    niks: list[str] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)

    def __add__(self, other: Identity) -> Identity:
        return Identity(
            f"{self.text} {other.text}".strip(),
            self.phones + other.phones,
            self.niks + other.niks,
            self.emails + other.emails,
        )


def phone(rng: random.Random) -> tuple[str, str]:
    """In some spelling, and as E.164."""
    if rng.random() < 0.06:
        number = f"{rng.randint(2, 8)}{rng.randint(0, 9999999):07}"
        landline = (f"(021) {number}", f"021-{number}", f"021 {number[:4]} {number[4:]}", f"021{number}")
        return rng.choice(landline), f"+6221{number}"
    carrier, rest = rng.choice(CARRIERS), f"1100{rng.randint(0, 9999):04}"
    number = carrier + rest
    spelt = (
        f"0{number}",
        f"0{number}",
        f"0{carrier}-{rest[:4]}-{rest[4:]}",
        f"0{carrier} {rest[:4]} {rest[4:]}",
        f"+62{number}",
        f"+62 {carrier}-{rest[:4]}-{rest[4:]}",
        f"62{number}",
        f"+62 {carrier} {rest[:4]} {rest[4:]}",
        f"0{carrier}.{rest[:4]}.{rest[4:]}",
        f"(+62) {carrier} {rest}",
        f"0{carrier}{rest[:4]} {rest[4:]}",
    )
    return rng.choice(spelt), f"+62{number}"


def family_number(rng: random.Random) -> str:
    """16 digits: district, date, serial; a NIK and a family card's number alike."""
    day = rng.randint(1, 28) + rng.choice((0, 40))
    return f"{rng.choice(PROVINCES)}{day:02}{rng.randint(1, 12):02}{rng.randint(60, 99)}{rng.randint(1, 9999):04}"


def nik(rng: random.Random) -> tuple[str, str]:
    number = family_number(rng)
    spelt = (
        number,
        number,
        number,
        f"{number[:4]} {number[4:8]} {number[8:12]} {number[12:]}",
        f"{number[:6]} {number[6:12]} {number[12:]}",
        f"{number[:6]}-{number[6:12]}-{number[12:]}",
        f"{number[:2]}.{number[2:4]}.{number[4:6]}.{number[6:12]}.{number[12:]}",
    )
    return rng.choice(spelt), number


def email(rng: random.Random, name: str) -> str:
    first = name.lower().split()[0]
    local = rng.choice(
        (
            first,
            f"{first}{rng.randint(60, 99)}",
            f"{name.lower().replace(' ', '.')}",
            f"{first}_{rng.randint(1, 99)}",
            f"{first}+warga",
        )
    )
    return f"{local}@{rng.choice(('mail.example', 'surat.example', 'kotak.example', 'kantor.example.co.id'))}"


def sender(rng: random.Random, register: str) -> Identity:
    """What a sender of the register tells of himself: mostly nothing."""
    chances = {
        "app": (0.04, 0, 0),
        "chat": (0.10, 0.03, 0.01),
        "tweet": (0.03, 0, 0),
        "letter": (0.35, 0.12, 0.35),
        "officer": (0.5, 0.25, 0.03),
        "english": (0.1, 0, 0.3),
    }[register]
    name, said = rng.choice(NAMES), Identity()
    if rng.random() < chances[1]:
        spelt, number = nik(rng)
        said += Identity(
            rng.choice((f"NIK {spelt}", f"NIK: {spelt}", f"no ktp {spelt}", f"a.n. {name} (NIK {spelt})")) + ".",
            niks=[number],
        )
    if rng.random() < chances[0]:
        spelt, number = phone(rng)
        forms = (
            f"Hp {spelt}",
            f"WA {spelt}",
            f"hub {spelt}",
            f"Pelapor {name} ({spelt})",
            f"CP: {name} {spelt}",
            f"no hp saya {spelt}",
            f"Telp. {spelt}",
            f"{name}, {spelt}",
            f"bisa hubungi {spelt}",
            f"tlp/wa {spelt}",
        )
        said += Identity(rng.choice(forms), phones=[number])
    if rng.random() < chances[2]:
        address = email(rng, name)
        said += Identity(
            rng.choice((f"Email: {address}", f"{name}, {address}", f"{name} <{address}>", f"balas ke {address}.")),
            emails=[address],
        )
    return said


def decoy(rng: random.Random) -> str:
    """A number that is nobody's phone, NIK or address."""
    bank = f"{rng.randint(1000, 9999)} {rng.randint(0, 9999):04} {rng.randint(0, 9999):04} {rng.randint(0, 9999):04}"
    forms = (
        f"no kk {family_number(rng)}",
        f"Nomor Kartu Keluarga: {family_number(rng)}",
        f"rekening {bank}",
        f"norek {rng.randint(10**9, 10**10 - 1)}",
        "Sudah lapor ke 08111272206 tidak dibalas",
        "udah sms 0811-1272-206",
        "sudah telp 112",
        "kirim ke 1708 juga sudah",
        f"ID pelanggan 5321{rng.randint(10**7, 10**8 - 1)}",
        f"nomor meter {rng.randint(10**10, 10**11 - 1)}",
        f"kerugian Rp {rng.randint(1, 9)}.500.000",
        f"plat B {rng.randint(1000, 9999)} KZT",
        f"tgl {rng.randint(1, 28):02}/11/2026",
        f"NOP 31.74.050.003.012-{rng.randint(0, 9999):04}.0",
        f"no laporan JK26110{rng.randint(10000, 99999)}",
        f"tiket #{rng.randint(1900000, 1999999)}",
        f"BPJS 0001{rng.randint(10**8, 10**9 - 1)}",
        f"jam {rng.randint(1, 23):02}.{rng.randint(10, 59)}",
        "ig @warga.jkt26",
        f"VA 8808{rng.randint(10**11, 10**12 - 1)}",
    )
    return rng.choice(forms)
