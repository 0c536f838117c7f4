//! Where the lines go: a buffer that is written out whenever it is large, so that a dump of any size needs little memory.
//!
//! Each call is one line of the output: control characters in what a sender wrote are escaped here, for all that is written.

use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::io::Write;

use crate::exporters::escape::escape;

const BUFFER_BYTES: usize = 64 * 1024;

/// Collects lines for an output. After the output has failed once, nothing more is written and [`Sink::finish`] says why.
pub struct Sink<'w> {
    output: &'w mut (dyn Write + Send),
    buffer: String,
    /// The line before it is escaped.
    line: String,
    failure: Option<io::Error>,
}

impl<'w> Sink<'w> {
    /// A sink in front of `output`.
    pub fn new(output: &'w mut (dyn Write + Send)) -> Sink<'w> {
        Sink { output, buffer: String::new(), line: String::new(), failure: None }
    }

    /// Writes a line: `sink.line(format_args!("…"))`.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        self.line.clear();
        // Writing to a String cannot fail.
        let _ = self.line.write_fmt(text);
        escape(&mut self.buffer, &self.line);
        self.buffer.push('\n');
        if self.buffer.len() >= BUFFER_BYTES {
            self.write_out();
        }
    }

    /// Writes out what is left; fails if any write did.
    pub fn finish(mut self) -> io::Result<()> {
        self.write_out();
        match self.failure {
            Some(error) => Err(error),
            None => self.output.flush(),
        }
    }

    fn write_out(&mut self) {
        if self.failure.is_none() {
            self.failure = self.output.write_all(self.buffer.as_bytes()).err();
        }
        self.buffer.clear();
    }
}
