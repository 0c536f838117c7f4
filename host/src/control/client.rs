//! A command's end of the socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use super::request::{Request, Response};
use super::server::{SOCKET, short_path};
use crate::files::private::{Kind, PrivateError, check_to_look};
use crate::files::state_dir;

/// A command that got no answer, or a bad one.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The directory or the socket.
    #[error("state directory {path}: {source}; name the collector's by --state-dir")]
    Socket {
        /// The state directory.
        path: String,
        /// The operating system's words.
        source: io::Error,
    },
    /// What is there is not a host's of ours.
    #[error(transparent)]
    Foreign(#[from] PrivateError),
    /// It went away.
    #[error(
        "the collector went away before its answer; what it had done by then is done: look with `otelier dlq ls` or `otelier plugin history`, and ask again"
    )]
    Gone,
    /// What came back is no answer.
    #[error("the collector's answer does not read: {0}")]
    Answer(#[from] serde_json::Error),
    /// The host's words.
    #[error("{0}")]
    Failed(String),
}

/// Asks the host that runs on a state directory; `None` when none does.
pub fn ask(state_dir: &Path, request: &Request) -> Result<Option<Value>, ControlError> {
    let failed = |source| ControlError::Socket { path: state_dir.display().to_string(), source };
    let directory = state_dir::look(state_dir).map_err(|error| match error {
        PrivateError::Io { source, .. } => failed(source),
        other => ControlError::Foreign(other),
    })?;
    let socket = state_dir.join(SOCKET);
    if let Ok(metadata) = std::fs::symlink_metadata(&socket) {
        check_to_look(&socket, &metadata, Kind::Socket)?;
    }
    let mut stream = match UnixStream::connect(short_path(&directory)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut text = serde_json::to_vec(request)?;
    text.push(b'\n');
    stream.write_all(&text).map_err(failed)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(failed)?;
    if line.is_empty() {
        return Err(ControlError::Gone);
    }
    match serde_json::from_str(&line)? {
        Response::Done(value) => Ok(Some(value)),
        Response::Failed(reason) => Err(ControlError::Failed(reason)),
    }
}
