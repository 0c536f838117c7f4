//! Prometheus' own readers, in a program of their own (`tests/prometheus`). One process serves a whole test program, and ends when its
//! input does.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use crate::exposition::Format;

/// Below the target directory.
const PROGRAM: &str = "tools/bin/prometheus-reader";
const VARIABLE: &str = "OTELIER_PROMETHEUS_READER";

static READER: LazyLock<Mutex<Result<Reader, String>>> =
    LazyLock::new(|| Mutex::new(Reader::start().map_err(|error| format!("{error:#}"))));

struct Reader {
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Fails with what Prometheus says where it refuses the page.
pub fn accepts(format: Format, page: &[u8]) -> Result<()> {
    let mut reader = READER.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *reader {
        Ok(reader) => reader.asks(format, page),
        Err(error) => bail!("{error}"),
    }
}

impl Reader {
    fn start() -> Result<Reader> {
        let program = program()?;
        let mut command = Command::new(&program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start it")?;
        let input = child.stdin.take().context("no input")?;
        let output = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Reader { _child: child, input, output })
    }

    fn asks(&mut self, format: Format, page: &[u8]) -> Result<()> {
        writeln!(self.input, "{} {}", format.word(), page.len())?;
        self.input.write_all(page)?;
        self.input.flush()?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        match answer.trim_end() {
            "ok" => Ok(()),
            "" => bail!("the program with Prometheus' readers has ended"),
            refusal => bail!("{refusal}"),
        }
    }
}

/// Where `cargo xtask setup` has put it: told by a variable, or below the target directory.
fn program() -> Result<PathBuf> {
    let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(|target| Path::new(&target).join(PROGRAM));
    // At run time, not compile time: clones at different paths can share one target directory.
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let usual = Path::new(&manifest_dir).ancestors().map(|folder| folder.join("target").join(PROGRAM));
    let found = named.into_iter().chain(chosen).chain(usual).find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "this test needs Prometheus' readers ({VARIABLE}), and they are not there; `cargo xtask setup` gets them"
        )
    })
}
