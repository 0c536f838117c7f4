//! A report as people read it in a terminal.

use std::fmt::Write as _;

use super::report::{LastError, Part, PluginShown, Report, TroubleShown};

/// The whole report, in lines. What others have written is shown without control characters: it could move the cursor.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    head(report, &mut out);
    section(&mut out, "pipelines", &pipelines(report));
    let rates = format!("items a second over the last {} s, and since the start in brackets", report.rate_seconds);
    for (family, parts) in [
        ("receivers", &report.receivers),
        ("processors", &report.processors),
        ("connectors", &report.connectors),
        ("exporters", &report.exporters),
    ] {
        let title = if family == "receivers" { format!("{family}: {rates}") } else { family.to_owned() };
        section(&mut out, &title, &flows(parts));
    }
    section(&mut out, "queues", &queues(&report.exporters));
    section(&mut out, "breakers", &breakers(&report.exporters));
    section(&mut out, "plugins", &report.plugins.iter().map(plugin).collect::<Vec<_>>());
    section(&mut out, "extensions", &list(&report.extensions));
    section(&mut out, "troubles", &report.health.troubles.iter().map(trouble).collect::<Vec<_>>());
    section(&mut out, "last warnings and errors", &report.last_errors.iter().map(last_error).collect::<Vec<_>>());
    out
}

fn head(report: &Report, out: &mut String) {
    let Report { version, phase, started, health, dead_letters, .. } = report;
    let health = match &health.obstacle {
        None => "ready".to_owned(),
        Some(obstacle) => format!("not ready: {}", shown(obstacle)),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "otelier {version}: {phase} since {started} ({}), {health}", uptime(report.uptime_seconds));
    if dead_letters.count > 0 {
        let _ =
            writeln!(out, "{} dead letters, {} bytes: see `otelier dlq ls`", dead_letters.count, dead_letters.bytes);
    }
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\n{title}");
    for line in lines {
        let _ = writeln!(out, "  {}", line.trim_end());
    }
}

fn pipelines(report: &Report) -> Vec<String> {
    let width = report.pipelines.iter().map(|pipeline| pipeline.id.len()).max().unwrap_or(0);
    let steps = |ids: &[String], between: &str| ids.join(between);
    let line = |pipeline: &super::report::PipelineShown| {
        let (receivers, exporters) = (steps(&pipeline.receivers, ", "), steps(&pipeline.exporters, ", "));
        let way = [receivers, steps(&pipeline.processors, " → "), exporters];
        let way: Vec<String> = way.into_iter().filter(|step| !step.is_empty()).collect();
        format!("{:<width$}  {}", pipeline.id, way.join(" → "))
    };
    report.pipelines.iter().map(line).collect()
}

fn flows(parts: &[Part]) -> Vec<String> {
    let width = parts.iter().map(|part| part.id.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for part in parts {
        let mut signals: Vec<&str> = part.flows.iter().map(|flow| flow.signal.as_str()).collect();
        signals.sort_unstable();
        signals.dedup();
        for signal in &signals {
            let of_signal = part.flows.iter().filter(|flow| flow.signal == *signal);
            let told = of_signal.map(|flow| format!("{} {} ({})", flow.what, flow.per_second, flow.total));
            lines.push(format!("{:<width$}  {signal:<7}  {}", part.id, told.collect::<Vec<_>>().join(", ")));
        }
        if signals.is_empty() {
            lines.push(part.id.clone());
        }
    }
    lines
}

fn queues(exporters: &[Part]) -> Vec<String> {
    let width = exporters.iter().map(|part| part.id.len()).max().unwrap_or(0);
    let line = |part: &Part| {
        let queue = part.queue.as_ref()?;
        let capacity = queue.capacity.map(|capacity| format!(" of {capacity}")).unwrap_or_default();
        let mut line = format!("{:<width$}  {}{capacity} {}", part.id, queue.size, queue.sizer);
        if queue.in_flight > 0 {
            let _ = write!(line, ", {} being sent", queue.in_flight);
        }
        if let Some(oldest) = queue.oldest_seconds {
            let _ = write!(line, ", the oldest waits for {oldest} s");
        }
        Some(line + if queue.persistent { ", on disk" } else { "" })
    };
    exporters.iter().filter_map(line).collect()
}

fn breakers(exporters: &[Part]) -> Vec<String> {
    let line = |part: &Part| {
        let breaker = part.breaker.as_ref()?;
        Some(format!(
            "{} of {}: {}, {} attempts were made to wait",
            breaker.id, part.id, breaker.state, breaker.rejected
        ))
    };
    exporters.iter().filter_map(line).collect()
}

fn plugin(plugin: &PluginShown) -> String {
    let version: String = plugin.sha256.chars().take(12).collect();
    let chosen = plugin.chosen_by.as_ref().map(|by| format!(", chosen by `otelier plugin {by}`")).unwrap_or_default();
    format!("{:<20}  {version}  since {}  {}{chosen}", plugin.name, plugin.since, shown(&plugin.file))
}

fn list(ids: &[String]) -> Vec<String> {
    if ids.is_empty() { Vec::new() } else { vec![ids.join(", ")] }
}

fn trouble(trouble: &TroubleShown) -> String {
    format!("{} {} since {}: {}", trouble.part, trouble.severity, trouble.since, shown(&trouble.message))
}

fn last_error(line: &LastError) -> String {
    format!("{}  {:<5}  {}: {}", line.time, line.level, shown(&line.component), shown(&line.message))
}

/// In one line, without anything that a terminal obeys.
fn shown(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn uptime(seconds: u64) -> String {
    let (days, hours, minutes, left) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{left} s"),
        (0, 0, minutes) => format!("{minutes} min {left} s"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
