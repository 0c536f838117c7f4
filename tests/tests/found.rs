//! Every input that fuzzing ever found, the seeds it starts from and what real clients sent, against the property that it
//! belongs to: a bug that was found once stays mended, and a machine without a fuzzer notices.
//!
//! A program of its own with one test, because properties count the memory of the whole process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use otelier_properties::{TARGETS, Target};
use otelier_tests::environment;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

#[test]
fn properties_hold_for_the_seeds_and_for_all_that_was_found() -> Result<()> {
    let tests = environment::repository().join("tests");
    let (seeds, found) = (tests.join("fuzz/seeds"), tests.join("fuzz/found"));
    let requests = requests(&tests.join("collections"))?;
    let names: BTreeSet<PathBuf> = TARGETS.iter().map(|target| target.name.into()).collect();
    let with_seeds: BTreeSet<PathBuf> =
        entries(&seeds)?.iter().filter_map(|path| Some(path.file_name()?.into())).collect();
    ensure!(with_seeds == names, "a folder of seeds for each target: {with_seeds:?}, {names:?}");
    let mut broken = Vec::new();
    for target in TARGETS {
        let of_target = entries(&seeds.join(target.name))?;
        ensure!(!of_target.is_empty(), "{} has no seeds", target.name);
        // Where nothing was found there is no folder.
        let was_found = entries(&found.join(target.name)).unwrap_or_default();
        let of_clients = requests.iter().filter(|_| target.takes_requests);
        for file in of_target.iter().chain(&was_found).chain(of_clients) {
            if !holds(target, &std::fs::read(file)?) {
                broken.push(format!("{}: {}", target.name, file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "properties that do not hold, each said above: {broken:#?}");
    Ok(())
}

/// The panic itself says why it does not.
fn holds(target: &Target, bytes: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.check)(bytes))).is_ok()
}

/// All files of all clients.
fn requests(collections: &Path) -> Result<Vec<PathBuf>> {
    let mut requests = Vec::new();
    for client in entries(collections)?.iter().filter(|path| path.is_dir()) {
        requests.extend(entries(client)?);
    }
    ensure!(!requests.is_empty(), "{} has no requests", collections.display());
    Ok(requests)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.sort();
    Ok(paths)
}
