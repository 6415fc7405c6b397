//! Any body to Qlue's decoder.
#![no_main]

mod decode;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use muara_connectors::ChannelSettings;

static CHANNEL: LazyLock<ChannelSettings> = LazyLock::new(|| decode::channel("qlue", ""));

fuzz_target!(|body: &[u8]| decode::decode("qlue", &CHANNEL, "application/json", body));
