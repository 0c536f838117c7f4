//! The sources keep to the structure that ARCHITECTURE.md describes: which module may know which. A new edge fails here and
//! is either a mistake or a change of the architecture, to be made in this table and in that document.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod imports;
mod paths;
mod picture;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use otelier::run::Components;
use otelier_tests::environment;

use crate::imports::{File, Sources, circles};

/// Each top-level module of the host and of its command line, and the ones it may name: all of them stand below it.
const EDGES: &[(&str, &[&str])] = &[
    (
        "main",
        &[
            "allocator",
            "arguments",
            "built_in",
            "command_line",
            "components_command",
            "config",
            "config_command",
            "control",
            "dlq",
            "files",
            "health",
            "output",
            "plugin_command",
            "plugins",
            "run",
            "status_command",
            "wasm",
        ],
    ),
    ("config_command", &["arguments", "config", "output", "run"]),
    (
        "plugin_command",
        &[
            "arguments",
            "built_in",
            "clock",
            "contract",
            "control",
            "inspect",
            "output",
            "plugin_build",
            "plugin_new",
            "plugin_test",
            "updates",
        ],
    ),
    ("components_command", &["built_in", "config", "output", "run"]),
    ("status_command", &["arguments", "control", "output", "status"]),
    ("arguments", &["built_in", "config", "run"]),
    ("command_line", &["output"]),
    ("dlq", &["clock", "control", "output"]),
    ("plugin_new", &["built_in", "output", "run"]),
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
            "intake",
            "logs",
            "net",
            "own_telemetry",
            "pipeline",
            "plugins",
            "processor",
            "processors",
            "pulse",
            "receivers",
            "service_manager",
            "status",
            "storage",
            "telemetry",
            "updates",
        ],
    ),
    ("plugin_test", &["cases", "contract", "output", "plugin_build"]),
    ("plugin_build", &["inspect", "output"]),
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
            "status",
            "storage",
            "telemetry",
            "updates",
        ],
    ),
    ("cases", &["clock", "config", "contract", "delivery", "otlp", "processor", "storage", "wasm"]),
    ("inspect", &["config", "contract", "otlp", "plugins", "processor", "wasm"]),
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
    ("plugins", &["config", "contract", "processor", "wasm"]),
    ("processors", &["contract", "extensions", "families"]),
    (
        "pipeline",
        &[
            "clock",
            "config",
            "contract",
            "delivery",
            "families",
            "guard",
            "otlp",
            "processor",
            "pulse",
            "storage",
            "telemetry",
        ],
    ),
    ("wasm", &["clock", "contract", "files", "otlp", "processor"]),
    ("receivers", &["contract", "families", "intake", "net", "otlp"]),
    ("exporters", &["contract", "families", "files", "net", "otlp", "telemetry"]),
    ("connectors", &["contract", "families", "otlp"]),
    ("extensions", &["clock", "contract", "families", "files", "intake", "net", "otlp", "status", "telemetry"]),
    ("logs", &["config", "own_telemetry", "status"]),
    // Whoever sends is handed in: a client of an exporter's.
    ("own_telemetry", &["contract", "otlp", "telemetry"]),
    ("delivery", &["clock", "contract", "guard", "otlp", "pulse", "storage", "telemetry"]),
    ("processor", &["clock", "contract", "files", "otlp", "storage", "telemetry"]),
    ("families", &["config", "contract", "intake", "status", "telemetry"]),
    ("intake", &["contract", "net", "otlp", "telemetry"]),
    ("net", &["contract", "descriptors", "files", "otlp"]),
    // What is told of a host is read from counters, health and the log.
    ("status", &["clock", "contract", "telemetry"]),
    ("built_in", &["config"]),
    ("config", &["contract", "files"]),
    ("otlp", &["contract"]),
    ("storage", &["contract", "descriptors", "files", "guard"]),
    ("allocator", &[]),
    ("telemetry", &[]),
    ("files", &[]),
    ("descriptors", &[]),
    ("guard", &[]),
    ("pulse", &[]),
    ("service_manager", &[]),
    ("clock", &[]),
    ("contract", &[]),
    ("health", &["output"]),
    ("output", &[]),
];

/// What `pipeline` may name of `config`: a plan, never the reading of it.
const OF_THE_PLAN: &[&str] = &["Plan", "PipelinePlan", "ProcessorPlan", "PluginPlan", "Component"];

/// Crates that only one module names.
const HOMES: &[(&str, &str)] = &[("rocksdb", "storage"), ("wasmtime", "wasm"), ("tonic", "intake")];

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

/// Files that may import each other in a circle, such as a small state machine and its parts.
const CIRCLE_FILES_MAX: usize = 3;

/// One file, without its tests and comments.
struct Source {
    /// Below its crate's `src`.
    path: String,
    /// The first part of its path.
    module: String,
    code: String,
    file: File,
    /// Modules below it that are compiled into its tests alone.
    of_tests: Vec<Vec<String>>,
}

fn sources() -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for (folder, name) in [("host/src", "otelier"), ("host/cli/src", "cli")] {
        let root = environment::repository().join(folder);
        let mut files = Vec::new();
        collect(&root, &mut files)?;
        for file in files {
            let relative = file.strip_prefix(&root)?.to_string_lossy().replace('\\', "/");
            sources.push(source(folder, name, relative, &std::fs::read_to_string(&file)?));
        }
    }
    let of_tests: Vec<Vec<String>> = sources.iter().flat_map(|source| source.of_tests.clone()).collect();
    sources.retain(|source| !of_tests.iter().any(|module| source.file.module.starts_with(module)));
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

fn source(folder: &str, name: &str, path: String, text: &str) -> Source {
    let stem = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let module = stem.split('/').next().unwrap_or_default().to_owned();
    let inside = if matches!(stem, "lib" | "main") { name.to_owned() } else { format!("{name}/{stem}") };
    let code = code(text);
    let file = File::new(&format!("{folder}/{path}"), &inside.replace('/', "::"), &code);
    let of_tests = modules_of_tests(text).map(|name| [file.module.as_slice(), &[name.to_owned()]].concat()).collect();
    Source { module, file, code, path, of_tests }
}

/// The files that a source declares for its tests: `#[cfg(test)]`, and then `mod name;`.
fn modules_of_tests(text: &str) -> impl Iterator<Item = &str> {
    let mut is_marked = false;
    text.lines().filter_map(move |line| {
        let bare = line.trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        let declared = bare.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
        let found = declared.filter(|_| is_marked);
        is_marked = line.starts_with("#[cfg(test)]") || is_marked && line.starts_with("#[");
        found
    })
}

/// What is compiled into the host: lines up to the module of tests, which stands last, without comments.
fn code(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_tests = |at: &usize| lines[*at].starts_with("#[cfg(test)]") && tests_follow(&lines[*at..]);
    let end = (0..lines.len()).find(is_tests).unwrap_or(lines.len());
    let without_comment = |line: &&str| line.split("//").next().unwrap_or_default().to_owned();
    lines.iter().take(end).map(without_comment).collect::<Vec<_>>().join("\n")
}

/// Whether the module has its tests in it: those in a file of their own are no part of it.
fn tests_follow(lines: &[&str]) -> bool {
    lines.iter().find(|line| !line.starts_with("#[")).is_some_and(|line| line.starts_with("mod tests {"))
}

/// The paths that a source names, from their crates on.
fn paths(files: &Sources<'_>, file: &File) -> Vec<Vec<String>> {
    file.named.iter().filter_map(|named| files.absolute(file, &named.parts)).collect()
}

fn files(sources: &[Source]) -> Sources<'_> {
    Sources::new(sources.iter().map(|source| &source.file))
}

#[test]
fn modules_know_only_whom_they_may() -> Result<()> {
    let sources = sources()?;
    let files = files(&sources);
    let modules: BTreeSet<&str> =
        sources.iter().map(|source| source.module.as_str()).filter(|module| *module != "lib").collect();
    let listed: BTreeSet<&str> = EDGES.iter().map(|(module, _)| *module).collect();
    assert_eq!(modules, listed, "every module has a line in the table");
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for source in sources.iter().filter(|source| source.module != "lib") {
        let allowed = EDGES.iter().find(|(module, _)| *module == source.module).map_or(&[][..], |(_, allowed)| allowed);
        for path in paths(&files, &source.file) {
            let Some(name) = path.get(1).and_then(|name| modules.get(name.as_str())) else { continue };
            if *name == source.module {
                continue;
            }
            used.insert((source.module.clone(), *name));
            if !allowed.contains(name) {
                wrong.push(format!("{} names {name}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "edges that ARCHITECTURE.md does not have: {wrong:#?}");
    let every =
        EDGES.iter().flat_map(|(module, allowed)| allowed.iter().map(move |name| ((*module).to_owned(), *name)));
    let unused: Vec<_> = every.filter(|edge| !used.contains(edge)).collect();
    assert!(unused.is_empty(), "edges that nobody needs any more: {unused:?}");
    Ok(())
}

/// What a source names of another module.
fn items_of(files: &Sources<'_>, source: &Source, module: &str) -> Vec<String> {
    let of_module = |path: Vec<String>| match &path[..] {
        [_, named, rest @ ..] if named == module => Some(rest.first().cloned().unwrap_or_else(|| "itself".to_owned())),
        _ => None,
    };
    paths(files, &source.file).into_iter().filter_map(of_module).collect()
}

#[test]
fn no_arrow_leads_upwards() {
    for (place, (module, allowed)) in EDGES.iter().enumerate() {
        let above = EDGES.iter().take(place + 1).find(|(other, _)| allowed.contains(other));
        assert!(above.is_none(), "{module} imports {above:?}, which stands above it: no order of the table is one way");
    }
}

#[test]
fn no_circle_of_imports_is_large() -> Result<()> {
    let sources = sources()?;
    let arrows = files(&sources).arrows();
    ensure!(arrows.len() > 1000, "only {} arrows", arrows.len());
    let circles = circles(&arrows, CIRCLE_FILES_MAX);
    ensure!(circles.is_empty(), "move what several need to a file below them:\n{}", circles.join("\n"));
    Ok(())
}

#[test]
fn pipelines_are_built_from_a_plan_and_know_nothing_else_of_the_configuration() -> Result<()> {
    let sources = sources()?;
    let files = files(&sources);
    for source in sources.iter().filter(|source| source.module == "pipeline") {
        for item in items_of(&files, source, "config") {
            ensure!(OF_THE_PLAN.contains(&item.as_str()), "{} uses config::{item}", source.path);
        }
    }
    Ok(())
}

/// So a backend can change its families, and state and queues can be in two: nobody else builds a key, or a change of one.
#[test]
fn only_the_store_knows_its_keys() -> Result<()> {
    let (sources, mut users) = (sources()?, 0);
    let files = files(&sources);
    for source in sources.iter().filter(|source| source.module != "storage") {
        let items = items_of(&files, source, "storage");
        users += usize::from(!items.is_empty());
        for item in items {
            ensure!(OF_THE_STORE.contains(&item.as_str()), "{} uses storage::{item}", source.path);
        }
        for made in ["Write::Put", "Write::Delete", ".backend()"] {
            ensure!(!source.code.contains(made), "{} has {made}: the store's ends have a function for it", source.path);
        }
    }
    ensure!(users > 10, "the test's own eyes: {users} users");
    Ok(())
}

/// Types that are called as something else is: `file` is a key of the manifest, a scheme of URIs, and a cause of a swap.
const WORDS: [&str; 1] = ["file"];

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
        let named = names.iter().find(|name| !WORDS.contains(*name) && source.code.contains(&format!("\"{name}\"")));
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
            let named = source.file.named.iter().any(|named| named.parts.first().is_some_and(|first| first == name));
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
fn what_only_tests_compile_is_no_source() {
    let text = "mod a;\n#[cfg(test)]\nmod tests;\nmod b;\n#[cfg(test)]\n#[path = \"x\"]\npub mod memory;\nmod c;\n\
                #[cfg(test)]\npub(crate) mod served;";
    assert_eq!(modules_of_tests(text).collect::<Vec<_>>(), ["tests", "memory", "served"]);
    let cut = code("fn f() {} // why\n#[cfg(test)]\nmod tests;\nfn g() {}\n#[cfg(test)]\nmod tests {\nfn h() {}\n}");
    assert!(cut.contains("fn g") && !cut.contains("fn h") && !cut.contains("why"), "{cut}");
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
