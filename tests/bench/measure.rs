//! Processor time of the three parties between two moments.

use std::process;

use crate::process as proc;

/// Knows which processes are the broker's.
pub(crate) struct Meter {
    broker: Vec<u32>,
}

/// Processor seconds of each party: counted so far, or used between two moments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    gateway_pid: Option<u32>,
    /// The gateway.
    pub(crate) gateway: f64,
    /// The broker with all its processes.
    pub(crate) broker: f64,
    /// This process: the load, or the bare publisher.
    pub(crate) load: f64,
}

impl Meter {
    /// To be made while the broker is the only child of this process.
    pub(crate) fn new() -> Self {
        Self { broker: proc::descendants(process::id()) }
    }

    /// Counts as of now.
    pub(crate) fn start(&self, gateway_pid: Option<u32>) -> Used {
        Used {
            gateway_pid,
            gateway: gateway_pid.map_or(0.0, proc::cpu),
            broker: proc::cpu_of(&self.broker),
            load: proc::cpu(process::id()),
        }
    }

    /// What was used since.
    pub(crate) fn since(&self, start: &Used) -> Used {
        let now = self.start(start.gateway_pid);
        Used {
            gateway: now.gateway - start.gateway,
            broker: now.broker - start.broker,
            load: now.load - start.load,
            ..now
        }
    }
}
