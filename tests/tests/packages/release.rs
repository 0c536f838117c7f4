//! The files of a release: sums, list of parts, archive.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;
use serde_json::Value;

#[test]
#[ignore = "`cargo xtask test --tier packages` makes what it looks at"]
fn every_file_has_its_sum() -> Result<()> {
    let dist = environment::dist()?;
    let checked = Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&dist).output()?;
    ensure!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let sums = fs::read_to_string(dist.join("SHA256SUMS"))?;
    for kind in [".tar.gz", ".deb", "-oci.tar", "otelier.spdx.json"] {
        ensure!(sums.lines().any(|line| line.ends_with(kind)), "no {kind} in {sums}");
    }
    Ok(())
}

#[test]
#[ignore = "`cargo xtask test --tier packages` makes what it looks at"]
fn the_list_of_parts_has_every_crate_and_what_is_not_rust() -> Result<()> {
    let list: Value = serde_json::from_slice(&fs::read(environment::dist()?.join("otelier.spdx.json"))?)?;
    ensure!(
        list["spdxVersion"] == "SPDX-2.3" && list["dataLicense"] == "CC0-1.0" && list["SPDXID"] == "SPDXRef-DOCUMENT"
    );
    let packages = list["packages"].as_array().context("no packages")?;
    let ids: BTreeSet<&str> = packages.iter().filter_map(|package| package["SPDXID"].as_str()).collect();
    ensure!(ids.len() == packages.len(), "an id is given twice");
    let names: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    for name in ["otelier", "rocksdb", "lz4", "zstd", "mimalloc", "wasmtime", "tokio", "rustls", "aggregate", "regex"] {
        ensure!(names.contains(name), "no {name}");
    }
    ensure!(
        !names.contains("tempfile") && !names.contains("xtask"),
        "what tests and builds need is not in the program"
    );
    for package in packages {
        ensure!(
            package["licenseDeclared"]
                .as_str()
                .is_some_and(|licence| licence != "NOASSERTION" && !licence.contains('/')),
            "{package}"
        );
    }
    for relationship in list["relationships"].as_array().context("no relationships")? {
        let related = relationship["relatedSpdxElement"].as_str().context("related to nothing")?;
        ensure!(ids.contains(related), "{related} is listed nowhere");
    }
    Ok(())
}

#[test]
#[ignore = "`cargo xtask test --tier packages` makes what it looks at"]
fn the_archive_has_a_program_that_runs_and_knows_its_plugins() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut files = fs::read_dir(environment::dist()?)?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let archive = files.find(|path| path.to_string_lossy().ends_with(".tar.gz")).context("no archive")?;
    let unpacked = Command::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(folder.path())
        .status()?;
    ensure!(unpacked.success(), "it cannot be unpacked");
    let top = fs::read_dir(folder.path())?.next().context("it is empty")??.path();
    let binary = top.join("usr/bin/otelier");
    let validated = Command::new(&binary).arg("validate").current_dir(folder.path()).output()?;
    ensure!(
        validated.status.success(),
        "the quick start needs a plugin: {}",
        String::from_utf8_lossy(&validated.stderr)
    );
    let sections = Command::new("readelf").args(["--sections", "--wide"]).arg(&binary).output()?;
    ensure!(!String::from_utf8_lossy(&sections.stdout).contains(".debug_info"), "it is not stripped");
    let mut own = Command::new(&binary);
    own.arg("validate").arg("--config").arg(top.join("etc/otelier/config.yaml"));
    let own = own.arg("--manifest").arg(top.join("etc/otelier/plugins.yaml")).output()?;
    ensure!(own.status.success(), "{}", String::from_utf8_lossy(&own.stderr));
    Ok(())
}
