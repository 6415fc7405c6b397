//! Any body to a field map that uses every transform, as JSON and as a form.
#![no_main]

mod decode;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use muara_connectors::ChannelSettings;

const FIELDS: &str = r#"
ignore_when = { path = "$.type", equals = "ping" }
[fields]
external_id = { path = "$.id", transforms = ["trim", { prefix = "v-" }] }
title = { path = "$.title", transforms = ["lower", { map = { banjir = "Banjir" } }] }
text = { paths = ["$.body.text", "$..html", "$.pesan"], transforms = ["html_to_text", { join = " " }] }
kind = { path = "$.kind", transforms = [{ default = "complaint" }] }
lat = { path = "$.place.lat", transforms = [{ split = ";" }, "first", "number"] }
lon = { path = "$.place.lon", transforms = ["number"] }
phone = { path = "$.from.phone", transforms = ["phone"] }
private = "$.private"
sent_at = { path = "$.sent", transforms = ["unix_time"] }
occurred_at = { path = "$.date", transforms = [{ local_time = "%d %B %Y %H.%M" }] }
region = { transforms = [{ constant = "31.71" }] }
attachments = "$.photos[*].url"
"#;

static JSON: LazyLock<ChannelSettings> =
    LazyLock::new(|| decode::channel("webhook", &format!("items = \"$.data[*]\"\n{FIELDS}")));
static FORM: LazyLock<ChannelSettings> =
    LazyLock::new(|| decode::channel("webhook", &format!("body = \"form\"\n{FIELDS}")));

fuzz_target!(|body: &[u8]| {
    decode::decode("webhook", &JSON, "application/json", body);
    decode::decode("webhook", &FORM, "application/x-www-form-urlencoded", body);
});
