//! The files that pages link to; the name of each says its version, so it can be kept for ever.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

/// A file with the name by which pages ask for it.
pub(super) struct Asset {
    name: String,
    media_type: &'static str,
    body: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(super) static PICO: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("pico", "css", CSS, include_str!("static/pico-2.1.1.min.css")));
pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("console", "css", CSS, include_str!("static/console.css")));
pub(super) static HTMX: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("htmx", "js", SCRIPT, include_str!("static/htmx-2.0.8.min.js")));
pub(super) static OWN: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("console", "js", SCRIPT, include_str!("static/console.js")));

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, body: &'static str) -> Self {
        let digest = Sha256::digest(body.as_bytes());
        Self { name: format!("{stem}.{}.{extension}", hex::encode(&digest[..6])), media_type, body }
    }

    pub(super) fn path(&self) -> String {
        format!("/static/{}", self.name)
    }
}

pub(super) async fn file(Path(file): Path<String>) -> Response {
    let all = [&*PICO, &*STYLE, &*HTMX, &*OWN];
    let Some(asset) = all.into_iter().find(|asset| asset.name == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.body).into_response()
}
