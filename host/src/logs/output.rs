//! Where the lines of the log go, and what each says beside what happened.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::config::{LogEncoding, LogOutput, LogSettings};

/// Log files are for their owner and his group.
const MODE: u32 = 0o640;

/// Takes whole lines. Clones write to the same places.
#[derive(Clone)]
pub struct Lines(Arc<LinesCell>);

struct LinesCell {
    outputs: Vec<Output>,
    encoding: LogEncoding,
    /// Goes in front of the end of each line.
    fields: String,
}

enum Output {
    Stderr,
    Stdout,
    File(Mutex<File>),
}

impl Lines {
    /// Opens what the settings name.
    ///
    /// # Errors
    ///
    /// If a file cannot be opened or made; the error names it.
    pub fn open(settings: &LogSettings) -> io::Result<Lines> {
        let outputs = settings.outputs.iter().map(open).collect::<io::Result<Vec<_>>>()?;
        let outputs = if outputs.is_empty() { vec![Output::Stderr] } else { outputs };
        let field = |(name, value): (&String, &Value)| match (settings.encoding, value) {
            (LogEncoding::Json, value) => format!(",{}:{value}", Value::from(name.as_str())),
            (LogEncoding::Console, Value::String(text)) if is_a_word(text) => format!(" {name}={text}"),
            (LogEncoding::Console, value) => format!(" {name}={value}"),
        };
        let fields = settings.initial_fields.iter().map(field).collect();
        Ok(Lines(Arc::new(LinesCell { outputs, encoding: settings.encoding, fields })))
    }

    /// Whether nobody but a person at a terminal reads them.
    pub fn is_for_a_terminal(&self) -> bool {
        let is_terminal = |output: &Output| match output {
            Output::Stderr => io::stderr().is_terminal(),
            Output::Stdout => io::stdout().is_terminal(),
            Output::File(_) => false,
        };
        self.0.outputs.iter().all(is_terminal)
    }

    fn with_fields(&self, line: &[u8]) -> Vec<u8> {
        let LinesCell { encoding, fields, .. } = self.0.as_ref();
        let end: &[u8] = if *encoding == LogEncoding::Json { b"}\n" } else { b"\n" };
        match line.strip_suffix(end) {
            Some(start) => [start, fields.as_bytes(), end].concat(),
            None => line.to_vec(),
        }
    }
}

/// Control characters would begin lines of their own.
fn is_a_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '='))
}

fn open(output: &LogOutput) -> io::Result<Output> {
    Ok(match output {
        LogOutput::Stderr => Output::Stderr,
        LogOutput::Stdout => Output::Stdout,
        LogOutput::File(path) => {
            let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path);
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("cannot open {}: {error}", path.display()));
            Output::File(Mutex::new(file.map_err(named)?))
        }
    })
}

impl Write for Lines {
    /// One line, whole. A place that cannot be written keeps it from no other.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let whole = if self.0.fields.is_empty() { line.to_vec() } else { self.with_fields(line) };
        for output in &self.0.outputs {
            let _ = match output {
                Output::Stderr => io::stderr().write_all(&whole),
                Output::Stdout => io::stdout().write_all(&whole).and_then(|()| io::stdout().flush()),
                Output::File(file) => file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&whole),
            };
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str, line: &str) -> Result<String, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log");
        let mut settings: LogSettings = serde_json::from_str(json)?;
        settings.outputs = vec![LogOutput::File(path.clone())];
        for _ in 0..2 {
            Lines::open(&settings)?.write_all(line.as_bytes())?;
        }
        Ok(std::fs::read_to_string(path)?)
    }

    #[test]
    fn each_line_has_the_fields_and_a_file_is_gone_on_with() -> Result<(), Box<dyn std::error::Error>> {
        let fields = r#""initial_fields": {"cluster": "a", "note": "x \"y\"\n", "n": 5}"#;
        let json = written(&format!(r#"{{"encoding": "json", {fields}}}"#), "{\"m\":1}\n")?;
        let line = "{\"m\":1,\"cluster\":\"a\",\"n\":5,\"note\":\"x \\\"y\\\"\\n\"}\n";
        assert_eq!(json, line.repeat(2));
        let text = written(&format!("{{{fields}}}"), "INFO ready\n")?;
        assert_eq!(text, "INFO ready cluster=a n=5 note=\"x \\\"y\\\"\\n\"\n".repeat(2));
        assert_eq!(written("{}", "INFO ready\n")?, "INFO ready\n".repeat(2));
        Ok(())
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let outputs = vec![LogOutput::File("/no/such/folder/log".into())];
        let error = Lines::open(&LogSettings { outputs, ..LogSettings::default() }).err();
        assert!(error.is_some_and(|error| error.to_string().contains("/no/such/folder/log")));
    }
}
