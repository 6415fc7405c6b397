//! Several messages of a chat as one complaint: what joins, what begins another, what follows up, what is only talk.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeSet, fs, path::Path};

use jiff::{SignedDuration, Timestamp};
use muara_normalizer::{
    Draft, ExternalId,
    aggregate::{
        Answers, Decision, Earlier, Message, Open, Policy, Release, decide, merge, release, release_at,
        replay::{self, Event, Grouped},
        takes,
    },
    draft::{Attachment, DraftPlace, DraftReporter},
    reading::Reading,
};
use muara_tests::gateway::Gateway;
use serde::Deserialize;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// A text with its reading, from which messages are made.
struct Said(&'static str, Reading);

fn said(text: &'static str) -> Said {
    Said(text, Reading::of(text))
}

impl Said {
    fn message(&self, seconds: i64) -> Message<'_> {
        Message {
            at: at(seconds),
            text: self.0,
            reading: &self.1,
            photos: 0,
            voices: 0,
            point: false,
            sticker: false,
            album: None,
            answers: None,
        }
    }

    fn photo(&self, seconds: i64) -> Message<'_> {
        Message { photos: 1, ..self.message(seconds) }
    }
}

fn open<'a>(messages: impl IntoIterator<Item = Message<'a>>) -> Open<'a> {
    Open { messages: messages.into_iter().collect() }
}

fn earlier(text: &str, last: i64, receipt: i64) -> Earlier {
    Earlier::new(at(last), Some(at(receipt)), &Reading::of(text))
}

const DRAIN: &str = "got di Gg Haji Saleh mampet, airnya item";
const SNAKE: &str = "ada ular gede di kebon kosong, Jl Mujair Pasar Minggu";

#[test]
fn talk_is_never_gathered() {
    let texts = [
        "Siang kak",
        "Assalamu'alaikum wr wb",
        "halo min, ini kanal pengaduan ya?",
        "min ketemu lagi hehe",
        "permisi min mau lapor",
        "makasih banyak ya pak 🙏",
        "oke siap, ditunggu",
        "aamiin",
        "terima kasih, semoga segera ditindaklanjuti",
        "Selamat Hari Jumat, semoga berkah untuk kita semua 🤲",
        "🙏🙏",
        "?",
        "",
        "jam buka puskesmas kecamatan Tebet hari sabtu jam berapa ya?",
        "kalo mau bikin KIA syaratnya apa aja?",
    ];
    let drain = said(DRAIN);
    for text in texts {
        let said = said(text);
        let message = said.message(60);
        let policy = Policy::default();
        assert_eq!(decide(&message, &[], &[], &policy), Decision::Aside, "{text}");
        if !text.contains("mau lapor") {
            let gathered = [open([drain.message(0)])];
            assert_eq!(decide(&message, &gathered, &[], &policy), Decision::Aside, "{text} while gathering");
        }
        let before = [earlier(DRAIN, 0, 10)];
        assert_eq!(decide(&message, &[], &before, &policy), Decision::Aside, "{text} after the receipt");
    }
    let sticker = Message { sticker: true, answers: Some(Answers::Earlier(0)), ..drain.message(60) };
    let decision = decide(&sticker, &[], &[earlier(DRAIN, 0, 10)], &Policy::default());
    assert_eq!(decision, Decision::Aside);
}

#[test]
fn a_grievance_is_a_complaint_though_it_greets_or_asks() {
    let texts = [
        "papan reklame rokok deket sekolah di Jl Otista, kok boleh sih?",
        "pagi min, kenapa lampu jalan di Jl Kemuning mati terus ya?",
        "assalamualaikum mau tanya sekaligus ngeluh, bansos bulan ini kok saya ga dapet",
        "The street light in front of my house is broken",
    ];
    for text in texts {
        assert_eq!(decide(&said(text).message(0), &[], &[], &Policy::default()), Decision::Begin, "{text}");
    }
}

#[test]
fn what_goes_on_joins() {
    let drain = said(DRAIN);
    let texts = [
        "oh iya RT 05 ya pak",
        "maksudnya yg deket masjid",
        "udah 3 hari",
        "eh salah, gang haji saleh 2",
        "banyak nyamuk, anak saya udah kena DBD",
        "sampahnya nyangkut di situ semua",
        "Jl. Angsana 2 RT 1 RW 6 Pejaten Timur",
        "tolong ya min",
        "ini fotonya",
        "gotnya bau banget",
        "kapan dibersihkan ya?",
    ];
    for text in texts {
        let said = said(text);
        let gathered = [open([drain.message(0)])];
        let decision = decide(&said.message(60), &gathered, &[], &Policy::default());
        assert_eq!(decision, Decision::Join(0), "{text}");
    }
}

#[test]
fn a_correction_in_the_same_moment_joins() {
    let hole = said("Jalan berlubang dalam di depan apotek, Kel. Pondok Bambu");
    let more = said("eh RT 5 ya pak, bukan RT 4");
    let decision = decide(&more.message(0), &[open([hole.message(0)])], &[], &Policy::default());
    assert_eq!(decision, Decision::Join(0));
}

#[test]
fn streets_whose_names_begin_alike_are_two() {
    let cases = [
        ("Jalan Kayu Manis 8", "Jl Kayu Manis 2", Decision::Begin),
        ("Jl Kapuk Raya", "Jl. Kapuk Pulo", Decision::Begin),
        ("jl kebon sirih", "Jl Kebon Nanas", Decision::Begin),
        ("Jl Mawar", "Jl. Mawar 3", Decision::FollowUp(0)),
        ("Jl Mawar", "Jl. Raya Mawar", Decision::FollowUp(0)),
        ("Jl Haji Nawi", "Jl. H. Nawi", Decision::FollowUp(0)),
    ];
    for (one, other, expected) in cases {
        let before = [earlier(&format!("lampu jalan mati di {one}"), 0, 10)];
        let text: &'static str = Box::leak(format!("lampu jalan di {other} mati").into_boxed_str());
        assert_eq!(
            decide(&said(text).message(600), &[], &before, &Policy::default()),
            expected,
            "{one}, {other}"
        );
    }
}

#[test]
fn thanks_gather_nothing_but_news_in_them_does() {
    let before = [earlier(DRAIN, 0, 10)];
    let cases = [
        ("alhamdulillah cepet balesnya, terima kasih banyak pak", Decision::Aside),
        ("wah cepat sekali, makasih min", Decision::Aside),
        ("semoga ditindak ya pak, salam sehat", Decision::Aside),
        ("bukan lapor kok, nanya doang", Decision::Aside),
        ("Tuhan memberkati ya pak", Decision::Aside),
        ("makasih pak. oh iya gotnya yang di sebelah laundry", Decision::FollowUp(0)),
        ("makasih min, udah dikeruk barusan", Decision::FollowUp(0)),
    ];
    for (text, expected) in cases {
        assert_eq!(decide(&said(text).message(60), &[], &before, &Policy::default()), expected, "{text}");
    }
    // with nothing to take back
    let sorry = said("maaf pak ga jadi, td salah kirim grup");
    assert_eq!(decide(&sorry.message(0), &[], &[], &Policy::default()), Decision::Aside);
}

#[test]
fn another_matter_begins_another() {
    let snake = said(SNAKE);
    let texts = [
        "trus ini jg min, tiang listrik keropos di Jl Baung",
        "satu lagi min, pohon di depan RW 08 dahannya mau patah",
        "sama mau lapor lampu jalan mati di Jl Kemuning",
        "beda lagi, pengemis bawa bayi tiap sore di kolong JPO",
        "laporan kedua: tutup got ilang di Jl Barito 2",
        "ini kasus lain ya, pungli parkir di Blok M",
        "Angkot ngetem di tikungan Kp Melayu bikin macet",
        "satu lagi min",
        "2. tong sampah RT ilang dicolong, Tanah Tinggi",
        "bang kali ini lain soal, aspal Jl Daan Mogot km 14 ngelupas",
        "tukang es buang air cucian ke trotoar, Jl Salemba Tengah",
    ];
    for text in texts {
        let said = said(text);
        let gathered = [open([snake.message(0)])];
        let decision = decide(&said.message(88), &gathered, &[], &Policy::default());
        assert_eq!(decision, Decision::Begin, "{text}");
        let before = [earlier(SNAKE, 0, 10)];
        assert_eq!(decide(&said.message(88), &[], &before, &Policy::default()), Decision::Begin, "{text}");
    }
}

#[test]
fn what_is_sent_without_words_waits_for_them() {
    let (none, lift, album) = (said(""), said("lift JPO Cempaka Mas mati"), said(""));
    let policy = Policy::default();
    for bare in
        [none.photo(0), Message { voices: 1, ..none.message(0) }, Message { point: true, ..none.message(0) }]
    {
        assert_eq!(decide(&bare, &[], &[], &policy), Decision::Begin);
        let gathered = [open([bare])];
        assert_eq!(decide(&lift.message(17), &gathered, &[], &policy), Decision::Join(0));
        // also after a receipt for something else
        let before = [earlier(SNAKE, -600, -590)];
        assert_eq!(decide(&bare, &[], &before, &policy), Decision::Begin);
        assert_eq!(decide(&lift.message(17), &gathered, &before, &policy), Decision::Join(0));
        assert_eq!(release(&gathered[0], &before, &policy), Release::FollowUp(0));
        assert_eq!(release(&gathered[0], &[], &policy), Release::Complaint);
        let long_ago = [earlier(SNAKE, -90_000, -90_000)];
        assert_eq!(release(&gathered[0], &long_ago, &policy), Release::Complaint);
    }
    // an album stays together, though another bundle was spoken of last
    let drain = said(DRAIN);
    let of_album = |seconds| Message { album: Some("m1"), ..album.photo(seconds) };
    let gathered = [open([drain.message(0), of_album(1)]), open([lift.message(3)])];
    assert_eq!(decide(&of_album(4), &gathered, &[], &policy), Decision::Join(0));
    assert_eq!(decide(&none.photo(4), &gathered, &[], &policy), Decision::Join(1));
}

#[test]
fn who_only_spoke_or_showed_something_says_afterwards_what_it_is() {
    let policy = Policy::default();
    // a voice, with its receipt
    let voice = [earlier("", 0, 5)];
    let words = said("maaf tadi suara, intinya lampu merah Grogol arah Tomang mati");
    assert_eq!(decide(&words.message(12), &[], &voice, &policy), Decision::FollowUp(0));
    // the words of a second picture are of the first one's complaint
    let hole = [earlier("trotoar jebol depan sekolah, Jl Tebet Timur Dalam", 0, 6)];
    let again = said("yg ini difoto dr seberang biar jelas");
    assert_eq!(decide(&again.photo(22), &[], &hole, &policy), Decision::FollowUp(0));
}

#[test]
fn what_is_gathered_goes_on_until_another_place_or_matter_is_said() {
    let rats = said("di Muara Karang blok Z tikus mati banyak banget");
    let cat = said("kayaknya diracun orang, kucing saya ikut mati");
    let gathered = [open([rats.message(0)])];
    assert_eq!(decide(&cat.message(30), &gathered, &[], &Policy::default()), Decision::Join(0));
}

#[test]
fn where_it_is_may_be_said_afterwards() {
    let what = said("anak tetangga saya 8 th disuruh ngamen sampe malem sama pamannya");
    let begun = [open([what.message(0)])];
    let there = said("di perempatan Matraman, kalo ga setor dipukul");
    assert_eq!(decide(&there.message(18), &begun, &[], &Policy::default()), Decision::Join(0));
    // but not where another matter is that is said to be another one
    let another = said("sama di Jl. Kelapa Dua Wetan pohon tumbang nutup jalan");
    assert_eq!(decide(&another.message(18), &begun, &[], &Policy::default()), Decision::Begin);
}

#[test]
fn a_first_question_is_none_of_what_was_spoken_of() {
    let asked = said("Mau tanya kak, bikin surat pindah itu bisa di kelurahan tujuan langsung ngga ya?");
    assert_eq!(decide(&asked.message(0), &[], &[], &Policy::default()), Decision::Aside);
}

#[test]
fn an_answer_goes_where_it_answers() {
    let (drain, snake, more) = (said(DRAIN), said(SNAKE), said("warna item kuning, panjang 2 meter"));
    let other = said("beda lagi min, tiang listrik keropos di Jl Baung");
    let gathered = [open([snake.message(0)]), open([drain.message(20)])];
    let policy = Policy::default();
    let answer = |said: &Said, answers| {
        let message = Message { answers: Some(answers), ..said.message(30) };
        decide(&message, &gathered, &[earlier("lampu jalan mati", -100, -90)], &policy)
    };
    assert_eq!(answer(&more, Answers::Open(0)), Decision::Join(0));
    assert_eq!(answer(&more, Answers::Earlier(0)), Decision::FollowUp(0));
    assert_eq!(answer(&other, Answers::Open(0)), Decision::Begin);
    // what it answers is gone: as if it answered nothing
    assert_eq!(answer(&more, Answers::Open(7)), Decision::Join(1));
}

#[test]
fn after_the_receipt_the_same_matter_follows_up() {
    let before = [earlier(SNAKE, 0, 10), earlier("lampu jalan mati di Jl Kenanga Cipete", 100, 110)];
    let cases = [
        ("ularnya masuk ke got depan, warna item kuning", 200, Decision::FollowUp(0)),
        ("lampunya masih mati nih", 40_000, Decision::FollowUp(1)),
        ("laporan td sudah sampai mana ya?", 3_645, Decision::FollowUp(1)),
        ("masih belum ada yg datang min", 90_000, Decision::FollowUp(1)),
        ("ini fotonya", 130, Decision::FollowUp(1)),
        ("yang pertama tadi di RT 05 ya", 130, Decision::FollowUp(0)),
        ("mau lapor lagi min, lampu jalan mati juga di Jl Anggrek Gandaria", 600, Decision::Begin),
        ("ini mau lapor kabel telpon putus melintang di jalan, Kebon Melati RW 13", 79_000, Decision::Begin),
    ];
    for (text, seconds, expected) in cases {
        let decision = decide(&said(text).message(seconds), &[], &before, &Policy::default());
        assert_eq!(decision, expected, "{text}");
    }
}

#[test]
fn a_bundle_waits_for_more_but_not_for_ever() {
    let (drain, none) = (said(DRAIN), said(""));
    let policy = Policy::default();
    let quiet = open([drain.message(0), drain.message(40)]);
    assert_eq!(release_at(&quiet, &policy), at(130));
    let long = open((0..12).map(|n| drain.message(n * 55)));
    assert_eq!(release_at(&long, &policy), at(600));
    // what, where and a picture: nothing is missing
    let complete = open([drain.message(0), none.photo(20), Message { point: true, ..none.message(30) }]);
    assert_eq!(release_at(&complete, &policy), at(40));
    let unsaid = open([none.photo(20), Message { point: true, ..none.message(30) }]);
    assert_eq!(release_at(&unsaid, &policy), at(120));
}

#[test]
fn pictures_just_before_the_words_of_another_matter_go_over() {
    let (drain, none, other) = (said(DRAIN), said(""), said("kalo yg ini box kabel kebuka di Jl Sunda"));
    let far = open([drain.message(0), none.photo(8), none.photo(60)]);
    assert_eq!(takes(&other.message(66), &far), 1);
    // the only picture stays, so does one that was sent at once with the first words
    assert_eq!(takes(&other.message(66), &open([drain.message(0), none.photo(60)])), 0);
    assert_eq!(takes(&other.message(66), &open([drain.message(0), none.photo(8), none.photo(12)])), 0);
}

#[test]
fn one_draft_is_made_of_a_bundle() {
    let id = |id: &str| ExternalId::new(id);
    let photo = |url: &str| Attachment::Url { url: url.to_owned(), content_type: None };
    let drafts = vec![
        Draft {
            external_id: id("1"),
            attachments: vec![photo("a")],
            place: DraftPlace { lat: Some(-6.2), ..DraftPlace::default() },
            replies_to: vec!["x".to_owned()],
            ..Draft::default()
        },
        Draft {
            external_id: id("2"),
            text: "got mampet".to_owned(),
            reporter: DraftReporter { name: Some("Rani".to_owned()), ..DraftReporter::default() },
            ..Draft::default()
        },
        Draft {
            external_id: id("3"),
            text: "eh salah, RT 5".to_owned(),
            attachments: vec![photo("b")],
            place: DraftPlace { lat: Some(-6.3), lon: Some(106.8), device: true, ..DraftPlace::default() },
            reporter: DraftReporter {
                anonymous: true,
                name: Some("R".to_owned()),
                ..DraftReporter::default()
            },
            replies_to: vec!["x".to_owned(), "y".to_owned()],
            ..Draft::default()
        },
    ];
    let whole = merge(drafts);
    assert_eq!(whole.external_id, id("1"));
    assert_eq!(whole.text, "got mampet\neh salah, RT 5");
    assert_eq!(whole.attachments, [photo("a"), photo("b")]);
    // half a point is none
    assert_eq!((whole.place.lat, whole.place.lon, whole.place.device), (Some(-6.3), Some(106.8), true));
    assert_eq!(whole.reporter.name.as_deref(), Some("Rani"));
    assert!(whole.reporter.anonymous);
    assert_eq!(whole.replies_to, ["x", "y"]);
    assert_eq!(merge(Vec::new()), Draft::default());
}

// Recorded chats

#[derive(Deserialize)]
struct Chat {
    id: String,
    events: Vec<Event>,
    labels: Grouped,
}

fn chats(file: &str) -> Vec<Chat> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/quality").join(file);
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The chats that are not grouped exactly as labelled.
fn wrong(chats: &[Chat]) -> Vec<&str> {
    let complaints = |grouped: &Grouped| -> BTreeSet<(Vec<usize>, Vec<usize>)> {
        grouped.complaints.iter().map(|one| (one.events.clone(), one.followups.clone())).collect()
    };
    let differs = |chat: &&Chat| complaints(&replay::group(&chat.events)) != complaints(&chat.labels);
    chats.iter().filter(differs).map(|chat| chat.id.as_str()).collect()
}

#[test]
fn recorded_chats_are_grouped_as_people_would() {
    assert_eq!(wrong(&chats("conversations_dev.jsonl")), [""; 0]);
    let own = chats("conversations.jsonl");
    let wrong = wrong(&own);
    assert!(own.len() >= 24 && wrong.len() * 10 <= own.len(), "of {}: {wrong:?}", own.len());
}

#[test]
fn every_event_of_a_chat_is_somewhere_whatever_it_refers_to() {
    let kinds = ["text", "photo", "location", "sticker", "voice", "edit", "delete", "bot_ack"];
    let texts = ["", "got mampet di Jl Mawar", "satu lagi min", "nomor TG-0301", "makasih", "@a tercatat"];
    for seed in 0..400_usize {
        let events: Vec<Event> = (0..12)
            .map(|n| {
                let pick = |of: usize, by: usize| (seed * 31 + n * 17 + seed * n * by) % of;
                serde_json::from_value(serde_json::json!({
                    "at": n * pick(900, 3), "sender": (["a", "b"][pick(2, 7)]), "kind": (kinds[pick(8, 5)]),
                    "text": (texts[pick(6, 11)]), "reply_to": (pick(3, 2) == 0).then(|| pick(14, 13)),
                }))
                .unwrap()
            })
            .collect();
        let grouped = replay::group(&events);
        let mut places: Vec<usize> = grouped.ignored.clone();
        places.extend(grouped.complaints.iter().flat_map(|one| one.events.iter().chain(&one.followups)));
        places.sort_unstable();
        let said = events.iter().enumerate().filter(|(_, event)| event.kind != replay::EventKind::BotAck);
        assert_eq!(places, said.map(|(place, _)| place).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn a_very_long_message_is_heard_in_time() {
    let long: &'static str =
        Box::leak("jalan rusak di jalan mawar lampu mati satu lagi ".repeat(2_100).into_boxed_str());
    let (long, drain) = (said(long), said(DRAIN));
    let begun = std::time::Instant::now();
    let decision = decide(&long.message(60), &[open([drain.message(0)])], &[], &Policy::default());
    assert_ne!(decision, Decision::Aside);
    assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(Policy::default().follow_up > SignedDuration::from_hours(1));
}

#[tokio::test]
async fn normalize_groups_chats() {
    let gateway = Gateway::new("");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/quality/conversations_dev.jsonl");
    let input = fs::read(path).unwrap();
    let output = gateway.muara_with_input(&["normalize", "--conversations"], &input).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let expected = serde_json::json!({"id": "v01", "complaints": [{"events": [0, 1, 2], "followups": []}], "ignored": [4]});
    assert_eq!(first, expected);
    assert_eq!(lines.lines().count(), 8);
}
