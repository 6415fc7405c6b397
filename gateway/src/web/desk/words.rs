//! What officers and citizens read: Indonesian.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use muara_connectors::desk::{FieldError, Problem};
use muara_normalizer::time::WIB;

use super::fault::Fault;
use crate::store::listing::Place;

/// How an entry stands whose event is made.
pub(super) const PASSED_ON: &str = "Diteruskan";

/// How an entry stands that waits.
pub(super) fn place(place: Place) -> &'static str {
    match place {
        Place::Inbox => "Diterima",
        Place::Held => "Diterima, diteruskan bertahap",
        Place::Aside => "Diperiksa pengelola",
    }
}

/// `3 November 2026, 10.15 WIB`.
pub(super) fn time(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "Januari",
        "Februari",
        "Maret",
        "April",
        "Mei",
        "Juni",
        "Juli",
        "Agustus",
        "September",
        "Oktober",
        "November",
        "Desember",
    ];
    let at = at.to_zoned(TimeZone::fixed(WIB));
    let month = usize::try_from(at.month() - 1).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    format!("{} {month} {}, {:02}.{:02} WIB", at.day(), at.year(), at.hour(), at.minute())
}

/// `10.15`, the time of day.
pub(super) fn clock(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::fixed(WIB));
    format!("{:02}.{:02}", at.hour(), at.minute())
}

/// Seconds, rounded up, at least one.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// `45 detik`, `3 menit`.
pub(super) fn wait(wait: Duration) -> String {
    match whole_seconds(wait) {
        seconds @ ..60 => format!("{seconds} detik"),
        seconds => format!("{} menit", seconds.div_ceil(60)),
    }
}

/// Headline and sentence of a fault.
pub(super) fn fault(fault: &Fault) -> (&'static str, String) {
    let (title, detail) = match fault {
        Fault::NoChannel => {
            ("Halaman tidak ditemukan", "Tidak ada loket di alamat ini. Periksa kembali alamatnya.")
        }
        Fault::Disabled => {
            ("Loket sedang tidak aktif", "Loket ini sedang dinonaktifkan. Hubungi pengelola sistem.")
        }
        Fault::CrossSite => (
            "Permintaan ditolak",
            "Permintaan ini dikirim dari situs lain. Buka halaman loket, lalu isi dari sana.",
        ),
        Fault::SignedOut => ("Belum masuk", "Silakan masuk terlebih dahulu."),
        Fault::SessionEnded => ("Sesi berakhir", "Sesi Anda telah berakhir. Silakan masuk kembali."),
        Fault::OtherChannel => {
            ("Loket lain", "Anda masuk di loket lain. Masuklah di loket ini terlebih dahulu.")
        }
        Fault::Csrf => (
            "Halaman sudah kedaluwarsa",
            "Halaman ini sudah terlalu lama terbuka atau Anda masuk kembali di tab lain. Periksa isian, lalu kirim lagi.",
        ),
        Fault::NoCookies => (
            "Kuki tidak tersimpan",
            "Peramban tidak menyimpan kuki. Buka halaman ini lewat HTTPS dan izinkan kuki, lalu coba lagi.",
        ),
        Fault::WrongPassword => ("Gagal masuk", "Nama pengguna atau kata sandi salah."),
        Fault::LockedOut { wait } => {
            return (
                "Terlalu banyak percobaan",
                format!("Terlalu banyak percobaan masuk yang gagal. Coba lagi dalam {}.", self::wait(*wait)),
            );
        }
        Fault::MediaType { wanted } => {
            return ("Jenis isi tidak didukung", format!("Isi permintaan harus berjenis {wanted}."));
        }
        Fault::TooLarge { limit } => {
            return (
                "Isian terlalu besar",
                format!(
                    "Isian melebihi batas {} KB. Ringkas uraian laporan, atau kurangi fotonya.",
                    limit / 1024
                ),
            );
        }
        Fault::SlowBody => {
            ("Pengiriman terputus", "Isian tidak diterima secara utuh. Periksa jaringan, lalu kirim lagi.")
        }
        Fault::Syntax { detail } => {
            return ("Isian tidak terbaca", format!("Isi permintaan tidak dapat dibaca: {detail}."));
        }
        Fault::NoKey => (
            "Kunci idempotensi tidak ada",
            "Sertakan header Idempotency-Key atau anggota idempotency_key berisi UUID, sama untuk setiap pengiriman ulang.",
        ),
        Fault::TwoKeys => (
            "Dua kunci idempotensi berbeda",
            "Header Idempotency-Key tidak sama dengan anggota idempotency_key.",
        ),
        Fault::Fields(_) => ("Isian belum benar", "Laporan belum tersimpan. Perbaiki isian yang ditandai."),
        Fault::Limited { wait } => {
            return (
                "Terlalu banyak laporan",
                format!(
                    "Terlalu banyak laporan dalam waktu singkat. Laporan ini belum tersimpan; kirim lagi dalam {}.",
                    self::wait(*wait)
                ),
            );
        }
        Fault::Busy { wait } => {
            return (
                "Sistem sedang sibuk",
                format!(
                    "Sistem belum dapat menyimpan laporan ini. Isian Anda masih ada; kirim lagi dalam {}.",
                    self::wait(*wait)
                ),
            );
        }
        Fault::Quarantined { .. } => (
            "Laporan perlu diperiksa",
            "Laporan tersimpan, tetapi belum dapat diproses dan belum mendapat nomor. Hubungi pengelola sistem.",
        ),
        Fault::Random | Fault::Unreadable => {
            ("Gangguan sistem", "Sistem sedang terganggu. Hubungi pengelola sistem.")
        }
        Fault::NoReceipt => (
            "Tanda terima tidak tersedia",
            "Tanda terima hanya dapat dibuka di peramban ini, oleh loket yang membuatnya, selama 12 jam.",
        ),
    };
    (title, detail.to_owned())
}

/// What stands beside a wrong field.
pub(super) fn field(error: &FieldError) -> String {
    let field = error.field.as_ref();
    match error.problem {
        Problem::Missing => match field {
            "reporter.name" => "Isi nama pelapor, atau pilih “Pelapor tidak ingin namanya disebut”.",
            "description" => "Isi uraian laporan.",
            "place.address" => "Isi alamat atau patokan lokasi.",
            "idempotency_key" => "Kunci idempotensi belum ada.",
            _ => "Harus diisi.",
        },
        Problem::NotGiven => "Laporan hanya dapat dikirim dengan persetujuan pelapor.",
        Problem::TooLong { limit } => {
            return format!("Terlalu panjang: paling banyak {} huruf.", thousands(limit));
        }
        Problem::WrongType => "Pilihan atau jenis isian ini tidak dikenal.",
        Problem::Unknown => "Isian ini tidak dikenal.",
        Problem::NotUuid => "Kunci harus berupa UUID.",
        Problem::NotPhone => "Nomor telepon tidak lengkap atau tidak benar. Contoh: 0812-3456-7890.",
        Problem::NotNik => "NIK terdiri atas 16 angka. Periksa kembali dengan KTP.",
        Problem::NotEmail => "Alamat surel tidak benar. Contoh: nama@contoh.id.",
        Problem::NotUnit => "Isi dengan 1–3 angka, misalnya 005.",
        Problem::NotRegion => "Kelurahan ini tidak ada dalam daftar. Ketik beberapa huruf, lalu pilih.",
        Problem::NotTime => "Tanggal dan jam tidak terbaca.",
        Problem::InFuture => "Waktu kejadian tidak boleh di masa depan.",
        Problem::NotPhoto => "Ini bukan foto yang dapat dibuka. Pakai JPEG, PNG, atau WebP.",
        Problem::PhotoTooLarge { limit } => return format!("Foto terlalu besar: paling besar {limit} MB."),
        Problem::TooMany { limit } => return format!("Terlalu banyak foto: paling banyak {limit}."),
        Problem::NotOffice => "Kantor ini tidak ada di kanal ini.",
    }
    .to_owned()
}

/// `10.000`, as Indonesians write it.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('.');
        }
        out.push(digit);
    }
    out
}
