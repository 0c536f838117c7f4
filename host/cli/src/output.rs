//! What commands print. Nothing else here writes to a standard stream: clippy refuses `print!` and `eprintln!`, which panic where the reader
//! has gone.

use std::io::{self, ErrorKind, Write};

use anyhow::Result;

/// Prints a text. Who reads it may have had enough before its end.
pub fn print_text(text: &str) -> Result<()> {
    print_to_reader(text).map(drop)
}

/// Prints a text at once. False where nobody reads any more.
pub fn print_to_reader(text: &str) -> Result<bool> {
    match written(&mut io::stdout(), text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => Ok(written.map(|()| true)?),
    }
}

/// Prints a line.
pub fn print_line(line: &str) -> Result<()> {
    print_text(&format!("{line}\n"))
}

/// Tells something beside what is printed. Where nobody reads it, nobody can be told.
pub fn tell(line: &str) {
    let _ = written(&mut io::stderr(), &format!("{line}\n"));
}

fn written(stream: &mut dyn Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}
