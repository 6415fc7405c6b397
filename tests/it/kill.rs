//! Things are killed under load: the gateway, the broker, the way between them, the disk. Whatever was answered 2xx
//! comes out on RabbitMQ, once, under the ids that the answer named.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod broker;
mod chat;
mod disk;
mod gateway;
mod replies;
mod signals;
mod watch;

const SECRET: &str = "a secret that only Qlue knows";

/// One Qlue channel, and a broker unless its address is empty.
fn config(broker: &str, more: &str) -> String {
    let broker = if broker.is_empty() { String::new() } else { format!("[broker]\nurl = \"{broker}\"\n") };
    format!("{broker}\n{more}\n[channels.qlue]\nconnector = \"qlue\"\nsecret = \"{SECRET}\"\n")
}

/// Small random numbers from a seed (SplitMix64), so that a run can be repeated.
struct Dice(u64);

impl Dice {
    /// Starts from `MUARA_TEST_SEED`, or from the clock; prints which.
    fn new() -> Self {
        let given = std::env::var("MUARA_TEST_SEED").ok().map(|seed| seed.parse().unwrap());
        let seed =
            given.unwrap_or_else(|| u64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs()));
        println!("seed {seed} (repeat with MUARA_TEST_SEED={seed})");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
