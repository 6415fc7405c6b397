//! `muara overdue`: complaints that nobody answered in their time.

use jiff::Timestamp;

use super::{CliError, ConfigFile, print, with_store};

/// Lists them.
pub(super) fn list(file: &ConfigFile, json: bool) -> Result<(), CliError> {
    with_store(file, async |store, _| {
        for late in store.overdue(Timestamp::now(), u32::MAX).await? {
            let line = if json {
                serde_json::json!(late).to_string()
            } else {
                format!(
                    "{}  {}  {} due {}  received {}  told {} times",
                    late.reference,
                    late.channel,
                    late.clock.as_str(),
                    late.due_at,
                    late.received_at,
                    late.told
                )
            };
            print(&format!("{line}\n"))?;
        }
        Ok(())
    })
}
