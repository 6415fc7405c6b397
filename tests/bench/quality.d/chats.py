"""Chats of one or two people with our account, and how their messages belong together.

A message about an earlier complaint is a follow-up once our receipt came or 30 minutes passed since the complaint's
last event. Greetings, thanks, stickers, questions for information and what was deleted before the receipt are ignored.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Line = dict[str, Any]
Sentence = Callable[[random.Random], tuple[str, str]]

GREETINGS = (
    "p",
    "halo min",
    "Assalamualaikum",
    "siang kak",
    "Selamat pagi",
    "permisi pak",
    "test",
    "malem min 🙏",
    "misi",
    "haloo",
)
THANKS = (
    "makasih ya",
    "ok terima kasih pak",
    "siap, trims 🙏",
    "mksh kak",
    "Terima kasih atas responnya",
    "sama2",
    "oke",
)
STICKERS = ("🙏", "👍", "😭", "❤️", "😡")
QUESTIONS = (
    "kantor kelurahan buka jam berapa ya?",
    "sabtu puskesmas buka ga min?",
    "syarat bikin ktp apa aja kak?",
    "nomor telepon damkar berapa ya?",
    "kalau mau urus kk online di mana?",
    "pendaftaran ppdb mulai tanggal berapa?",
)
NEWS = (
    "halo, laporan saya tadi gimana kelanjutannya?",
    "sampai sekarang belum ada petugas yang datang pak",
    "tambahan info, makin parah tadi malem",
    "itu posisinya sebelah kanan jalan ya",
    "masih sama aja min, belum dikerjain",
    "laporan saya kok blm ditindaklanjuti",
    "kemarin ada petugas dateng tapi cuma foto doang",
)
DETAILS = (
    "yg sebelah kiri jalan",
    "udah dari minggu lalu",
    "tiap hari begitu terus",
    "bahaya buat anak2",
    "deket pos ronda",
    "parah bgt itu pak",
)
ANOTHER = (
    "satu lagi min, ",
    "sekalian lapor juga, ",
    "trus ini beda lagi, ",
    "sama mau lapor yg lain: ",
    "oh iya ada lagi pak, ",
)


@dataclass
class Chat:
    rng: random.Random
    sentence: Sentence
    prefix: str
    now: int = 0
    receipts: int = 0
    events: list[Line] = field(default_factory=list)
    complaints: list[dict[str, list[int]]] = field(default_factory=list)
    ignored: list[int] = field(default_factory=list)
    categories: set[str] = field(default_factory=set)

    def event(
        self,
        kind: str,
        text: str | None = None,
        *,
        after: int = 25,
        sender: str = "a",
        reply_to: int | None = None,
        album: str | None = None,
    ) -> int:
        """Adds one, some `after` seconds later, and gives its index."""
        if self.events:
            self.now += self.rng.randint(max(1, after // 2), after + after // 2)
        lat, lng = (
            (round(self.rng.uniform(-6.34, -6.12), 5), round(self.rng.uniform(106.73, 106.94), 5))
            if kind == "location"
            else (None, None)
        )
        fields = {
            "at": self.now,
            "sender": sender,
            "kind": kind,
            "text": text,
            "lat": lat,
            "lng": lng,
            "reply_to": reply_to,
            "album": album,
        }
        self.events.append(fields)
        return len(self.events) - 1

    def receipt(self, index: int, sender: str | None = None) -> int:
        self.receipts += 1
        number = f"{self.prefix}-{self.rng.randint(1000, 9999)}"
        to = f"@{sender} laporan" if sender else "Laporan"
        return self.event("bot_ack", f"{to} tercatat dengan nomor {number}.", after=8, sender="bot", reply_to=index)

    def complaint(self, *events: int) -> dict[str, list[int]]:
        self.complaints.append({"events": list(events), "followups": []})
        return self.complaints[-1]

    def aside(self, kind: str, text: str, **how: Any) -> None:
        self.ignored.append(self.event(kind, text, **how))

    def told(self) -> str:
        """A trouble that this chat has not told of."""
        while True:
            text, category = self.sentence(self.rng)
            if category not in self.categories:
                self.categories.add(category)
                return text

    def trouble(self, after: int = 25, sender: str = "a", opening: str = "", kind: str = "text") -> int:
        return self.event(kind, opening + self.told(), after=after, sender=sender)


def greeted(chat: Chat) -> None:
    """A greeting, the trouble in words, photo and position, thanks."""
    chat.aside("text", chat.rng.choice(GREETINGS))
    events = [chat.trouble()]
    events += [chat.event("photo") for _ in range(chat.rng.randint(0, 2))]
    if chat.rng.random() < 0.6:
        events.append(chat.event("location", after=40))
    chat.complaint(*events)
    chat.receipt(events[0])
    chat.aside(*chat.rng.choice((("text", chat.rng.choice(THANKS)), ("sticker", chat.rng.choice(STICKERS)))))


def photo_first(chat: Chat) -> None:
    photo, text = chat.event(chat.rng.choice(("photo", "photo", "voice"))), chat.trouble()
    events = [photo, text]
    if chat.rng.random() < 0.7:
        events.append(chat.event("location", after=60))
    chat.complaint(*events)
    chat.receipt(text)


def album(chat: Chat) -> None:
    first = chat.event("photo", chat.told(), album="m1")
    events = [first, *(chat.event("photo", after=1, album="m1") for _ in range(chat.rng.randint(1, 4)))]
    if chat.rng.random() < 0.6:
        events.append(chat.event("location", after=chat.rng.choice((30, 400))))
    chat.complaint(*events)
    chat.receipt(first)


def pieces(chat: Chat) -> None:
    """One trouble in several short texts."""
    events = [chat.trouble()]
    events += [chat.event("text", detail, after=20) for detail in chat.rng.sample(DETAILS, chat.rng.randint(1, 2))]
    if chat.rng.random() < 0.5:
        events.append(chat.event("photo"))
    chat.complaint(*events)
    chat.receipt(events[0])


def two(chat: Chat) -> None:
    """Two troubles of one sender, said to be two; then news of the first."""
    first, photo = chat.trouble(), chat.event("photo")
    second = chat.trouble(after=60, opening=chat.rng.choice(ANOTHER))
    one = chat.complaint(first, photo)
    chat.complaint(second)
    receipt, _ = chat.receipt(first), chat.receipt(second)
    if chat.rng.random() < 0.6:
        one["followups"].append(chat.event("text", chat.rng.choice(NEWS), after=3000, reply_to=receipt))


def news(chat: Chat) -> None:
    """News after our receipt: quoted, or shortly after on the same matter."""
    first = chat.trouble()
    made, receipt = chat.complaint(first), chat.receipt(first)
    if chat.rng.random() < 0.3:
        chat.aside("text", chat.rng.choice(THANKS), after=15)
    quoted = chat.rng.random() < 0.6
    for _ in range(chat.rng.randint(1, 2)):
        reply_to = chat.rng.choice((first, receipt)) if quoted else None
        made["followups"].append(
            chat.event("text", chat.rng.choice(NEWS), after=7000 if quoted else 900, reply_to=reply_to)
        )
    if chat.rng.random() < 0.3:
        made["followups"].append(chat.event("photo", after=20))


def unanswered(chat: Chat) -> None:
    """News long after, before any receipt."""
    first = chat.trouble()
    made = chat.complaint(first, chat.event("photo"))
    made["followups"].append(chat.event("text", chat.rng.choice(NEWS), after=30_000, reply_to=first))


def edited(chat: Chat) -> None:
    first = chat.trouble()
    events = [first, chat.event("edit", chat.events[first]["text"] + " sejak kemarin", reply_to=first)]
    if chat.rng.random() < 0.5:
        events.append(chat.event("photo"))
    chat.complaint(*events)
    chat.receipt(first)


def deleted(chat: Chat) -> None:
    """A photo taken back before the receipt, or all of it."""
    whole, first = chat.rng.random() < 0.3, chat.trouble()
    gone = first if whole else chat.event("photo")
    chat.ignored += [gone, chat.event("delete", reply_to=gone)]
    if whole:
        return
    events = [first]
    if chat.rng.random() < 0.5:
        events.append(chat.event("photo"))
    chat.complaint(*events)
    chat.receipt(first)


def idle(chat: Chat) -> None:
    """No complaint at all."""
    kinds = [
        ("text", chat.rng.choice(GREETINGS)),
        ("text", chat.rng.choice(QUESTIONS)),
        ("sticker", chat.rng.choice(STICKERS)),
        ("text", chat.rng.choice(THANKS)),
    ]
    for kind, text in kinds[: chat.rng.randint(1, 4)]:
        chat.aside(kind, text)
    if chat.rng.random() < 0.5:
        chat.event("bot_ack", "Terima kasih. Silakan sampaikan laporan Anda.", sender="bot")


def crossed(chat: Chat) -> None:
    """Two senders by turns."""
    one, other = chat.trouble(sender="a"), chat.trouble(after=10, sender="b")
    first, second = chat.complaint(one), chat.complaint(other)
    first["events"].append(chat.event("photo", after=10, sender="a"))
    second["events"].append(chat.event(chat.rng.choice(("photo", "location")), after=10, sender="b"))
    receipt, _ = chat.receipt(one, "a"), chat.receipt(other, "b")
    if chat.rng.random() < 0.5:
        first["followups"].append(chat.event("text", chat.rng.choice(NEWS), after=600, sender="a", reply_to=receipt))


def next_day(chat: Chat) -> None:
    """Another trouble, long after the first was answered."""
    first = chat.trouble(kind=chat.rng.choice(("text", "photo")))
    chat.complaint(first)
    chat.receipt(first)
    chat.aside("text", chat.rng.choice(GREETINGS), after=80_000)
    second = chat.trouble(opening=chat.rng.choice(("", "mau lapor ", "ini ada lagi ")))
    events = [second, chat.event("photo")]
    chat.complaint(*events)
    chat.receipt(second)


STORIES = (greeted, photo_first, album, pieces, two, news, unanswered, edited, deleted, idle, crossed, next_day)


def make(seed: int, count: int, sentence: Sentence) -> list[Line]:
    rng = random.Random(f"chats {seed}")
    lines = []
    for number in range(1, count + 1):
        channel, prefix = rng.choice((("telegram", "TG"), ("whatsapp", "WA")))
        chat = Chat(rng, sentence, prefix)
        STORIES[number % len(STORIES)](chat)
        labels = {"complaints": chat.complaints, "ignored": sorted(chat.ignored)}
        lines.append({"id": f"c{number:04}", "channel": channel, "events": chat.events, "labels": labels})
    return lines
