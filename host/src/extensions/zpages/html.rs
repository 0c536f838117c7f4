//! A report as HTML. Every text is escaped, whoever wrote it.

use std::fmt::Write as _;

use crate::status::{LastError, Part, Report};

const STYLE: &str = "body{font-family:sans-serif;margin:2em}table{border-collapse:collapse;margin:0 0 1.5em}\
                     th,td{border:1px solid #999;padding:.2em .6em;text-align:left}td.n{text-align:right}";

const PAGES: [(&str, &str); 3] = [
    ("/debug/servicez", "version, phase, health, plugins, dead letters"),
    ("/debug/pipelinez", "pipelines, rates, queues, breakers, what failed last"),
    ("/debug/extensionz", "extensions"),
];

/// What there is, for whoever asks for something else.
pub fn index(with_expvar: bool, missing: Option<&str>) -> String {
    let mut body =
        missing.map(|path| format!("<p>There is no page {}. There are:</p>", escaped(path))).unwrap_or_default();
    let expvar = with_expvar.then_some(("/debug/expvarz", "all of it as JSON"));
    let rows = PAGES
        .into_iter()
        .chain(expvar)
        .map(|(path, what)| vec![format!("<a href=\"{path}\">{path}</a>"), what.to_owned()]);
    table(&mut body, &["page", "what it has"], rows);
    page("zPages", &body)
}

/// `/debug/servicez`.
pub fn service(report: &Report) -> String {
    let mut body = String::new();
    let health = match &report.health.obstacle {
        None => "ready".to_owned(),
        Some(obstacle) => format!("not ready: {obstacle}"),
    };
    let letters = format!("{}, {} bytes", report.dead_letters.count, report.dead_letters.bytes);
    let facts = [
        ("version", report.version.clone()),
        ("phase", report.phase.clone()),
        ("started", report.started.clone()),
        ("up for", format!("{} s", report.uptime_seconds)),
        ("health", health),
        ("dead letters", letters),
        ("pipelines", report.pipelines.len().to_string()),
        ("extensions", report.extensions.len().to_string()),
    ];
    table(&mut body, &["service", ""], facts.into_iter().map(|(name, value)| vec![name.to_owned(), escaped(&value)]));
    let plugins = report.plugins.iter().map(|plugin| {
        let chosen = plugin.chosen_by.clone().unwrap_or_default();
        [&plugin.name, &plugin.sha256, &plugin.file, &plugin.since, &chosen].map(|text| escaped(text)).to_vec()
    });
    table(&mut body, &["plugin", "SHA-256", "file", "since", "chosen by"], plugins);
    let troubles = report.health.troubles.iter().map(|trouble| {
        [&trouble.part, &trouble.severity, &trouble.since, &trouble.message].map(|text| escaped(text)).to_vec()
    });
    table(&mut body, &["trouble of", "severity", "since", "what"], troubles);
    last_errors(&mut body, report.last_errors.iter());
    page("Service", &body)
}

/// `/debug/pipelinez`.
pub fn pipelines(report: &Report) -> String {
    let mut body = String::new();
    let list = |ids: &[String]| ids.iter().map(|id| escaped(id)).collect::<Vec<_>>().join("<br>");
    let pipelines = report.pipelines.iter().map(|pipeline| {
        vec![escaped(&pipeline.id), list(&pipeline.receivers), list(&pipeline.processors), list(&pipeline.exporters)]
    });
    table(&mut body, &["pipeline", "receivers", "processors", "exporters"], pipelines);
    let _ = write!(body, "<p>Items a second are over the last {} s.</p>", report.rate_seconds);
    for (family, parts) in [
        ("receiver", &report.receivers),
        ("processor", &report.processors),
        ("connector", &report.connectors),
        ("exporter", &report.exporters),
    ] {
        flows(&mut body, family, parts);
    }
    in_front(&mut body, &report.exporters);
    last_errors(&mut body, report.last_errors.iter().filter(|line| !line.component.starts_with("extension:")));
    page("Pipelines", &body)
}

/// `/debug/extensionz`.
pub fn extensions(report: &Report) -> String {
    let mut body = String::new();
    let rows = report.extensions.iter().map(|id| {
        let is_of = |line: &&LastError| line.component == *id || line.component == format!("extension:{id}");
        let last = report.last_errors.iter().find(is_of);
        let (time, message) = last.map(|last| (last.time.as_str(), last.message.as_str())).unwrap_or_default();
        [id.as_str(), time, message].map(escaped).to_vec()
    });
    table(&mut body, &["extension", "last error at", "last error"], rows);
    page("Extensions", &body)
}

fn flows(body: &mut String, family: &str, parts: &[Part]) {
    let rows = parts.iter().flat_map(|part| {
        part.flows.iter().map(move |flow| {
            let texts = [part.id.clone(), flow.signal.clone(), flow.what.clone()];
            let numbers = [flow.per_second.to_string(), flow.total.to_string()];
            texts.iter().map(|text| escaped(text)).chain(numbers).collect::<Vec<_>>()
        })
    });
    table(body, &[family, "signal", "items", "a second", "since the start"], rows);
}

fn in_front(body: &mut String, exporters: &[Part]) {
    let queues = exporters.iter().filter_map(|part| {
        let queue = part.queue.as_ref()?;
        let capacity = queue.capacity.map(|capacity| capacity.to_string()).unwrap_or_default();
        let oldest = queue.oldest_seconds.map(|oldest| format!("{oldest} s")).unwrap_or_default();
        let place = if queue.persistent { "disk" } else { "memory" };
        let cells = [
            queue.size.to_string(),
            capacity,
            queue.sizer.clone(),
            queue.in_flight.to_string(),
            oldest,
            place.to_owned(),
        ];
        Some([escaped(&part.id)].into_iter().chain(cells.iter().map(|cell| escaped(cell))).collect::<Vec<_>>())
    });
    table(body, &["queue of", "held", "capacity", "in", "batches being sent", "oldest waits for", "kept in"], queues);
    let breakers = exporters.iter().filter_map(|part| {
        let breaker = part.breaker.as_ref()?;
        Some(vec![escaped(&part.id), escaped(&breaker.id), escaped(&breaker.state), breaker.rejected.to_string()])
    });
    table(body, &["exporter", "breaker", "state", "attempts made to wait"], breakers);
}

fn last_errors<'l>(body: &mut String, lines: impl Iterator<Item = &'l LastError>) {
    let rows =
        lines.map(|line| [&line.component, &line.level, &line.time, &line.message].map(|text| escaped(text)).to_vec());
    table(body, &["component", "level", "last at", "what"], rows);
}

/// A table of cells that are HTML already; nothing where there is no row.
fn table(body: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let head: String = head.iter().map(|name| format!("<th>{name}</th>")).collect();
    // Writing to a String cannot fail.
    let _ = write!(body, "<table><tr>{head}</tr>");
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        let _ = write!(body, "<tr>{cells}</tr>");
    }
    body.push_str("</table>\n");
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>otelier: {title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n{body}</body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
