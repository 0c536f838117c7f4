//! File systems of the tests' own, where a full or read-only disk is needed: mounted in a namespace that ends with the
//! test, so nothing outside ever sees them.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

/// Takes all the room that there is, with a file of this name.
pub fn fill(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    loop {
        match file.write_all(&[0; 4096]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A mount namespace, alive as long as this is.
pub struct Namespace {
    keeper: Child,
    /// The keeper ends when this does.
    _alive: Option<ChildStdin>,
    id: String,
    is_root: bool,
}

impl Namespace {
    /// Runs `script` in a new namespace; mounts that it makes stay there. A user who is not root becomes the root of a
    /// user namespace, where the kernel permits it. `None`: it permits nothing of this.
    pub fn if_permitted(script: &str) -> Result<Option<Namespace>> {
        let is_root = std::fs::metadata("/proc/self")?.uid() == 0;
        let flags = if is_root { "-m" } else { "-Urm" };
        // `read` returns at the end of standard input, which comes with the end of the test, whatever kind of end that is.
        let script = format!("set -e; {script}; echo ready; read end || true");
        let keeper = Command::new("unshare")
            .args([flags, "--propagation", "private", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut keeper = keeper.context("this test needs `unshare` of util-linux")?;
        let id = keeper.id().to_string();
        let alive = keeper.stdin.take();
        let output = keeper.stdout.take().context("no output")?;
        let namespace = Namespace { keeper, _alive: alive, id, is_root };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok((line == "ready\n").then_some(namespace))
    }

    /// The words that start a program inside.
    pub fn enter(&self) -> Vec<&str> {
        let mut words = vec!["nsenter", "-t", &self.id, "-m"];
        if !self.is_root {
            words.extend(["-U", "--preserve-credentials"]);
        }
        words
    }

    /// A path inside, as seen from outside.
    pub fn outside(&self, path: &Path) -> PathBuf {
        let mut outside = PathBuf::from(format!("/proc/{}/root", self.id));
        outside.extend(path.components().skip(1));
        outside
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
