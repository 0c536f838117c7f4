//! What a person sees for each mistake, to the column, and what the rest of the host gets when there is none.

// A test fails by panicking.
#![allow(clippy::panic)]

mod errors;
mod nodes;
mod plans;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use super::{ConfigText, Errors, Known, Plan, load_str};

const KNOWN: Known<'_> = Known {
    receivers: &["otlp", "prometheus"],
    processors: &["memory_limiter"],
    exporters: &["debug", "prometheus"],
    groups: &["fallback"],
    extensions: &["health_check"],
    connectors: &["forward", "routing"],
    plugins: &[],
};

const MANIFEST: &str = "plugins:\n  aggregate:\n    file: aggregate.wasm\n";

fn environment(name: &str) -> Option<OsString> {
    let value = match name {
        "PORT" => "4317",
        "WORD" => "word",
        "EMPTY" => "",
        "ZEROS" => "007",
        "BYTES" => return Some(OsString::from_vec(vec![0xff])),
        "DOLLARS" => "${env:WORD} $$",
        _ => return None,
    };
    Some(value.into())
}

fn load_with(config: &str, manifest: &str) -> Result<Plan, Errors> {
    let config = ConfigText { path: Path::new("c.yaml"), text: config };
    let manifest = ConfigText { path: Path::new("plugins/m.yaml"), text: manifest };
    load_str(&config, &manifest, &KNOWN, &environment)
}

/// All problems of a configuration beside a good manifest, one per line.
fn problems(config: &str) -> String {
    load_with(config, MANIFEST).map_or_else(|errors| errors.to_string(), |_| "none".to_owned())
}

/// One pipeline with nothing wrong, for cases about something else. Seven lines.
const PIPELINE: &str = "\
receivers: {otlp: }
exporters: {debug: }
service:
  pipelines:
    metrics:
      receivers: [otlp]
      exporters: [debug]
";
