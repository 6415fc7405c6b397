//! What processes used, as Linux counts it.

use std::fs;

/// `/proc/<pid>/stat` counts in hundredths of a second on every Linux that Rust runs on (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Seconds of processor time of a process and all its threads.
pub(crate) fn cpu(pid: u32) -> f64 {
    // fields 14 and 15; the name before them may hold anything, also brackets
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// Seconds of processor time of the whole machine, also what a hypervisor took away.
pub(crate) fn busy() -> f64 {
    // user, nice, system, idle, waiting for disks, interrupts, soft interrupts, stolen
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
    let ticks = fields.map(|ticks| ticks.parse::<f64>().unwrap_or(0.0)).enumerate();
    ticks.filter(|(place, _)| !matches!(place, 3 | 4)).map(|(_, ticks)| ticks).sum::<f64>() / TICKS
}

/// Most memory a process ever had, in MiB (`VmHWM`).
pub(crate) fn peak_memory(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|kib| kib.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// All children of a process, and theirs.
pub(crate) fn descendants(of: u32) -> Vec<u32> {
    let processes: Vec<(u32, u32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut found = vec![of];
    let mut place = 0;
    while let Some(&one) = found.get(place) {
        found.extend(processes.iter().filter(|(_, parent)| *parent == one).map(|(pid, _)| *pid));
        place += 1;
    }
    found.remove(0);
    found
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}
