//! What every decoder promises, shared by the targets of the connectors.

use bytes::Bytes;
use muara_connectors::{ChannelSettings, Item, Request, Verified};
use muara_normalizer::IdempotencyKey;

/// A channel of a connector with its table.
pub fn channel(connector: &str, table: &str) -> ChannelSettings {
    let found = muara_connectors::find(connector).expect("a connector");
    let own = (found.settings)(table.parse().expect("TOML")).expect("settings");
    ChannelSettings { id: connector.parse().expect("an id"), secret: None, auth: found.auth.clone(), own }
}

/// Decodes a body twice: it must not panic, and must give the same keys again, or a redelivery would be a second report.
pub fn decode(connector: &str, settings: &ChannelSettings, content_type: &str, body: &[u8]) {
    let found = muara_connectors::find(connector).expect("a connector");
    let request = Request::from_body(Some(content_type), Bytes::copy_from_slice(body));
    let keys = || {
        let decoded = (found.decode)(&Verified::on_trial(&request, settings));
        decoded.map(|decoded| {
            assert!(!decoded.items.is_empty(), "a request without items would be answered and forgotten");
            let items = decoded.items.into_iter();
            items
                .map(|item| match item {
                    Item::Draft(draft) => {
                        assert!(!draft.is_empty() || draft.has_point(), "a draft in which nothing is said");
                        IdempotencyKey::of(&settings.id, &draft).text
                    }
                    Item::Amendment(amendment) => IdempotencyKey::of_amendment(&settings.id, &amendment).text,
                    Item::Report(report) => format!("{report:?}"),
                    Item::Inquiry(inquiry) => IdempotencyKey::of_id(&settings.id, &inquiry.external_id).text,
                    Item::Ignored(reason) => reason.to_owned(),
                    Item::Rejected { index, reason } => format!("{index} {reason}"),
                })
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(keys(), keys());
}
