//! Whoever reads what a command prints may have had enough before its end, as `head -1` has: the command ends as if all had been read.

use std::collections::BTreeSet;
use std::io::pipe;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;
use otelier_tests::host::{Configuration, Setup};

use crate::authors::{build_folder, new_plugin, target};

/// What one command says at its end, with nobody at the other end of what it prints.
fn run_unread(command: &mut Command) -> Result<(Option<i32>, String)> {
    let (reader, writer) = pipe()?;
    drop(reader);
    let output = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output()?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Every command that prints, in the order of `--help`; `ELSEWHERE` has the others.
const PRINTING: &[&[&str]] = &[
    &["validate"],
    &["config", "print"],
    &["config", "explain", "service.pipelines"],
    &["config", "schema"],
    &["components"],
    &["components", "--format", "json"],
    &["dlq", "ls"],
    &["dlq", "ls", "--json"],
    &["dlq", "drop", "--all"],
    &["plugin", "list"],
    &["plugin", "list", "--json"],
    &["plugin", "inspect", "PLUGIN"],
    &["plugin", "inspect", "PLUGIN", "--json"],
    &["plugin", "history"],
    &["plugin", "history", "--json"],
    &["plugin", "swap", "aggregate"],
    &["plugin", "rollback", "aggregate"],
    &["plugin", "new", "unread", "--kind", "processor"],
    &["plugin", "test", "PLUGIN", "--cases", "CASES"],
    &["log-level", "info"],
    &["status"],
    &["status", "--json"],
    &["breaker", "simulate", "--policy", "built-in", "--trace", "TRACE"],
    &["completions", "bash"],
    &["man"],
    &["--help"],
    &["--version"],
];

/// What is not in the table: `run` has a test of its own (`spawn_unheard`), `dlq show` and `dlq replay` need a letter and print by the
/// same function as `dlq ls`, `plugin build` is run by the test of
/// authors, and `health` prints a word by `print_line`.
const ELSEWHERE: &[&str] = &["run", "dlq show", "dlq replay", "plugin build", "health", "help"];

#[test]
fn a_reader_that_has_gone_ends_no_command_with_a_panic() -> Result<()> {
    let (setup, folder) = (Setup::with_aggregate(&Configuration::aggregate())?, tempfile::tempdir()?);
    let root = environment::repository().canonicalize()?;
    let place = |word: &str| match word {
        "PLUGIN" => Ok(environment::plugin("aggregate")?),
        "CASES" => Ok(root.join("plugins/aggregate/cases")),
        "TRACE" => Ok(root.join("plugins/failure-rate/cases/slow/trace.jsonl")),
        word => Ok::<_, anyhow::Error>(word.into()),
    };
    // What depends on a running collector is asked with one, and prints its answer.
    let _host = setup.start()?;
    for words in PRINTING {
        let mut command = Command::new(environment::binary()?);
        command.current_dir(folder.path());
        for word in *words {
            command.arg(place(word)?);
        }
        let is_of_host = matches!(
            words,
            ["dlq" | "log-level" | "status", ..] | ["plugin", "list" | "history" | "swap" | "rollback", ..]
        );
        if is_of_host {
            command.arg("--state-dir").arg(setup.state());
        }
        let (code, said) = run_unread(&mut command)?;
        let is_refused = matches!(words, ["plugin", "swap" | "rollback", ..]);
        let ends = if is_refused { [Some(0), Some(1)] } else { [Some(0); 2] };
        ensure!(ends.contains(&code) && !said.contains("panicked"), "{words:?} ended with {code:?}: {said}");
    }
    Ok(())
}

/// The commands of a help text, with those below them.
fn commands(above: &[String]) -> Result<BTreeSet<String>> {
    let output = Command::new(environment::binary()?).args(above).arg("--help").output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut found = BTreeSet::new();
    let Some((_, listed)) = text.split_once("Commands:\n") else { return Ok(found) };
    for line in listed.lines().take_while(|line| !line.is_empty()) {
        let Some(name) = line.strip_prefix("  ").filter(|line| !line.starts_with(' ')) else { continue };
        let name = name.split_whitespace().next().context("no name")?.to_owned();
        let path = [above, std::slice::from_ref(&name)].concat();
        let below = if name == "help" { BTreeSet::new() } else { commands(&path)? };
        match below.is_empty() {
            true => drop(found.insert(path.join(" "))),
            false => found.extend(below),
        }
    }
    Ok(found)
}

#[test]
fn the_table_of_printing_commands_has_all() -> Result<()> {
    let all = commands(&[])?;
    ensure!(all.len() > 20, "only {all:?}");
    let is_listed = |command: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        ELSEWHERE.contains(&command)
            || words.last() == Some(&"help")
            || PRINTING.iter().any(|listed| listed.starts_with(&words))
    };
    let missing: Vec<&String> = all.iter().filter(|command| !is_listed(command)).collect();
    ensure!(missing.is_empty(), "not in the table: {missing:?}");
    Ok(())
}

#[test]
fn completions_and_man_pages_name_every_command() -> Result<()> {
    let all = commands(&[])?;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Command::new(environment::binary()?).args(["completions", shell]).output()?;
        let script = String::from_utf8(output.stdout)?;
        let words = all.iter().flat_map(|command| command.split(' '));
        let missing: BTreeSet<&str> = words.filter(|word| !script.contains(*word)).collect();
        ensure!(output.status.success() && missing.is_empty(), "{shell} lacks {missing:?}");
    }
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("man1");
    let written = Command::new(environment::binary()?).args(["man", "--dir"]).arg(&dir).status()?;
    ensure!(written.success(), "man ended with {written}");
    for command in all.iter().filter(|command| !command.ends_with("help")) {
        let page = dir.join(format!("otelier-{}.1", command.replace(' ', "-")));
        let text = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
        ensure!(text.contains(".TH "), "{}", page.display());
    }
    let first = Command::new(environment::binary()?).arg("man").output()?;
    let (first, of_folder) = (String::from_utf8(first.stdout)?, std::fs::read_to_string(dir.join("otelier.1"))?);
    ensure!(first == of_folder, "`man` prints another page than it writes");
    let first_words = all.iter().filter_map(|command| command.split(' ').next());
    for command in first_words.filter(|command| *command != "help") {
        ensure!(first.contains(&command.replace('-', "\\-")), "otelier.1 does not name {command}");
    }
    Ok(())
}

#[test]
fn a_build_that_nobody_reads_builds() -> Result<()> {
    let folder = build_folder("unread")?;
    let plugin = new_plugin(&folder, "unread-build", "processor")?;
    let mut command = Command::new(environment::binary()?);
    command.args(["plugin", "build"]).arg(&plugin).env("CARGO_NET_OFFLINE", "true");
    let (code, said) = run_unread(command.env("CARGO_TARGET_DIR", target()?.join("target")))?;
    ensure!(code == Some(0) && !said.contains("panicked"), "ended with {code:?}: {said}");
    ensure!(plugin.join("target/unread_build.wasm").is_file(), "nothing was built: {said}");
    Ok(())
}
