//! The host's end of the socket.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::desk::Desk;
use super::request::{Request, Response};

/// The socket's name in the state directory.
pub(super) const SOCKET: &str = "control.sock";
/// A request is a few numbers.
const REQUEST_BYTES_MAX: u64 = 1 << 20;
/// How long a command may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// The socket's path by way of the open directory: a socket's path has at most 107 bytes, a directory's may have more.
pub(super) fn short_path(directory: &File) -> PathBuf {
    format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()).into()
}

/// Opens the socket. What a host that was killed has left is replaced: whoever has the store open is the only host here.
fn bind(state_dir: &Path) -> io::Result<UnixListener> {
    let directory = File::open(state_dir)?;
    // It goes by its name, whatever it is.
    match std::fs::remove_file(state_dir.join(SOCKET)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(short_path(&directory))?;
    std::fs::set_permissions(state_dir.join(SOCKET), Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers commands until the process ends.
pub async fn serve(state_dir: PathBuf, desk: Desk) {
    let listener = match bind(&state_dir) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, state_dir = %state_dir.display(), "no control socket: `otelier dlq` and `otelier plugin` will not reach this process");
            return;
        }
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(answer(stream, desk.clone()))),
            Err(error) => {
                tracing::warn!(%error, "control socket");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, desk: Desk) {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reading.take(REQUEST_BYTES_MAX));
    let read = tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await;
    if !matches!(read, Ok(Ok(1..))) {
        return;
    }
    let response = match serde_json::from_str::<Request>(&line) {
        // The store is read and written: not on a thread that serves senders.
        Ok(request) => tokio::task::spawn_blocking(move || desk.answer(request)).await,
        Err(error) => Ok(Response::Failed(format!("a request this version does not know: {error}"))),
    };
    let response = response.unwrap_or_else(|error| Response::Failed(error.to_string()));
    let mut text = serde_json::to_vec(&response).unwrap_or_default();
    text.push(b'\n');
    if let Err(error) = writing.write_all(&text).await {
        tracing::debug!(%error, "a command went away before its answer");
    }
}
