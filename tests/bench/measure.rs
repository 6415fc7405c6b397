//! Processor time of the three parties between two moments, and of everybody else.

use std::{process, time::Instant};

use crate::process as proc;

/// Knows which processes are the broker's.
pub(crate) struct Meter {
    broker: Vec<u32>,
}

/// Processor seconds of each party.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// The gateway.
    pub(crate) gateway: f64,
    /// The broker with all its processes.
    pub(crate) broker: f64,
    /// This process: the load, or the bare publisher.
    pub(crate) load: f64,
    /// Share of all processors that other programs took, 0 to 1: of a run with much of it the rates say little.
    pub(crate) others: f64,
}

/// What was counted up to a moment.
pub(crate) struct Start {
    at: Instant,
    gateway_pid: Option<u32>,
    gateway: f64,
    broker: f64,
    load: f64,
    busy: f64,
}

impl Meter {
    /// To be made while the broker is the only child of this process.
    pub(crate) fn new() -> Self {
        Self { broker: proc::descendants(process::id()) }
    }

    /// Counts as of now.
    pub(crate) fn start(&self, gateway_pid: Option<u32>) -> Start {
        Start {
            at: Instant::now(),
            gateway_pid,
            gateway: gateway_pid.map_or(0.0, proc::cpu),
            broker: self.broker.iter().copied().map(proc::cpu).sum(),
            load: proc::cpu(process::id()),
            busy: proc::busy(),
        }
    }

    /// What was used since.
    pub(crate) fn since(&self, start: &Start) -> Used {
        let now = self.start(start.gateway_pid);
        let (gateway, broker, load) =
            (now.gateway - start.gateway, now.broker - start.broker, now.load - start.load);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let all = (now.at - start.at).as_secs_f64() * f64::from(u32::try_from(processors).unwrap_or(1));
        let others = (now.busy - start.busy - gateway - broker - load).max(0.0) / all;
        Used { gateway, broker, load, others }
    }
}
