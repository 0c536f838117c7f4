//! The book says what is true: every block of its pages runs, as `docs/README.md` has it, and every link leads somewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod links;
mod page;
mod part;
mod reference;
mod script;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;

/// Where pages are written by hand.
const FOLDERS: [&str; 6] = ["", "concepts", "tasks", "plugins", "operations", "operations/alerts"];

/// The pages of one folder of `docs/src`, in the order of their names.
fn pages(folder: &str) -> Result<Vec<PathBuf>> {
    let folder = source().join(folder);
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut pages = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    pages.retain(|page| page.extension().is_some_and(|ending| ending == "md"));
    pages.sort();
    ensure!(!pages.is_empty(), "no pages in {}", folder.display());
    Ok(pages)
}

fn source() -> PathBuf {
    environment::repository().join("docs/src")
}

/// Runs the pages of a folder, and tells of every one that does not do what it says.
fn run(folder: &str) -> Result<()> {
    let mut wrong = Vec::new();
    for path in pages(folder)? {
        let name = path.strip_prefix(source())?.display().to_string();
        eprintln!("{name}");
        if let Err(error) = page::read(&path).and_then(|page| script::run(&name, &page)) {
            wrong.push(format!("{name}: {error:#}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

#[test]
fn the_quick_start_runs() -> Result<()> {
    run("")
}

#[test]
fn the_concepts_run() -> Result<()> {
    run("concepts")
}

#[test]
fn the_tasks_run() -> Result<()> {
    run("tasks")
}

#[test]
fn the_plugins_run() -> Result<()> {
    run("plugins")
}

#[test]
fn the_operations_run() -> Result<()> {
    run("operations")
}

#[test]
fn the_pages_of_alerts_run() -> Result<()> {
    run("operations/alerts")
}

#[test]
fn every_link_leads_somewhere_and_every_page_is_in_the_summary() -> Result<()> {
    let root = environment::repository();
    let mut files: Vec<PathBuf> = FOLDERS.into_iter().map(pages).collect::<Result<Vec<_>>>()?.concat();
    let summary = std::fs::read_to_string(source().join("SUMMARY.md"))?;
    for file in files.iter().filter(|file| !file.ends_with("SUMMARY.md")) {
        let name = file.strip_prefix(source())?.display().to_string();
        ensure!(summary.contains(&format!("({name})")), "{name} is not in SUMMARY.md");
    }
    let others =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md", "bench/README.md"];
    files.extend(others.into_iter().map(|name| root.join(name)));
    let wrong: Vec<String> = files.iter().map(|file| links::broken(file)).collect::<Result<Vec<_>>>()?.concat();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// A path for messages.
fn shown(path: &Path) -> String {
    path.strip_prefix(environment::repository()).unwrap_or(path).display().to_string()
}
