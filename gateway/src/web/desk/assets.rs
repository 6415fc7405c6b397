//! Files that pages link to; their names hold their hash, so they can be kept for ever. And the worker that keeps them.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

struct Asset {
    name: String,
    media_type: &'static str,
    body: &'static str,
}

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
/// The worker's name never changes: browsers ask for it again and see whether it did.
const WORKER: &str = "worker.js";

/// Draws codes; its authors' file as it is, a module of another kind that leaves nothing but `muara.qr`.
const QR: &str = concat!(
    "muara.qr = ((exports) => {\n",
    include_str!("../../../static/lean-qr-2.7.4.js"),
    "\nreturn exports;\n})({});\n"
);

macro_rules! assets {
    ($($stem:literal $ending:literal $media_type:ident $($body:expr)?;)*) => {
        [$(Asset::new($stem, $ending, $media_type, assets!(@body $stem $ending $($body)?))),*]
    };
    (@body $stem:literal $ending:literal) => { include_str!(concat!("../../../static/", $stem, ".", $ending)) };
    (@body $stem:literal $ending:literal $body:expr) => { $body };
}

/// In the order in which a page takes them.
static ASSETS: LazyLock<[Asset; 6]> = LazyLock::new(|| {
    assets! {
        "desk" "css" STYLE;
        "desk" "js" SCRIPT;
        "lean-qr" "js" SCRIPT QR;
        "desk-queue" "js" SCRIPT;
        "desk-waiting" "js" SCRIPT;
        "desk-entry" "js" SCRIPT;
    }
});

/// The worker, told which files there are.
static WORKER_BODY: LazyLock<String> = LazyLock::new(|| {
    let files: Vec<_> = ASSETS.iter().map(Asset::path).collect();
    let version = hex::encode(&Sha256::digest(files.concat().as_bytes())[..6]);
    let files = serde_json::to_string(&files).unwrap_or_default();
    format!(
        "const VERSION = \"{version}\";\nconst FILES = {files};\n{}",
        include_str!("../../../static/desk-worker.js")
    )
});

impl Asset {
    fn new(stem: &str, ending: &str, media_type: &'static str, body: &'static str) -> Self {
        let digest = Sha256::digest(body.as_bytes());
        Self { name: format!("{stem}.{}.{ending}", hex::encode(&digest[..6])), media_type, body }
    }

    fn path(&self) -> String {
        format!("/desk/-/{}", self.name)
    }
}

/// The addresses of the pages' styles or scripts.
fn paths(media_type: &str) -> Vec<String> {
    ASSETS.iter().filter(|asset| asset.media_type == media_type).map(Asset::path).collect()
}

pub(super) fn styles() -> Vec<String> {
    paths(STYLE)
}

pub(super) fn scripts() -> Vec<String> {
    paths(SCRIPT)
}

pub(super) async fn serve(Path(file): Path<String>) -> Response {
    if file == WORKER {
        let headers = [
            (header::CONTENT_TYPE.as_str(), SCRIPT),
            (header::CACHE_CONTROL.as_str(), "no-cache"),
            ("service-worker-allowed", "/desk/"),
        ];
        return (headers, WORKER_BODY.as_str()).into_response();
    }
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.body).into_response()
}
