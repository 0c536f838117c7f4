//! `service.telemetry.logs`: what is written of the host's own log, where, and in which form.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::processors::{BatchProcessor, Processor};
use super::{LogEncoding, LogLevel};
use crate::contract::duration;

/// What is written, and pushed.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(from = "RawLogSettings")]
#[schemars(with = "RawLogSettings")]
pub struct LogSettings {
    /// The least severity that is written.
    pub level: LogLevel,
    /// For people or for machines.
    pub encoding: LogEncoding,
    /// Where lines go; standard error where none is named.
    pub outputs: Vec<LogOutput>,
    /// What each line says beside what happened.
    pub initial_fields: Map<String, Value>,
    /// How often the same is written; always without it.
    pub sampling: Option<LogSampling>,
    /// What pushes them as well.
    pub processors: Vec<BatchProcessor>,
}

impl Default for LogSettings {
    fn default() -> Self {
        RawLogSettings::default().into()
    }
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogOutput {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// The end of a file, which is made where there is none.
    File(PathBuf),
}

/// How often one message is written in a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSampling {
    /// The span.
    pub tick: Duration,
    /// So many are written in it.
    pub initial: u64,
    /// Of those behind them, every how-manieth; 0 is none.
    pub thereafter: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawLogSettings {
    /// The least severity that is written and pushed.
    level: LogLevel,
    /// For people or for machines.
    encoding: LogEncoding,
    /// Where lines go: `stderr`, `stdout`, or the path of a file. Nobody rotates it here.
    #[serde(deserialize_with = "outputs")]
    output_paths: Vec<String>,
    /// Where the logger complains of itself.
    #[schemars(extend("x-no-effect" = "a log that cannot be written says so nowhere"))]
    error_output_paths: Vec<String>,
    /// What each line says beside what happened.
    initial_fields: Map<String, Value>,
    /// How often the same is written.
    #[schemars(extend("x-collector" = "same; off without it"))]
    #[serde(deserialize_with = "sampling")]
    sampling: Option<RawSampling>,
    /// Whether the log is for developers.
    #[schemars(extend("x-no-effect" = "`level` and `encoding` say all there is to choose"))]
    development: bool,
    /// Whether lines are without the place in the source.
    #[schemars(extend("x-no-effect" = "no line has it"))]
    disable_caller: bool,
    /// Whether lines are without a stack trace.
    #[schemars(extend("x-no-effect" = "no line has one"))]
    disable_stacktrace: bool,
    /// What pushes them as well; nothing without one.
    #[schemars(extend("x-collector" = "same; others than `batch` to `otlp` are refused"))]
    processors: Vec<Processor>,
}

impl Default for RawLogSettings {
    fn default() -> Self {
        RawLogSettings {
            level: LogLevel::default(),
            encoding: LogEncoding::default(),
            output_paths: vec!["stderr".to_owned()],
            error_output_paths: vec!["stderr".to_owned()],
            initial_fields: Map::new(),
            sampling: None,
            development: false,
            disable_caller: false,
            disable_stacktrace: false,
            processors: Vec::new(),
        }
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawSampling {
    /// Whether there is any.
    enabled: bool,
    /// The span of time in which messages are counted.
    #[serde(deserialize_with = "duration::nonzero")]
    tick: Duration,
    /// So many of one message are written in it.
    initial: u64,
    /// Of those behind them, every how-manieth is written; 0 is none.
    thereafter: u64,
}

impl Default for RawSampling {
    fn default() -> Self {
        RawSampling { enabled: true, tick: Duration::from_secs(10), initial: 10, thereafter: 100 }
    }
}

/// `sampling:` alone switches it on with its defaults.
fn sampling<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RawSampling>, D::Error> {
    RawSampling::deserialize(deserializer).map(Some)
}

fn outputs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let paths = Vec::<String>::deserialize(deserializer)?;
    match paths.iter().find(|path| output(path).is_none()) {
        None => Ok(paths),
        Some(path) => {
            Err(de::Error::custom(format_args!("`{path}` is no output; write `stderr`, `stdout`, or a file's path")))
        }
    }
}

fn output(path: &str) -> Option<LogOutput> {
    match path {
        "stderr" => Some(LogOutput::Stderr),
        "stdout" => Some(LogOutput::Stdout),
        _ => {
            let path = path.strip_prefix("file://").unwrap_or(path);
            (!path.is_empty() && !path.contains("://")).then(|| LogOutput::File(path.into()))
        }
    }
}

/// What the first log record of a batch waits for more, unless told otherwise; that of OpenTelemetry's SDKs, as for spans.
const LOGS_DELAY_MS: u64 = 1000;

impl From<RawLogSettings> for LogSettings {
    fn from(raw: RawLogSettings) -> LogSettings {
        let RawLogSettings { level, encoding, output_paths, initial_fields, sampling, processors, .. } = raw;
        let processors = processors.into_iter().map(|processor| processor.resolve(LOGS_DELAY_MS)).collect();
        let sampling = sampling.filter(|sampling| sampling.enabled);
        let sampling =
            sampling.map(|RawSampling { tick, initial, thereafter, .. }| LogSampling { tick, initial, thereafter });
        let outputs = output_paths.iter().filter_map(|path| output(path)).collect();
        LogSettings { level, encoding, outputs, initial_fields, sampling, processors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<LogSettings, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn the_collectors_keys_are_read() -> Result<(), String> {
        let settings = parse(
            r#"{"level": "WARN", "encoding": "json", "output_paths": ["stdout", "file:///var/log/otelier.log"], "initial_fields": {"cluster": "a"},
                "sampling": {"tick": "1s"}, "development": true, "disable_caller": true, "disable_stacktrace": true, "error_output_paths": []}"#,
        )?;
        assert_eq!((settings.level, settings.encoding), (LogLevel::Warn, LogEncoding::Json));
        assert_eq!(settings.outputs, [LogOutput::Stdout, LogOutput::File("/var/log/otelier.log".into())]);
        assert_eq!(settings.sampling, Some(LogSampling { tick: Duration::from_secs(1), initial: 10, thereafter: 100 }));
        assert_eq!(settings.initial_fields.get("cluster"), Some(&"a".into()));
        assert_eq!(parse(r#"{"sampling": {"enabled": false}}"#)?.sampling, None);
        assert_eq!(parse("{}")?.outputs, [LogOutput::Stderr]);
        Ok(())
    }

    #[test]
    fn what_is_no_output_is_refused() {
        for path in ["", "http://a/b", "file://"] {
            let error = parse(&format!(r#"{{"output_paths": ["{path}"]}}"#)).err().unwrap_or_default();
            assert!(error.contains("`stdout`, or a file's path"), "{path}: {error}");
        }
    }
}
