//! `otelier plugin test`: a plugin's cases, run in the sandbox.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use otelier::cases::{self, Subject, Verdict};
use otelier::contract::ComponentId;

use crate::output::{print_line, print_text};
use crate::plugin_build::{self, Build};

/// The folder of cases in a plugin's.
const CASES: &str = "cases";

/// Which plugin, and which of its cases.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// The folder of its Cargo.toml, which is built first; or a built plugin, a `.wasm`.
    #[arg(default_value = ".")]
    plugin: PathBuf,
    /// Runs only cases whose name contains one of these.
    names: Vec<String>,
    /// The folder of cases; `cases` beside the Cargo.toml or the `.wasm` unless told otherwise.
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Writes what comes out as what is expected.
    #[arg(long)]
    update: bool,
}

/// Builds it, runs them and prints what is different.
pub fn run(test: &Test) -> Result<()> {
    let folder =
        if test.plugin.is_dir() { test.plugin.as_path() } else { test.plugin.parent().unwrap_or(Path::new("")) };
    let cases = test.cases.clone().unwrap_or_else(|| folder.join(CASES));
    // Before anything is built.
    let (found, of_harness) = cases::find(&cases)?;
    let is_wanted = |name: &str| test.names.is_empty() || test.names.iter().any(|part| name.contains(part.as_str()));
    let wanted: Vec<&(String, PathBuf)> = found.iter().filter(|(name, _)| is_wanted(name)).collect();
    let place = cases.display();
    ensure!(
        !found.is_empty(),
        "no cases in {place}; one is a folder with `case.yaml`, or `trace.jsonl` of a breaker policy"
    );
    ensure!(!wanted.is_empty(), "no case in {place} has a name with {}", test.names.join(" or "));
    let file = match test.plugin.is_dir() {
        true => plugin_build::build(&Build::of(&test.plugin))?.file,
        false => test.plugin.clone(),
    };
    let subject = Subject::load(&file, name(&test.plugin, &file)?)?;
    let mut failed = 0;
    for (name, folder) in &wanted {
        let verdict = subject.run(folder, test.update);
        failed += usize::from(matches!(verdict, Verdict::Differs(_) | Verdict::Broken(_)));
        print_text(&told(name, &verdict))?;
    }
    let left = match of_harness {
        0 => String::new(),
        count => format!("; {count} with `input.json` are for `cargo test`"),
    };
    print_line(&format!("cases: {} passed, {failed} failed{left}", wanted.len() - failed))?;
    ensure!(failed == 0, "{failed} of {} cases failed", wanted.len());
    Ok(())
}

/// The plugin's name in what it says: that of its package, or of its file.
fn name(plugin: &Path, file: &Path) -> Result<ComponentId> {
    let manifest = fs::read_to_string(plugin.join("Cargo.toml")).unwrap_or_default();
    let of_package = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.split('"').next());
    let of_file = file.file_stem().unwrap_or_default().to_string_lossy();
    let named = of_package.unwrap_or(&of_file);
    named.parse().with_context(|| format!("`{named}` cannot be a plugin's name"))
}

fn told(name: &str, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => format!("case {name}: passed\n"),
        Verdict::Updated => format!("case {name}: written\n"),
        Verdict::Broken(error) => format!("case {name}: cannot be run\n  {error}\n"),
        Verdict::Differs(lines) => {
            let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
            format!("case {name}: FAILED\n{lines}")
        }
    }
}
