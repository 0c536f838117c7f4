//! Files that others wrote and somebody names: read up to a bound, and never waited for without end.
//!
//! A file may be anything when it is opened, and may grow while it is read: its kind and size are looked at first, and no more than the bound is
//! read whatever they said. Links are followed: mounted secrets are links.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

/// Bytes of a file that people write, or that a few secrets are in.
pub const TEXT_BYTES_MAX: u64 = 4 << 20;
/// How long whoever writes into a pipe may take.
const PIPE_MAX: Duration = Duration::from_secs(5);
/// How often a pipe is looked at.
const PIPE_LOOK: Duration = Duration::from_millis(5);

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A folder, a pipe, a device.
    #[error("it is no file; name one that can be read")]
    NoFile,
    /// More than there can be.
    #[error("it has more than {bytes_max} bytes; is this the right file?")]
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
    /// A pipe into which nobody writes, or goes on writing.
    #[error("it is a pipe, and nobody has written all of it within {} s", PIPE_MAX.as_secs())]
    Silent,
}

/// The whole content of a file. What is no file, such as a pipe or a device, is refused.
pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(ReadError::NoFile);
    }
    whole(file, metadata.len(), bytes_max)
}

/// The same of text.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, ReadError> {
    String::from_utf8(read(path, bytes_max)?).map_err(|_| io::Error::from(io::ErrorKind::InvalidData).into())
}

/// The same for what is read once, at the start: a pipe is fine as well, so that `--config <(command)` and `--config /dev/stdin` work.
pub fn read_once(path: &Path, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    match metadata.file_type().is_fifo() {
        true => piped(file, bytes_max, PIPE_MAX),
        false if metadata.is_file() => whole(file, metadata.len(), bytes_max),
        false => Err(ReadError::NoFile),
    }
}

/// A pipe that nobody writes to is not waited for.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
}

fn whole(file: File, bytes: u64, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
    let too_large = || ReadError::TooLarge { bytes_max };
    if bytes > bytes_max {
        return Err(too_large());
    }
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > bytes_max { Err(too_large()) } else { Ok(content) }
}

/// Until its writer closes it. Before there is one, a pipe looks as if it were at its end.
fn piped(mut file: File, bytes_max: u64, patience: Duration) -> Result<Vec<u8>, ReadError> {
    let (mut content, mut piece, until) = (Vec::new(), [0; 4096], Instant::now() + patience);
    loop {
        match file.read(&mut piece) {
            Ok(0) if !content.is_empty() => return Ok(content),
            Ok(length) if length > 0 => content.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(error) if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return Err(error.into());
            }
            _ if Instant::now() >= until => return Err(ReadError::Silent),
            _ => std::thread::sleep(PIPE_LOOK),
        }
        if content.len() as u64 > bytes_max {
            return Err(ReadError::TooLarge { bytes_max });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::Command;

    use super::*;

    fn pipe(folder: &Path) -> std::path::PathBuf {
        let pipe = folder.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        pipe
    }

    #[test]
    fn a_large_file_is_refused_unread_and_one_that_grows_as_far_as_it_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "1234").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"1234");
        assert!(matches!(read(&path, 3), Err(ReadError::TooLarge { bytes_max: 3 })));
        // A hole takes no room on the disk, and all of memory when it is read.
        File::options().write(true).open(&path).unwrap().set_len(10 << 30).unwrap();
        assert!(matches!(read(&path, 4), Err(ReadError::TooLarge { .. })));
        // As if it had had four bytes when it was looked at.
        assert!(matches!(whole(File::open(&path).unwrap(), 4, 4), Err(ReadError::TooLarge { .. })));
        assert_eq!(read_text(&path, 4).unwrap_err().to_string(), "it has more than 4 bytes; is this the right file?");
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = pipe(folder.path());
        for path in [pipe.as_path(), folder.path(), Path::new("/dev/zero")] {
            assert!(matches!(read(path, 4), Err(ReadError::NoFile)), "{}", path.display());
        }
        for path in [folder.path(), Path::new("/dev/zero")] {
            assert!(matches!(read_once(path, 4), Err(ReadError::NoFile)), "{}", path.display());
        }
        let silent = piped(open(&pipe).unwrap(), 4, Duration::ZERO);
        assert!(matches!(silent, Err(ReadError::Silent)));
    }

    #[test]
    fn a_pipe_is_read_once_up_to_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = pipe(folder.path());
        for (text, bytes_max, expected) in [("receivers:", 10, Some("receivers:")), ("receivers:", 9, None)] {
            let writing = pipe.clone();
            // It waits for its reader.
            let writer = std::thread::spawn(move || std::fs::write(writing, text));
            let content = read_once(&pipe, bytes_max).ok().map(|content| String::from_utf8(content).unwrap());
            assert_eq!(content.as_deref(), expected);
            let _ = writer.join().unwrap();
        }
    }
}
