//! The picture of ARCHITECTURE.md: the arrows between modules, drawn from top to bottom.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;

use crate::EDGES;

/// Set to `write`, it draws the picture anew.
const WRITE: &str = "OTELIER_TEST_GOLDEN";
/// The picture's first lines.
const BEGINNING: &str = "flowchart TD\n  %% EDGES of tests/tests/structure/main.rs, without arrows that follow from others; its test draws this.\n";

/// Which modules each one imports, directly or over others.
fn reached() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    // From the bottom of the table, so that whatever a module imports comes before it.
    for (module, imported) in EDGES.iter().rev() {
        let over = imported.iter().filter_map(|other| reached.get(other)).flatten();
        let all = imported.iter().chain(over).copied().collect();
        reached.insert(module, all);
    }
    reached
}

/// A line for each module that imports others: those that it does not import over another as well.
fn drawn() -> Result<String> {
    let (reached, mut picture) = (reached(), BEGINNING.to_owned());
    for (module, imported) in EDGES {
        let follows =
            |name: &str| imported.iter().any(|other| reached.get(other).is_some_and(|all| all.contains(name)));
        let direct: Vec<&str> = imported.iter().copied().filter(|name| !follows(name)).collect();
        if !direct.is_empty() {
            writeln!(picture, "  {module} --> {}", direct.join(" & "))?;
        }
    }
    Ok(picture)
}

#[test]
fn the_architecture_shows_the_imports_as_they_are() -> Result<()> {
    let file = environment::repository().join("ARCHITECTURE.md");
    let page = std::fs::read_to_string(&file)?;
    let (before, rest) = page.split_once(BEGINNING).with_context(|| format!("no picture that begins {BEGINNING}"))?;
    let (present, after) = rest.split_once("```").context("the picture does not end")?;
    let drawn = drawn()?;
    if std::env::var(WRITE).is_ok_and(|value| value == "write") {
        std::fs::write(&file, format!("{before}{drawn}```{after}"))?;
        return Ok(());
    }
    let present = format!("{BEGINNING}{present}");
    ensure!(present == drawn, "the picture in ARCHITECTURE.md is to be this; `{WRITE}=write` draws it:\n{drawn}");
    Ok(())
}
