//! Starting other programs: none reads the terminal, each failure names the whole command line.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const POLL: Duration = Duration::from_millis(100);

/// Runs to the end with output on the terminal; anything but success is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{}`", line(command)))?;
    check(command, status)
}

/// As `run`, and ends the program when `limit` has passed.
pub fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    let spawned = command.stdin(Stdio::null()).spawn();
    let mut child = spawned.with_context(|| format!("cannot start `{}`", line(command)))?;
    loop {
        if let Some(status) = child.try_wait()? {
            return check(command, status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            bail!("`{}` was not done after {} s", line(command), limit.as_secs());
        }
        sleep(POLL);
    }
}

/// Runs to the end and returns what it printed, without the white space around it.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{}`", line(command)))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", line(command), output.status, errors.trim());
    }
    let text = String::from_utf8(output.stdout).with_context(|| format!("output of `{}`", line(command)))?;
    Ok(text.trim().to_owned())
}

/// The command line as a person would type it.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// The program of this name that a shell would find.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_past_its_limit_is_ended_and_named() {
        let result = run_within(Command::new("sleep").arg("60"), Duration::from_millis(1));
        assert!(result.is_err_and(|error| error.to_string().contains("`sleep 60`")));
    }

    #[test]
    fn a_failure_carries_what_the_program_said() {
        let result = capture(Command::new("sh").args(["-c", "echo no luck >&2; exit 3"]));
        assert!(result.is_err_and(|error| error.to_string().contains("no luck")));
    }
}
