//! `cargo xtask fuzz`: bytes that somebody might make up to hurt, against the properties of `tests/properties`.
//!
//! libFuzzer on the stable compiler: `tests/fuzz` is built with LLVM's coverage instruments, without a sanitizer, by cargo
//! and these flags alone. Inputs that were found are checked first; each new one is left in `tests/fuzz/found/TARGET/`,
//! where it becomes a case of the ordinary tests. What the fuzzer learns between runs stays in the target directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::Workspace;
use crate::{cargo, process, setup};

const USAGE: &str = "usage: cargo xtask fuzz [TARGET] [--seconds N]";
/// For each target, when nobody says. All of it takes less than three minutes, as `cargo xtask ci` wants it.
const SECONDS: u32 = 9;

/// What cargo-fuzz passes to a stable compiler: edges counted in place, comparisons reported, branches not folded away.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];

/// Targets that start from what real clients sent, too: those that their table in `tests/properties` says take requests.
const OF_REQUESTS: &[&str] = &["scan", "projection", "edit", "json", "transcoding"];

/// Longer inputs find little more and slow everything down; a request of this size has every shape there is.
const INPUT_BYTES_MAX: u32 = 4096;
/// More than any property needs, of what its own count of memory does not see.
const MEMORY_MIB_MAX: u32 = 1024;
/// An input that takes longer than this many seconds counts as a bug.
const INPUT_SECONDS_MAX: u32 = 10;

struct Options {
    target: Option<String>,
    seconds: u32,
}

/// Builds the fuzzer and lets it look for a while, at one target or at each in turn.
pub fn command(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    setup::ensure(workspace, setup::FUZZ);
    run(workspace, &options)
}

/// The same for a bounded time; set-up is done.
pub fn ci(workspace: &Workspace) -> Result<()> {
    run(workspace, &Options { target: None, seconds: SECONDS })
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options> {
        let mut options = Options { target: None, seconds: SECONDS };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--seconds" => {
                    let seconds = arguments.next().context(USAGE)?;
                    options.seconds = seconds.parse().with_context(|| format!("--seconds {seconds}\n{USAGE}"))?;
                }
                name if name.starts_with('-') || options.target.is_some() => bail!("`{name}`?\n{USAGE}"),
                name => options.target = Some(name.to_owned()),
            }
        }
        Ok(options)
    }
}

fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let home = workspace.root().join("tests/fuzz");
    let mut targets = names(&home.join("seeds"))?;
    if let Some(wanted) = &options.target {
        ensure!(targets.contains(wanted), "no target `{wanted}`: there are {}", targets.join(", "));
        targets.retain(|name| name == wanted);
    }
    let program = build(workspace, &home)?;
    let mut failed = Vec::new();
    for name in targets {
        let target = Target { program: &program, home: &home, corpus: corpus(workspace, &name), name };
        if let Err(error) = target.check_found().and_then(|()| target.look(options.seconds)) {
            eprintln!("{}: {error:#}", target.name);
            failed.push(target.name);
        }
    }
    ensure!(failed.is_empty(), "properties that do not hold: {}", failed.join(", "));
    Ok(())
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let names: std::io::Result<Vec<String>> =
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect();
    let mut names = names?;
    names.sort();
    Ok(names)
}

fn build(workspace: &Workspace, home: &Path) -> Result<PathBuf> {
    let folder = workspace.target().join("fuzz");
    // With a target, flags are for the program alone: build scripts and macros have no use for instruments.
    let triple = host_triple()?;
    let mut build = cargo::command(workspace, "build");
    build.current_dir(home).args(["--release", "--target", &triple]).env("CARGO_TARGET_DIR", &folder);
    build.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"));
    process::run(&mut build)?;
    Ok(folder.join(triple).join("release/otelier-fuzz"))
}

fn host_triple() -> Result<String> {
    let version = process::capture(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

/// What the fuzzer has learnt about a target.
fn corpus(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target().join("fuzz/corpus").join(name)
}

struct Target<'a> {
    program: &'a Path,
    home: &'a Path,
    corpus: PathBuf,
    name: String,
}

impl Target<'_> {
    fn found(&self) -> PathBuf {
        self.home.join("found").join(&self.name)
    }

    /// Checks each input that was ever found, once.
    fn check_found(&self) -> Result<()> {
        let folder = self.found();
        let files = if folder.is_dir() { names(&folder)? } else { Vec::new() };
        for file in files {
            self.fuzzer(Command::new(self.program).arg(folder.join(file)))?;
        }
        Ok(())
    }

    /// Looks for new ones.
    fn look(&self, seconds: u32) -> Result<()> {
        fs::create_dir_all(&self.corpus)?;
        fs::create_dir_all(self.found())?;
        let mut fuzzer = Command::new(self.program);
        fuzzer.arg(&self.corpus).arg(self.home.join("seeds").join(&self.name));
        if OF_REQUESTS.contains(&self.name.as_str()) {
            fuzzer.arg(self.home.join("../collections"));
        }
        fuzzer.arg(format!("-artifact_prefix={}/", self.found().display()));
        fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}"));
        fuzzer.arg(format!("-timeout={INPUT_SECONDS_MAX}")).arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"));
        let log = self.fuzzer(fuzzer.args(["-reload=0", "-print_final_stats=1"]))?;
        let inputs = log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        println!("{:<14} {:>10} inputs in {seconds} s", self.name, inputs.unwrap_or("?").trim());
        Ok(())
    }

    /// Runs to the end, and returns what the fuzzer said; a property that does not hold is an error with its words.
    fn fuzzer(&self, command: &mut Command) -> Result<String> {
        command.env("OTELIER_FUZZ_TARGET", &self.name).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("cannot start `{}`", process::line(command)))?;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return Ok(log);
        }
        bail!(
            "{}\nrepeat it: OTELIER_FUZZ_TARGET={} {} FILE\n\
             the file stays where it is and goes into the commit that mends the bug: the tests check it from then on",
            findings(&log),
            self.name,
            self.program.display()
        )
    }
}

/// What a person wants to know of a failure: what panicked, what libFuzzer says of it, and where the input is.
fn findings(log: &str) -> String {
    let mut lines = log.lines().skip_while(|line| !line.contains("panicked at") && !line.contains("ERROR: libFuzzer"));
    let mut findings: Vec<&str> = lines.by_ref().take(4).collect();
    let says_where = |line: &&str| line.contains("Test unit written to") || line.starts_with("Running: ");
    findings.extend(log.lines().filter(says_where));
    if findings.is_empty() { log.trim().to_owned() } else { findings.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_a_target_and_a_time() -> Result<()> {
        let options = parse("scan --seconds 3")?;
        assert_eq!((options.target.as_deref(), options.seconds), (Some("scan"), 3));
        assert_eq!(parse("")?.seconds, SECONDS);
        for wrong in ["--seconds", "--seconds x", "--runs 3", "scan keys"] {
            assert!(parse(wrong).is_err_and(|error| format!("{error:#}").contains(USAGE)), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn a_failure_says_what_and_where() {
        let log = "INFO: Seed: 1\nthread '<unnamed>' panicked at keys.rs:23:\nassertion failed\n\nnote: more\n\
                   artifact_prefix='x/'; Test unit written to x/crash-1\nBase64: AQ==";
        let findings = findings(log);
        assert!(findings.starts_with("thread") && findings.contains("crash-1") && !findings.contains("Seed"));
    }
}
