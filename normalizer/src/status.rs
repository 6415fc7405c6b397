//! What became of a complaint: the statuses of Jakarta's CRM (Cepat Respon Masyarakat) and what a citizen reads.
//!
//! Names as in the help of JAKI (<https://jaki.jakarta.go.id>) and, from CRM 2.0 (2021), `Menunggu Validasi` and
//! `TL Ditolak`; EWS is the estimated time of completion of a longer work. A name that is not known is passed on
//! as it is given.

use serde::{Deserialize, Serialize};

/// A status by its name in the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Status {
    /// Diterima: taken in by the gateway.
    Received,
    /// Menunggu: waits for the agency.
    Waiting,
    /// Koordinasi: passed from one agency to another.
    Coordination,
    /// Disposisi: passed on within the agency.
    Disposition,
    /// Proses: being worked on.
    InProgress,
    /// EWS (Estimasi Waktu Selesai): being worked on for longer.
    LongerWork,
    /// Menunggu Validasi: done, to be checked.
    AwaitingValidation,
    /// TL Ditolak: the follow-up was refused and is done again.
    FollowUpRejected,
    /// Selesai: done.
    Done,
    /// Ditolak: not taken up.
    Rejected,
    /// Duplikat: handled with another report.
    Duplicate,
    /// Any other name, as given.
    Other(String),
}

/// Name of the status as it is written, other spellings of it, and what the citizen reads.
const KNOWN: &[(Status, &str, &[&str], &str)] = &[
    (Status::Received, "Diterima", &["received"], "sudah kami terima"),
    (Status::Waiting, "Menunggu", &["wait", "waiting"], "menunggu tindak lanjut instansi terkait"),
    (Status::Coordination, "Koordinasi", &["coordination"], "sedang dikoordinasikan dengan instansi terkait"),
    (Status::Disposition, "Disposisi", &["disposition"], "sudah didisposisikan kepada unit pelaksana"),
    (Status::InProgress, "Proses", &["process", "in progress", "diproses"], "sedang dikerjakan"),
    (Status::LongerWork, "EWS", &["estimasi waktu selesai"], "sedang dikerjakan dan perlu waktu lebih lama"),
    (
        Status::AwaitingValidation,
        "Menunggu Validasi",
        &["validation"],
        "selesai dikerjakan dan sedang diperiksa",
    ),
    (
        Status::FollowUpRejected,
        "TL Ditolak",
        &["tindak lanjut ditolak"],
        "dikerjakan ulang karena hasilnya belum sesuai",
    ),
    (Status::Done, "Selesai", &["complete", "completed", "done"], "sudah selesai ditindaklanjuti"),
    (Status::Rejected, "Ditolak", &["rejected"], "tidak dapat kami tindak lanjuti"),
    (Status::Duplicate, "Duplikat", &["duplicate"], "digabung dengan laporan lain tentang hal yang sama"),
];

impl Status {
    /// The name as the CRM writes it; an unknown one as it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => KNOWN.iter().find(|(status, ..)| status == known).map_or("", |(_, name, ..)| name),
        }
    }

    /// What the citizen reads after "Laporan Anda": a known status in a sentence, an unknown name as it was given.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Other(name) => format!("berstatus {name}"),
            known => KNOWN
                .iter()
                .find(|(status, ..)| status == known)
                .map_or_else(String::new, |(.., sentence)| (*sentence).to_owned()),
        }
    }

    /// Whether nothing more is to come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Done | Self::Rejected | Self::Duplicate)
    }
}

impl From<String> for Status {
    fn from(given: String) -> Self {
        let folded = given.trim().to_lowercase().replace(['_', '-'], " ");
        let known = KNOWN
            .iter()
            .find(|(_, name, others, _)| name.to_lowercase() == folded || others.contains(&folded.as_str()));
        known.map_or_else(|| Self::Other(given), |(status, ..)| status.clone())
    }
}

impl From<Status> for String {
    fn from(status: Status) -> Self {
        status.name().to_owned()
    }
}
