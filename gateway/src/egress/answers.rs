//! What Muara answers alone: how to report, and how a complaint stands.

use muara_connectors::{Ask, Inquiry, deliver::Occasion};
use muara_normalizer::{Reference, reply::Answered};

use crate::{
    channel::Channel,
    store::{
        Store, StoreError,
        reply::{NewReply, ReplyBody},
    },
};

const HOW_TO_REPORT: &str = "Tuliskan keluhan Anda dalam satu pesan: apa yang terjadi, di mana (jalan, RT/RW, kelurahan), \
                             dan sejak kapan. Foto dan lokasi sangat membantu. Nomor laporan akan kami kirimkan.";

/// The answer to a question, to be put down with it.
#[must_use]
pub fn to(channel: &Channel, inquiry: Inquiry) -> NewReply {
    let body = match inquiry.ask {
        Ask::Welcome => words(format!(
            "Selamat datang di kanal pengaduan {}.\n{HOW_TO_REPORT}\n\
             Untuk menanyakan perkembangan laporan, kirim /status diikuti nomor laporan.",
            channel.title
        )),
        Ask::HowToReport => words(HOW_TO_REPORT.to_owned()),
        Ask::Status(typed) => ReplyBody { asked: Some(typed), ..ReplyBody::default() },
    };
    NewReply {
        id: format!("answer:{}/{}", channel.id, inquiry.external_id.as_str()),
        occasion: Occasion::Answer,
        channel: channel.id.clone(),
        address: Some(inquiry.return_address),
        body,
    }
}

fn words(text: String) -> ReplyBody {
    ReplyBody { text: Some(text), ..ReplyBody::default() }
}

/// How a complaint stands, to whoever knows its reference: neither what it says nor whose it is.
///
/// # Errors
/// The store cannot be read.
pub async fn status(store: &Store, typed: &str) -> Result<String, StoreError> {
    if typed.trim().is_empty() {
        return Ok("Kirim /status diikuti nomor laporan, misalnya /status 7K3M-9QXW-C.".to_owned());
    }
    let Ok(reference) = typed.parse::<Reference>() else {
        return Ok("Nomor laporan itu tidak benar. Nomor laporan terdiri dari sembilan huruf atau angka, \
                   misalnya 7K3M-9QXW-C; mohon periksa lagi."
            .to_owned());
    };
    let Some(known) = store.correspondence(Answered::Reference(reference.clone())).await? else {
        return Ok(format!(
            "Laporan dengan nomor {reference} tidak kami temukan; mohon periksa lagi nomornya."
        ));
    };
    Ok(match known.status {
        Some((status, _)) => format!("Laporan {reference} {}.", status.sentence()),
        None => format!("Laporan {reference} sudah kami terima dan diteruskan kepada instansi terkait."),
    })
}
