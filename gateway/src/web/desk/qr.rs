//! A QR code (ISO/IEC 18004) as one path of SVG.

use std::fmt::Write;

use qrcodegen::{QrCode, QrCodeEcc};

/// Modules that must stay white around a code.
const QUIET: i32 = 4;

/// A code to be drawn.
pub(super) struct Qr {
    /// Width and height with the quiet zone, in modules.
    pub(super) size: i32,
    /// The dark modules, a run of each row after the other.
    pub(super) path: String,
}

impl Qr {
    /// The code of a short text; none if it is too long for any code.
    pub(super) fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let mut path = String::new();
        for y in 0..code.size() {
            let mut x = 0;
            while x < code.size() {
                let from = x;
                // outside of the code everything is light, so a run ends
                while code.get_module(x, y) {
                    x += 1;
                }
                if x > from {
                    let run = x - from;
                    // writing to a string does not fail
                    write!(path, "M{} {}h{run}v1h-{run}z", from + QUIET, y + QUIET).ok()?;
                }
                x += 1;
            }
        }
        Some(Self { size: code.size() + 2 * QUIET, path })
    }
}
