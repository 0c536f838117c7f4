//! What commands print.

use std::io::{ErrorKind, Write as _};

use anyhow::Result;

/// Prints a text. Who reads it may have had enough before its end.
pub fn print_text(text: &str) -> Result<()> {
    print_to_reader(text).map(drop)
}

/// Prints a text at once. False where nobody reads any more.
pub fn print_to_reader(text: &str) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => Ok(written.map(|()| true)?),
    }
}
