//! What commands print.

use std::io::{ErrorKind, Write as _};

use anyhow::Result;

/// Prints a text. Who reads it may have had enough before its end.
pub fn print_text(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
