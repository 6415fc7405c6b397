//! Any draft, as the inbox keeps it, to the normalizer.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use muara_normalizer::{
    ComplaintId, Draft, Event, Normalizer, Receipt, identity::PrivacyKey, ids::ReferenceKey,
};

static RULES: LazyLock<(Normalizer, Receipt)> = LazyLock::new(|| {
    let received_at = jiff::Timestamp::from_second(1_793_675_700).expect("a time");
    let receipt = Receipt {
        id: ComplaintId::from_parts(received_at, &[5; 10]),
        reference: ReferenceKey::new([7; 16]).reference(1),
        channel: "qlue".parse().expect("an id"),
        connector: "qlue".to_owned(),
        received_at,
    };
    (Normalizer::new(PrivacyKey::new(&"5a".repeat(32)).expect("a key")), receipt)
});

fuzz_target!(|stored: &[u8]| {
    let Ok(draft) = serde_json::from_slice::<Draft>(stored) else { return };
    let (normalizer, receipt) = &*RULES;
    let empty = draft.is_empty();
    match normalizer.normalize(draft, receipt) {
        Ok(complaint) => {
            assert!(!empty);
            let written = serde_json::to_vec(&Event::received(complaint)).expect("JSON");
            serde_json::from_slice::<Event>(&written).expect("an event that consumers can read");
        }
        Err(_) => assert!(empty),
    }
});
