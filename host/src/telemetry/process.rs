//! What the process takes, under the Collector's names. What it has of Go's runtime has no counterpart here.

use std::time::Instant;

use super::registry::{Kind, Registry};

/// `USER_HZ`: in what Linux counts processor time for programs, whatever its own clock is; a hundredth of a second (`man 5 proc`).
const TICKS_PER_S: f64 = 100.0;

/// Places of `utime` and `stime` in `/proc/self/stat`, counted from the field behind the program's name.
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;

/// Adds them to the registry; each is read when it is shown.
pub fn measure(registry: &Registry) {
    let began = Instant::now();
    let uptime = move || began.elapsed().as_secs_f64();
    registry.measure("otelcol_process_uptime", "Uptime of the process, in seconds.", Kind::Counter, &[], uptime);
    let cpu_seconds = || stat().as_deref().and_then(cpu_seconds).unwrap_or_default();
    let help = "Total CPU user and system time, in seconds.";
    registry.measure("otelcol_process_cpu_seconds", help, Kind::Counter, &[], cpu_seconds);
    let resident = || resident_bytes().unwrap_or_default() as f64;
    registry.measure("otelcol_process_memory_rss", "Resident memory, in bytes.", Kind::Gauge, &[], resident);
}

/// Resident memory: `VmRSS`, without the sums that `smaps` would take.
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().split(' ').next()?.parse().ok()?;
    Some(kib << 10)
}

fn stat() -> Option<String> {
    std::fs::read_to_string("/proc/self/stat").ok()
}

/// Of all threads. The program's name is in parentheses and may have some itself.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some((ticks(USER_TICKS)? + ticks(SYSTEM_TICKS)?) as f64 / TICKS_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 3 4 20 0 1 0 5 6 7";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
        assert!(super::stat().as_deref().and_then(cpu_seconds).is_some());
    }

    #[test]
    fn this_process_is_shown() {
        let registry = Registry::default();
        registry.show_process(&[("service.name".into(), "otelier".into())]);
        let text = registry.render();
        assert!(text.contains("target_info{service_name=\"otelier\"} 1\n"), "{text}");
        assert!(registry.total("otelcol_process_memory_rss", &[]) > 1 << 20, "{text}");
        assert!(text.contains("# TYPE otelcol_process_uptime counter\n"), "{text}");
    }
}
