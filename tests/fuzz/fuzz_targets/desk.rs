//! Any body to the decoder of desk entries.
#![no_main]

mod decode;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use muara_connectors::ChannelSettings;

static CHANNEL: LazyLock<ChannelSettings> =
    LazyLock::new(|| decode::channel("desk", include_str!("../../fixtures/desk/channel.toml")));

fuzz_target!(|body: &[u8]| decode::decode("desk", &CHANNEL, "application/json", body));
