//! `muara try`: what would become of a captured request, stage by stage; nothing is stored or sent.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use muara_connectors::{Item, Verified, verify};
use muara_normalizer::{
    ComplaintId, Draft, IdempotencyKey, Normalizer, Receipt, identity::PrivacyKey, ids::ReferenceKey,
};
use uuid::Uuid;

use super::{CliError, ConfigFile, print};
use crate::{channel::Channel, config, request_file};

/// The arguments of `muara try`.
#[derive(Debug, Args)]
pub(super) struct Trial {
    #[command(flatten)]
    file: ConfigFile,
    /// The channel that the request is meant for.
    #[arg(long)]
    channel: String,
    /// A captured HTTP request: request line, headers, empty line, body.
    request: PathBuf,
    /// Go on although the signature is missing or does not fit.
    #[arg(long)]
    unverified: bool,
}

impl Trial {
    pub(super) fn run(self) -> Result<(), CliError> {
        let config = config::load(&self.file.config)?;
        let channel = config.channels.get(&self.channel).ok_or(CliError::NoChannel(self.channel))?;
        let bytes =
            std::fs::read(&self.request).map_err(|source| CliError::File { file: self.request, source })?;
        let request = request_file::parse(&bytes)?;
        print(&format!(
            "request     {} {}, {} bytes\n",
            request.method,
            request.path_and_query,
            request.size()
        ))?;
        let path_secret = request
            .path_and_query
            .split(['?', '#'])
            .next()
            .and_then(|path| path.rsplit('/').next())
            .map(str::to_owned);
        let verified = match verify::verify(
            &request,
            &channel.settings,
            path_secret.as_deref(),
            Timestamp::now(),
        ) {
            Ok(verified) => {
                print(&format!("verify      passed ({})\n", channel.settings.auth.name()))?;
                verified
            }
            Err(forged) if self.unverified => {
                print(&format!("verify      NOT passed: {forged}; going on as asked\n"))?;
                Verified::on_trial(&request, &channel.settings)
            }
            Err(forged) => {
                print(&format!(
                    "verify      NOT passed: {forged}. Answer: 401. Go on all the same with --unverified.\n"
                ))?;
                return Err(CliError::Refused(401));
            }
        };
        let decoded = match (channel.connector.decode)(&verified) {
            Ok(decoded) => decoded,
            Err(reject) => {
                print(&format!("decode      quarantined: {reject}. Answer: 422.\n"))?;
                return Err(CliError::Refused(422));
            }
        };
        print(&format!("decode      {} items\n", decoded.items.len()))?;
        let rules = normalizer().with_polygons(config.polygons.clone());
        for (item, number) in decoded.items.into_iter().zip(0..) {
            match item {
                Item::Draft(draft) => print(&normalized(&rules, channel, *draft, number))?,
                Item::Amendment(amendment) => {
                    let key = IdempotencyKey::of_amendment(&channel.id, &amendment).text;
                    let amendment = serde_json::to_string_pretty(&amendment).unwrap_or_default();
                    print(&format!("item {number}      idempotency key {key}\namendment   {amendment}\n"))?;
                }
                Item::Report(report) => print(&format!("item {number}      delivery report: {report:?}\n"))?,
                Item::Inquiry(inquiry) => print(&format!("item {number}      inquiry: {:?}\n", inquiry.ask))?,
                Item::Ignored(reason) => print(&format!("item {number}      ignored: {reason}\n"))?,
                Item::Rejected { reason, .. } => {
                    print(&format!("item {number}      quarantined: {reason}\n"))?
                }
            }
        }
        Ok(())
    }
}

/// Ids, references and keyed references are made with throw-away keys: a trial must not need the real ones.
fn normalized(rules: &Normalizer, channel: &Channel, draft: Draft, number: u64) -> String {
    let key = IdempotencyKey::of(&channel.id, &draft);
    let receipt = Receipt {
        id: ComplaintId(Uuid::now_v7()),
        reference: ReferenceKey::new([0; 16]).reference(number),
        channel: channel.id.clone(),
        connector: channel.connector_name.to_owned(),
        received_at: Timestamp::now(),
    };
    let drafted = serde_json::to_string_pretty(&draft).unwrap_or_default();
    let head = format!("item {number}      idempotency key {}\ndraft       {drafted}\n", key.text);
    match rules.normalize(draft, &receipt) {
        Ok(made) => {
            let complaint = serde_json::to_string_pretty(&made.complaint).unwrap_or_default();
            format!("{head}complaint   {complaint}\n")
        }
        Err(error) => format!("{head}normalize   quarantined: {error}\n"),
    }
}

/// Rules with a throw-away key.
pub(super) fn normalizer() -> Normalizer {
    Normalizer::new(PrivacyKey::throw_away())
}
