//! Where the lines go: a buffer that is written out whenever it is large, so that a dump of any size needs little memory.

use std::fmt;
use std::io;
use std::io::Write;

const BUFFER_BYTES: usize = 64 * 1024;

/// Collects lines for an output. After the output has failed once, nothing more is written and [`Sink::finish`] says why.
pub struct Sink<'w> {
    output: &'w mut (dyn Write + Send),
    buffer: Vec<u8>,
    failure: Option<io::Error>,
}

impl<'w> Sink<'w> {
    /// A sink in front of `output`.
    pub fn new(output: &'w mut (dyn Write + Send)) -> Sink<'w> {
        Sink { output, buffer: Vec::new(), failure: None }
    }

    /// Writes a line: `sink.line(format_args!("…"))`.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a Vec cannot fail.
        let _ = writeln!(self.buffer, "{text}");
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
            self.failure = self.output.write_all(&self.buffer).err();
        }
        self.buffer.clear();
    }
}
