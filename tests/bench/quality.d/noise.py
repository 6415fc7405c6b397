"""Slang, slips and manners: what makes of a plain sentence one that a phone sent."""

from __future__ import annotations

import random
import re

SLANG = {
    "yang": ("yg", "yng"),
    "tidak": ("ga", "gak", "tdk", "nggak", "gk"),
    "ga": ("gak", "ngga", "g", "kaga"),
    "sudah": ("udah", "udh", "sdh", "dah"),
    "udah": ("udh", "dah"),
    "belum": ("blm", "blum"),
    "dengan": ("dgn", "sama"),
    "untuk": ("utk", "buat"),
    "dari": ("dr",),
    "karena": ("krn", "karna"),
    "tolong": ("tlg", "tlong"),
    "mohon": ("mhn",),
    "banyak": ("bnyk", "byk"),
    "sampai": ("sampe", "smp"),
    "bisa": ("bs",),
    "jangan": ("jgn",),
    "orang": ("org",),
    "rumah": ("rmh",),
    "saya": ("sy", "gw", "aku"),
    "sekarang": ("skrg", "skrng"),
    "sekali": ("bgt", "banget"),
    "banget": ("bgt", "bangettt"),
    "bgt": ("bangett", "bgtt"),
    "malam": ("mlm", "malem"),
    "setiap": ("tiap", "stiap"),
    "minggu": ("mgg", "minggu"),
    "bulan": ("bln",),
    "hari": ("hr",),
    "tahun": ("thn", "taun"),
    "warga": ("wrga", "warga"),
    "jalan": ("jln", "jalan"),
    "dan": ("dn", "&"),
    "lagi": ("lg",),
    "saja": ("aja", "aj"),
    "seperti": ("kyk", "kayak"),
    "padahal": ("pdhl",),
    "ada": ("ad", "ada"),
    "anak": ("ank", "anak"),
    "air": ("aer", "air"),
    "besar": ("gede", "bsr"),
    "pada": ("pd",),
    "semua": ("smua", "semuanya"),
    "terus": ("trs", "trus"),
    "kemarin": ("kmrn", "kemaren"),
    "masih": ("msh",),
    "hampir": ("hmpir", "nyaris"),
    "tempat": ("tmpt",),
    "kalau": ("klo", "kalo"),
    "juga": ("jg",),
}
# What a clerk shortens.
CLERK = {
    "yang": ("yg",),
    "tidak": ("tdk",),
    "sudah": ("sdh",),
    "belum": ("blm",),
    "dengan": ("dgn",),
    "untuk": ("utk",),
    "mohon": ("mhn",),
    "warga": ("wrg", "warga"),
    "orang": ("org",),
    "bulan": ("bln",),
    "karena": ("krn",),
    "dan": ("&", "dan"),
    "rumah": ("rmh",),
}
OPENINGS = (
    "min",
    "pak",
    "bu",
    "kak",
    "bang",
    "halo min",
    "permisi",
    "assalamualaikum",
    "siang pak",
    "maaf ganggu",
    "woy",
    "Yth admin",
    "mau lapor",
)
CLOSINGS = (
    "makasih",
    "tolong ya",
    "mohon dibantu",
    "tks",
    "🙏",
    "🙏🙏",
    "trims pak",
    "secepatnya ya",
    "plis",
    "😭",
    "😡",
    "terima kasih sebelumnya",
)
TAGS = ("#jakarta", "#lapor", "#jakartakini", "#wargajakarta", "#aduanwarga", "#viral", "#infojkt")
MENTIONS = ("@DKIJakarta", "@DKIJakarta tolong", "cc @DKIJakarta", "RT @DKIJakarta cek dong")

WORD = re.compile(r"(\{\w+\}|\w+(?:-\w+)?)")


def garbled(rng: random.Random, text: str, register: str) -> str:
    """The text with the spelling of its register; what stands in braces is left alone."""
    strength = {"app": 0.2, "chat": 0.6, "tweet": 0.5, "letter": 0.0, "officer": 0.45, "english": 0.0}[register]
    table = CLERK if register == "officer" else SLANG
    parts = WORD.split(text)
    for at in range(1, len(parts), 2):
        word = parts[at]
        if word.startswith("{") or rng.random() >= strength:
            continue
        if word.lower() in table:
            parts[at] = rng.choice(table[word.lower()])
        elif register == "officer":
            continue
        elif (two := word.split("-"))[0] == two[-1] and len(two) == 2:
            parts[at] = two[0] + "2"
        elif register != "app" and rng.random() < 0.12:
            parts[at] = slipped(rng, word)
    return "".join(parts)


def slipped(rng: random.Random, word: str) -> str:
    """A vowel dropped, letters drawn out, doubled or changed about."""
    if len(word) < 5 or not word.isalpha():
        return word
    at = rng.randrange(1, len(word) - 2)
    way = rng.randrange(4)
    if way == 0 and word[at] in "aeiou":
        return word[:at] + word[at + 1 :]
    if way == 1:
        return word + word[-1] * rng.randint(1, 4)
    if way == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def mannered(rng: random.Random, text: str, register: str) -> str:
    """With how the register begins and ends, and its letter case."""
    if register == "chat":
        if rng.random() < 0.35:
            text = f"{rng.choice(OPENINGS)}{rng.choice((' ', ', ', chr(10)))}{text}"
        if rng.random() < 0.35:
            text = f"{text}{rng.choice((' ', ', ', '. ', chr(10)))}{rng.choice(CLOSINGS)}"
        return text.lower() if "@" not in text and rng.random() < 0.6 else text
    if register == "tweet":
        text = f"{text} {rng.choice(MENTIONS)}" if rng.random() < 0.6 else text
        text = f"{text} {rng.choice(TAGS)}" if rng.random() < 0.3 else text
        return text.upper() if rng.random() < 0.08 else text
    if register == "letter":
        opening = rng.choice(
            (
                "Kepada Yth. Gubernur,\n",
                "Yth. Pemprov DKI Jakarta,\n",
                "Assalamualaikum wr. wb.\n",
                "Selamat pagi. ",
                "",
                "",
            )
        )
        closing = rng.choice(
            ("\nHormat kami", "\nDemikian, terima kasih.", " Atas perhatiannya kami ucapkan terima kasih.", "", "")
        )
        return f"{opening}{text}{closing}"
    return text
