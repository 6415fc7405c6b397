//! The documented sample configuration, generated from the types that read it.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

use super::{
    Alarms, Broker, Console, Desk, Duplicates, Gather, Intake, Listen, Log, Media, OpenId, Places, Retention,
    S3, Silence, Store, Telemetry, Watch,
};

const HEAD: &str = "\
# Every key of Muara's configuration with its default. Generated; do not edit.
#
# A text may hold ${env:NAME}, ${env:NAME:-default} and ${file:PATH} (relative to this file); $${ stands for ${ itself.
# Tables may also stand in conf.d/*.toml beside this file. Keys that nobody reads are refused.
# `muara check --config FILE` lists everything that is wrong at once.
";

const TAIL: &str = r#"
## The secret for keyed references to reporters: at least 32 bytes. Made on the first start, readable
## only by its owner, if its file is not there. Keep a copy in a safe place.
[privacy]
# key = "${file:secrets/privacy.key}"

## One table for each user of the console. Roles: viewer (looks, words masked), operator (also replays, releases, retries,
## pauses, reads words with a reason), admin (also discards, reads the audit log).
##   [console.users.dewi]
##   name = "Dewi Lestari"
##   role = "operator"
##   password_hash = "..."      (muara hash-password makes it)

## One table for each official channel; the name is the channel's id. Keys that all channels share:
##   connector   the vendor's protocol (`muara channels` lists them)
##   title       what people call the channel
##   enabled     false switches it off
##   secret      what the vendor signs with; a channel whose ${env:…} is not set is off, the others run
##   redelivers  whether the vendor delivers again what was not answered 2xx: over a limit such a channel
##               answers 429, any other is answered 2xx and the message held
##   limits      { channel = { per_minute, burst }, sender = { per_minute, burst },
##                 outgoing = { per_minute, burst }, body_kb }
##   gather      of a chat: { enabled, quiet_seconds, longest_seconds, settle_seconds, follow_up_hours }, each as in
##               [gather] if it is not said
##   silence     when it is too quiet: { enabled, weeks, learn_weeks, improbable, longest_hours }, each as in
##               [watch.silence] if it is not said
##   publish_not_a_complaint   true publishes thanks, greetings and advertisements, too, flagged as what they are;
##               else they are kept where `muara aside list` shows them
##   replies     how citizens are answered:
##     receipt         answer each complaint with its reference (default: where the channel can send; never what was
##                     held or quarantined, a machine's message, or one made in public)
##     receipt_text    that answer, with {reference} and {channel}
##     public_receipt  also where everybody reads it (default false)
##     public          what of a reply may be said where everybody reads it: "nothing" (default), "status" or "text"
##                     (numbers and addresses masked)
##     fallback        channels that stand in where this one cannot answer, e.g. ["sms", "email_dki"]: they write to the
##                     phone number or e-mail address that the citizen gave
##     attempts        a reply that the vendor fails so often is given up (default 12; pauses do not count)
[channels.qlue]
connector = "qlue"
secret = "${env:QLUE_SECRET}"
"#;

/// The sample as it stands in `gateway/config.default.toml`.
#[must_use]
pub fn sample() -> String {
    let mut out = HEAD.to_owned();
    table::<Listen>("listen", &mut out);
    table::<Store>("store", &mut out);
    table::<Broker>("broker", &mut out);
    table::<Intake>("intake", &mut out);
    table::<Desk>("desk", &mut out);
    table::<Console>("console", &mut out);
    table::<OpenId>("console.openid", &mut out);
    table::<Media>("media", &mut out);
    table::<S3>("media.s3", &mut out);
    table::<Gather>("gather", &mut out);
    table::<Duplicates>("duplicates", &mut out);
    radii(&mut out);
    table::<Watch>("watch", &mut out);
    table::<Silence>("watch.silence", &mut out);
    table::<Alarms>("watch.alarms", &mut out);
    table::<Retention>("retention", &mut out);
    table::<Places>("places", &mut out);
    table::<Log>("log", &mut out);
    table::<Telemetry>("telemetry", &mut out);
    out + TAIL
}

/// The one table whose keys are names and not members.
fn radii(out: &mut String) {
    let schema = SchemaGenerator::default().into_root_schema_for::<Duplicates>();
    let text = schema.pointer("/properties/radii/description").and_then(Value::as_str).unwrap_or_default();
    out.push('\n');
    text.lines().for_each(|line| *out += &format!("## {line}\n"));
    *out += "[duplicates.radii]\n";
    for (kind, metres) in Duplicates::default().radii {
        *out += &format!("# {kind} = {metres}\n");
    }
}

fn table<T: JsonSchema>(name: &str, out: &mut String) {
    let schema = SchemaGenerator::default().into_root_schema_for::<T>();
    let comment = |text: Option<&Value>, mark: &str, out: &mut String| {
        for line in text.and_then(Value::as_str).unwrap_or_default().lines() {
            *out += &format!("{mark} {line}\n");
        }
    };
    out.push('\n');
    comment(schema.get("description"), "##", out);
    // an absent [broker] means something, so the sample must not have one
    *out += &format!(
        "{}[{name}]\n",
        if matches!(name, "broker" | "console.openid" | "media.s3") { "# " } else { "" }
    );
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, property) in properties.into_iter().flatten() {
        // a table of its own
        if matches!(
            (name, key.as_str()),
            ("media", "s3")
                | ("duplicates", "radii")
                | ("console", "users" | "openid")
                | ("watch", "silence" | "alarms")
        ) {
            continue;
        }
        comment(property.get("description"), "##", out);
        let default = match (name, key.as_str()) {
            ("broker", "url") => "\"${env:MUARA_BROKER_URL}\"".to_owned(),
            ("console.openid", "issuer") => "\"https://sso.example.go.id/realms/staff\"".to_owned(),
            ("console.openid", "client_id") => "\"muara\"".to_owned(),
            ("console.openid", "console_url") => "\"https://muara.example.go.id\"".to_owned(),
            ("console.openid", "roles") => {
                "{ viewer = [\"muara-viewer\"], operator = [\"muara-operator\"], admin = [\"muara-admin\"] }"
                    .to_owned()
            }
            ("console.openid", "client_secret") => "\"${env:MUARA_OPENID_SECRET}\"".to_owned(),
            ("media.s3", "secret_access_key") => "\"${env:MUARA_S3_SECRET}\"".to_owned(),
            _ => property.get("default").unwrap_or(&Value::Null).to_string(),
        };
        *out += &format!("# {key} = {default}\n");
    }
}
