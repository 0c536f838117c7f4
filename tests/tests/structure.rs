//! The sources keep to the structure that ARCHITECTURE.md describes: which module may know which. A new edge fails here and
//! is either a mistake or a change of the architecture, to be made in this table and in that document.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use otelier::run::Components;
use otelier_tests::environment;

/// Each top-level module of the host, and the ones it may name.
const EDGES: &[(&str, &[&str])] = &[
    ("main", &["config", "control", "files", "plugins", "run", "wasm"]),
    ("dlq", &["clock", "control"]),
    ("allocator", &[]),
    ("components_command", &["config", "run"]),
    ("config_command", &["config", "run"]),
    ("plugin_build", &["inspect"]),
    ("plugin_command", &["clock", "contract", "inspect", "control", "plugin_build", "updates"]),
    ("inspect", &["config", "contract", "otlp", "plugins", "processor", "wasm"]),
    (
        "run",
        &[
            "clock",
            "config",
            "connectors",
            "contract",
            "control",
            "delivery",
            "descriptors",
            "exporters",
            "extensions",
            "families",
            "files",
            "logs",
            "net",
            "pipeline",
            "plugins",
            "processor",
            "processors",
            "receivers",
            "storage",
            "telemetry",
            "updates",
        ],
    ),
    (
        "updates",
        &[
            "clock",
            "config",
            "contract",
            "delivery",
            "files",
            "guard",
            "pipeline",
            "plugins",
            "processor",
            "telemetry",
            "wasm",
        ],
    ),
    // Dead letters are shown in the words of the debug exporter, and sent again through lanes and pipelines.
    (
        "control",
        &[
            "config",
            "contract",
            "delivery",
            "exporters",
            "files",
            "logs",
            "pipeline",
            "storage",
            "telemetry",
            "updates",
        ],
    ),
    ("plugins", &["config", "contract", "processor", "wasm"]),
    ("logs", &["config"]),
    (
        "pipeline",
        &["clock", "config", "contract", "delivery", "families", "guard", "otlp", "processor", "storage", "telemetry"],
    ),
    ("delivery", &["clock", "contract", "guard", "otlp", "storage", "telemetry"]),
    ("wasm", &["clock", "contract", "files", "otlp", "processor"]),
    ("processor", &["clock", "contract", "files", "otlp", "storage", "telemetry"]),
    ("net", &["contract", "descriptors", "files", "otlp"]),
    ("receivers", &["contract", "families", "net", "otlp", "telemetry"]),
    ("exporters", &["contract", "families", "net", "otlp", "telemetry"]),
    ("connectors", &["contract", "families", "otlp"]),
    ("processors", &["extensions", "families"]),
    ("extensions", &["clock", "contract", "families", "files", "net", "otlp", "telemetry"]),
    ("families", &["config", "contract", "telemetry"]),
    ("config", &["contract", "files"]),
    ("otlp", &["contract"]),
    ("storage", &["contract", "descriptors", "files", "guard"]),
    ("telemetry", &[]),
    ("files", &[]),
    ("descriptors", &[]),
    ("guard", &[]),
    ("clock", &[]),
    ("contract", &[]),
];

/// What `pipeline` may name of `config`: a plan, never the reading of it.
const OF_THE_PLAN: &[&str] = &["Plan", "PipelinePlan", "ProcessorPlan", "PluginPlan", "Component"];

/// Crates that only one module names.
const HOMES: &[(&str, &str)] = &[("rocksdb", "storage"), ("wasmtime", "wasm")];

/// What `storage` has for the others: its ends, and what they make. Keys and families are its own affair.
const OF_THE_STORE: &[&str] = &[
    "Division",
    "ExporterQueue",
    "Namespace",
    "QueueStore",
    "Section",
    "StateStore",
    "Store",
    "StoreError",
    "Write",
    "told_to_senders",
];

/// The files that may say `unsafe`: one loads machine code from the cache, the other one calls the allocator.
const UNSAFE_HOMES: [&str; 2] = ["wasm/trusted.rs", "allocator.rs"];

/// One file, without its tests and comments.
struct Source {
    path: String,
    /// The first part of its path.
    module: String,
    /// Folders between the module and the file's own items.
    depth: usize,
    code: String,
}

fn sources() -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in ["host/src", "host/cli/src"] {
        let root = environment::repository().join(folder);
        let mut files = Vec::new();
        collect(&root, &mut files)?;
        for file in files {
            sources.push(source(&root, &file)?);
        }
    }
    sources.retain(|source| !is_test(&source.path));
    ensure!(sources.len() > 50, "only {} sources", sources.len());
    Ok(sources)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        match path.is_dir() {
            true => collect(&path, files)?,
            false if path.extension().is_some_and(|ending| ending == "rs") => files.push(path),
            false => {}
        }
    }
    files.sort();
    Ok(())
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

fn source(root: &Path, file: &Path) -> Result<Source> {
    let relative = file.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
    let stem = relative.trim_end_matches(".rs").trim_end_matches("/mod");
    let module = stem.split('/').next().unwrap_or_default().to_owned();
    let depth = stem.matches('/').count();
    Ok(Source { module, depth, code: code(&std::fs::read_to_string(file)?), path: relative })
}

/// What is compiled into the host: lines up to the module of tests, which stands last, without comments.
fn code(text: &str) -> String {
    let is_tests = |line: &&str| line.starts_with("#[cfg(test)]") || line.starts_with("#![cfg(test)]");
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().position(is_tests).filter(|at| tests_follow(&lines, *at)).unwrap_or(lines.len());
    let without_comment = |line: &&str| line.split("//").next().unwrap_or_default().to_owned();
    lines.iter().take(end).map(without_comment).collect::<Vec<_>>().join("\n")
}

fn tests_follow(lines: &[&str], at: usize) -> bool {
    lines.iter().skip(at + 1).find(|line| !line.starts_with("#[")).is_some_and(|line| line.starts_with("mod tests"))
}

/// The names that follow `prefix` in the code: `crate::` in front of `storage::Store` and of `{storage, wasm::Engine}`.
fn names_after<'c>(code: &'c str, prefix: &str) -> Vec<(&'c str, &'c str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = code.get(at + prefix.len()..).unwrap_or_default();
        match rest.strip_prefix('{') {
            Some(group) => found.extend(parts(group).into_iter().map(|part| (first_name(part), part))),
            None => found.push((first_name(rest), statement(rest))),
        }
    }
    found
}

/// The parts of a group, up to its closing brace.
fn parts(group: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(group.get(start..at).unwrap_or_default().trim());
                return parts;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(group.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

fn statement(rest: &str) -> &str {
    rest.split(';').next().unwrap_or_default()
}

fn first_name(path: &str) -> &str {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    path.get(..path.find(|c| !is_name(c)).unwrap_or(path.len())).unwrap_or_default()
}

/// The other top-level modules that a source names.
fn edges<'s>(source: &'s Source, modules: &BTreeSet<&str>) -> Vec<(&'s str, &'s str)> {
    let mut named = names_after(&source.code, "crate::");
    named.extend(names_after(&source.code, "otelier::"));
    // As many steps up as lead out of the module lead to its siblings.
    named.extend(names_after(&source.code, &"super::".repeat(source.depth + 1)));
    named.retain(|(name, _)| modules.contains(name) && *name != source.module);
    named
}

#[test]
fn modules_know_only_whom_they_may() -> Result<()> {
    let sources = sources()?;
    let modules: BTreeSet<&str> =
        sources.iter().map(|source| source.module.as_str()).filter(|module| *module != "lib").collect();
    let listed: BTreeSet<&str> = EDGES.iter().map(|(module, _)| *module).collect();
    assert_eq!(modules, listed, "every module has a line in the table");
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for source in sources.iter().filter(|source| source.module != "lib") {
        let allowed = EDGES.iter().find(|(module, _)| *module == source.module).map_or(&[][..], |(_, allowed)| allowed);
        for (name, _) in edges(source, &modules) {
            used.insert((source.module.as_str(), name));
            if !allowed.contains(&name) {
                wrong.push(format!("{} names {name}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "edges that ARCHITECTURE.md does not have: {wrong:#?}");
    let every = EDGES.iter().flat_map(|(module, allowed)| allowed.iter().map(move |name| (*module, *name)));
    let unused: Vec<_> = every.filter(|edge| !used.contains(edge)).collect();
    assert!(unused.is_empty(), "edges that nobody needs any more: {unused:?}");
    Ok(())
}

/// What a source names of another module, of its own crate or of the host.
fn items_of<'s>(source: &'s Source, module: &str) -> Vec<&'s str> {
    let named = ["crate::", "otelier::"].into_iter().flat_map(|prefix| names_after(&source.code, prefix));
    let paths = named.filter(|(name, _)| *name == module).map(|(_, path)| path);
    let items = paths.flat_map(|path| {
        let path = path.strip_prefix(module).unwrap_or(path).trim_start_matches("::");
        path.strip_prefix('{').map_or_else(|| vec![path], |group| parts(group))
    });
    items.map(first_name).collect()
}

#[test]
fn pipelines_are_built_from_a_plan_and_know_nothing_else_of_the_configuration() -> Result<()> {
    for source in sources()?.iter().filter(|source| source.module == "pipeline") {
        for item in items_of(source, "config") {
            ensure!(OF_THE_PLAN.contains(&item), "{} uses config::{item}", source.path);
        }
    }
    Ok(())
}

/// So a backend can change its families, and state and queues can be in two: nobody else builds a key, or a change of one.
#[test]
fn only_the_store_knows_its_keys() -> Result<()> {
    let mut users = 0;
    for source in sources()?.iter().filter(|source| source.module != "storage") {
        let items = items_of(source, "storage");
        users += usize::from(!items.is_empty());
        for item in items {
            ensure!(OF_THE_STORE.contains(&item), "{} uses storage::{item}", source.path);
        }
        for made in ["Write::Put", "Write::Delete", ".backend()"] {
            ensure!(!source.code.contains(made), "{} has {made}: the store's ends have a function for it", source.path);
        }
    }
    ensure!(users > 10, "the test's own eyes: {users} users");
    Ok(())
}

/// Whoever reads, checks and builds a configuration goes by the tables of families: a new type is a folder and a line of its family's table.
#[test]
fn a_type_of_components_is_named_in_its_own_folder_alone() -> Result<()> {
    let types = Components::with(&[]);
    let catalogue = types.catalogue();
    let names: BTreeSet<&str> =
        catalogue.iter().flat_map(|(_, types)| types.iter().flat_map(|about| about.names)).copied().collect();
    ensure!(names.len() > 12, "{names:?}");
    let homes = ["receivers", "processors", "exporters", "extensions", "connectors"];
    // What to write in the place of a type that there is not; and a log level that is called as a type is.
    let others = ["config/instead.rs", "config/telemetry.rs"];
    let is_exempt = |source: &&Source| homes.contains(&&*source.module) || others.contains(&&*source.path);
    for source in sources()?.iter().filter(|source| !is_exempt(source)) {
        let named = names.iter().find(|name| source.code.contains(&format!("\"{name}\"")));
        ensure!(named.is_none(), "{} knows the type {}", source.path, named.unwrap_or(&""));
    }
    for home in homes {
        let text = std::fs::read_to_string(environment::repository().join(format!("host/src/{home}/mod.rs")))?;
        let matches = |line: &&str| line.contains(" => ");
        ensure!(!text.lines().any(|line| matches(&line)), "{home}/mod.rs decides by more than its table");
    }
    Ok(())
}

#[test]
fn a_dependency_with_a_home_is_named_nowhere_else() -> Result<()> {
    for source in sources()? {
        for (name, home) in HOMES {
            let named = !names_after(&source.code, &format!("{name}::")).is_empty();
            ensure!(!named || source.module == *home, "{} names {name}, which only {home} may", source.path);
        }
    }
    Ok(())
}

#[test]
fn nothing_is_unsafe_and_nothing_is_unwrapped() -> Result<()> {
    let mut wrong = Vec::new();
    for source in sources()? {
        for (number, line) in (1..).zip(source.code.lines()) {
            // `const { … }` is evaluated by the compiler: it fails to build, not to run.
            let line = if line.contains("const {") { "" } else { line };
            for forbidden in ["unsafe ", ".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!("] {
                let at_home = forbidden == "unsafe " && UNSAFE_HOMES.contains(&&*source.path);
                if line.contains(forbidden) && !at_home {
                    wrong.push(format!("{}:{number}: {}", source.path, line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// `tests/src/scrape.rs` reads each answer strictly; a test with a request of its own would see what nobody has checked.
#[test]
fn no_test_scrapes_but_through_the_strict_reader() -> Result<()> {
    let mut files = Vec::new();
    collect(&environment::repository().join("tests/tests"), &mut files)?;
    // In two pieces, so that this file is none of them.
    let path = concat!("\"/met", "rics\"");
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        ensure!(!text.contains(path), "{} asks for {path} itself", file.display());
    }
    Ok(())
}

/// The test's own eyes.
#[test]
fn names_are_found_in_every_form_of_use() {
    let code = "use crate::config::{self, Plan};\nuse crate::{clock::Clock, storage::{Store, Write}};\n\
                fn f() -> crate::telemetry::Counter { notcrate::wasm::x() }";
    let names: Vec<&str> = names_after(code, "crate::").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["config", "clock", "storage", "telemetry"]);
    let source =
        Source { path: String::new(), module: "a".into(), depth: 1, code: "use super::super::wasm::E;".into() };
    assert_eq!(edges(&source, &BTreeSet::from(["a", "wasm"])).len(), 1);
}

/// The numbers that stand between two characters, as in `[7]`.
fn numbers(text: &str, before: char, after: char) -> BTreeSet<u32> {
    let found = text.split(before).skip(1).filter_map(|rest| rest.split(after).next());
    found.filter_map(|number| number.trim().parse().ok()).collect()
}

#[test]
fn every_guarantee_has_a_test_and_every_cell_a_guarantee() -> Result<()> {
    let root = environment::repository();
    let page = |name: &str| std::fs::read_to_string(root.join("docs/src").join(name));
    let (text, bounds) = (page("guarantees.md")?, page("bounds.md")?);
    for page in [&text, &bounds] {
        let (table, proofs) = page.split_once("\n| | proved by").context("no table of proofs")?;
        for proof in proofs.split('`').filter(|word| word.contains("::")) {
            let (suite, name) = proof.split_once("::").context("no suite")?;
            let mut files = Vec::new();
            collect(&root.join("tests/tests").join(suite), &mut files)?;
            let signature = format!("fn {name}()");
            let is_there = |file: &PathBuf| std::fs::read_to_string(file).is_ok_and(|text| text.contains(&signature));
            ensure!(files.iter().any(is_there), "the book names a test that is not there: {proof}");
        }
        let proved: BTreeSet<u32> =
            proofs.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok()).collect();
        ensure!(numbers(table, '[', ']') == proved, "numbers in the book without a proof, or proofs of nothing");
    }
    let (failures, _) = text.split_once("\n| | proved by").context("no table of proofs")?;
    let rows: Vec<&str> = failures.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    ensure!(rows.len() > 15, "only {} failures", rows.len());
    for row in rows {
        let cells = row.trim_matches('|').split('|').skip(1);
        cells.clone().try_for_each(|cell| {
            ensure!(!numbers(cell, '[', ']').is_empty(), "a cell of the guarantees without a proof: {cell}");
            Ok(())
        })?;
    }
    Ok(())
}
