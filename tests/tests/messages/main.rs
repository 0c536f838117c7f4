//! What a person is told of a wrong configuration: `golden.txt` has the words for every file of `cases/`, and somebody has read them.
//! `OTELIER_TEST_GOLDEN=write` writes it anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;

/// Set to `write`, it writes what is said today.
const WRITE: &str = "OTELIER_TEST_GOLDEN";

fn folder() -> PathBuf {
    environment::repository().join("tests/tests/messages")
}

/// The configurations, in the order of their names, without manifests.
fn cases() -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder().join("cases"))?;
    let mut cases = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    cases
        .retain(|case| case.to_string_lossy().ends_with(".yaml") && !case.to_string_lossy().ends_with(".plugins.yaml"));
    cases.sort();
    Ok(cases)
}

/// What `validate` says, and whether it fails.
fn said(case: &Path) -> Result<String> {
    let mut command = Command::new(environment::binary()?);
    let name = case.file_name().context("no name")?;
    command.current_dir(folder().join("cases")).env_clear().arg("validate").arg("--config").arg(name);
    let manifest = case.with_extension("plugins.yaml");
    if manifest.is_file() {
        command.arg("--manifest").arg(manifest.file_name().context("no name")?);
    }
    let output = command.output()?;
    ensure!(output.status.code() == Some(1), "{}: validate ended with {}", case.display(), output.status);
    let text = String::from_utf8(output.stderr)?;
    ensure!(!text.contains("panicked"), "{text}");
    Ok(text.trim_start_matches("otelier: ").to_owned())
}

#[test]
fn every_wrong_file_gets_the_words_that_were_read() -> Result<()> {
    let mut told = String::new();
    let cases = cases()?;
    ensure!(cases.len() >= 60, "only {} cases", cases.len());
    for case in cases {
        let first = std::fs::read_to_string(&case)?.lines().next().unwrap_or_default().to_owned();
        writeln!(told, "== {}: {first}\n{}", case.file_name().unwrap().display(), said(&case)?)?;
    }
    let golden = folder().join("golden.txt");
    if std::env::var(WRITE).is_ok_and(|value| value == "write") {
        std::fs::write(&golden, &told)?;
    }
    let expected = std::fs::read_to_string(&golden).context("no golden.txt")?;
    let differ = told.lines().zip(expected.lines()).find(|(told, expected)| told != expected);
    ensure!(told == expected, "not as it was read: {differ:#?}; `{WRITE}=write` writes it anew, to be read");
    Ok(())
}

/// Each error once, all in one run, and each with its line.
#[test]
fn six_errors_of_different_kinds_are_six_lines() -> Result<()> {
    let case = cases()?.into_iter().find(|case| case.to_string_lossy().contains("six")).context("no case of six")?;
    let said = said(&case)?;
    let lines: Vec<&str> = said.lines().collect();
    ensure!(lines.len() == 6, "{said}");
    let name = case.file_name().unwrap().to_string_lossy().into_owned();
    for line in lines {
        let place = line.strip_prefix(&format!("{name}:")).with_context(|| line.to_owned())?;
        ensure!(place.starts_with(|c: char| c.is_ascii_digit()), "{line}");
    }
    Ok(())
}
