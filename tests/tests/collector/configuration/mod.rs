//! Configurations through the Collector's resolver and ours: the same tree with the same types, and the same ones refused.
//!
//! The Collector shows a configuration only as its components understand it. So its exporter `anything` (`tests/collector/anything`) takes any
//! tree, and shows the type of each value.

mod cases;
mod differences;
mod generate;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use otelier::config::{ConfigText, Node, Providers, Sources, load_tree};
use otelier_tests::environment;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How many are made up, besides those of `cases`.
const GENERATED: usize = 220;
/// Processes at a time.
const AT_ONCE: usize = 2;

/// A configuration in parts. Each text is what stands in the exporter `anything`.
#[derive(Debug, Clone, Default)]
struct Case {
    texts: Vec<String>,
    sets: Vec<String>,
}

impl Case {
    fn of(text: &str) -> Case {
        Case { texts: vec![text.to_owned()], sets: Vec::new() }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for text in &self.texts {
            writeln!(f, "---\n{text}")?;
        }
        for set in &self.sets {
            writeln!(f, "--set {set}")?;
        }
        Ok(())
    }
}

/// What both know besides the configuration.
const VARIABLES: &[(&str, &str)] = &[
    ("PORT", "4317"),
    ("ZEROS", "0123"),
    ("QUOTED", "\"0123\""),
    ("WORD", "word"),
    ("EMPTY", ""),
    ("LIST", "[1, two]"),
    ("MAP", "{x: 1, y: '${env:PORT}'}"),
    ("NESTED", "a::b: 1"),
    ("NAME", "PORT"),
    ("REF", "${env:WORD}"),
    ("REFS", "${env:WORD} ${env:PORT}"),
    ("DOLLARS", "a$$b"),
    ("DOLLAR", "a$b"),
    ("ESCAPED", "$${env:WORD}"),
    ("TRUE", "true"),
    ("YES", "yes"),
    ("FLOAT", "1.50"),
    ("BROKEN", "a: [b"),
    ("SPACED", " 5 "),
    ("LINES", "a\nb"),
    ("COMMENT", "a # b"),
    ("DATE", "2001-02-03"),
    ("LOOP", "${env:LOOP}"),
    ("LOOPS", "x${env:LOOPS}"),
    ("HASH", "#x"),
    ("NIL", "~"),
];

/// A folder with the files that references name.
struct Machine {
    folder: TempDir,
}

/// Around what a case says.
const BASE: &str = "
receivers: {otlp: {protocols: {grpc: {endpoint: '127.0.0.1:0'}}}}
exporters: {anything: {}}
service: {telemetry: {metrics: {level: none}}, pipelines: {logs: {receivers: [otlp], exporters: [anything]}}}
";

impl Machine {
    fn new() -> Result<Machine> {
        let folder = tempfile::tempdir()?;
        let machine = Machine { folder };
        for (name, text) in cases::FILES {
            fs::write(machine.folder.path().join(name), machine.with_paths(text))?;
        }
        Ok(machine)
    }

    /// Puts the parts of a case into files. Returns the arguments that name them.
    fn write(&self, number: usize, case: &Case) -> Result<Vec<String>> {
        let mut arguments = Vec::new();
        let texts = case.texts.iter().map(|text| around(text));
        for (part, text) in [BASE.to_owned()].into_iter().chain(texts).enumerate() {
            let text = self.with_paths(&text);
            let file = self.folder.path().join(format!("{number}-{part}.yaml"));
            fs::write(&file, text)?;
            arguments.extend(["--config".to_owned(), file.display().to_string()]);
        }
        for set in &case.sets {
            arguments.extend(["--set".to_owned(), format!("exporters.anything.{}", self.with_paths(set))]);
        }
        Ok(arguments)
    }

    /// One of the two is asked in this process, which is in another folder.
    fn with_paths(&self, text: &str) -> String {
        text.replace("${file:", &format!("${{file:{}/", self.folder.path().display()))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(VARIABLES.iter().copied()).current_dir(self.folder.path());
        command
    }

    /// What the Collector understands: `tree`, `texts`, `numbers` and `flags`.
    fn of_collector(&self, arguments: &[String]) -> Result<Result<Value, String>> {
        self.printed(&environment::collector()?, &["print-config", "--validate=false"], arguments)
    }

    /// What a program prints of the exporter, or why it refuses the configuration.
    fn printed(&self, program: &Path, words: &[&str], arguments: &[String]) -> Result<Result<Value, String>> {
        let mut command = self.command(program);
        command.args(words).args(["--mode=unredacted", "--format=json"]).args(arguments);
        let output = command.output()?;
        if !output.status.success() {
            return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let parsed = serde_json::from_slice(&output.stdout);
        let mut whole: Value = parsed.with_context(|| format!("{} prints no JSON", program.display()))?;
        Ok(Ok(whole["exporters"]["anything"].take()))
    }

    /// The same of ours: the tree as the command prints it, the rest as components read it.
    fn of_ours(&self, arguments: &[String]) -> Result<Result<Value, String>> {
        let printed = match self.printed(&environment::binary()?, &["config", "print"], arguments)? {
            Ok(printed) => printed,
            Err(refused) => return Ok(Err(refused)),
        };
        let exporter = match self.node(arguments) {
            Ok(exporter) => exporter,
            Err(error) => return Ok(Err(format!("printed, and refused by {error:#}"))),
        };
        let understood = || -> Result<Value> {
            let mut shown = json!({
                "texts": field::<BTreeMap<String, String>>(&exporter, "texts")?,
                "numbers": field::<BTreeMap<String, i64>>(&exporter, "numbers")?,
                "flags": field::<BTreeMap<String, bool>>(&exporter, "flags")?,
            });
            // Nothing is an empty mapping.
            shown["tree"] = match &printed {
                Value::Null => json!({}),
                Value::Object(_) => typed(&printed),
                _ => anyhow::bail!("a component's configuration is a mapping"),
            };
            Ok(shown)
        };
        Ok(understood().map_err(|error| format!("{error:#}")))
    }

    fn node(&self, arguments: &[String]) -> Result<Node> {
        let mut sources = Sources::default();
        for pair in arguments.chunks(2) {
            match pair {
                [flag, value] if flag == "--config" => sources.configs.push(value.clone()),
                [_, value] => sources.sets.push(value.clone()),
                _ => {}
            }
        }
        let variable =
            |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, text)| OsString::from(text));
        let fetch = |uri: &str| Err(format!("{uri} is nowhere"));
        let providers = Providers { environment: &variable, fetch: &fetch };
        let default = ConfigText { path: Path::new("default"), text: "" };
        let tree = load_tree(&sources, &default, &providers).map_err(|errors| anyhow::anyhow!("{errors}"))?;
        Ok(tree.root.below(&["exporters", "anything"]).clone())
    }
}

/// The text as what stands in the exporter.
fn around(text: &str) -> String {
    let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
    format!("exporters:\n  anything:\n{indented}")
}

/// A field of the exporter, of one type; empty where it is not there.
fn field<T: DeserializeOwned + Default>(exporter: &Node, key: &str) -> Result<T> {
    Ok(exporter.get(key).map(Node::parse).transpose()?.unwrap_or_default())
}

/// The type of each scalar in front of it, as `anything.go` writes it.
fn typed(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => format!("bool {value}").into(),
        Value::Number(number) if number.is_f64() => format!("float {number}").into(),
        Value::Number(number) => format!("int {number}").into(),
        Value::String(text) => format!("text {text}").into(),
        Value::Array(items) => items.iter().map(typed).collect(),
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.replace("::", ";;"), typed(value))).collect(),
    }
}

/// Floats have many forms as text. What JSON has no number for is text in ours, and so is a date.
fn compared(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(number) = text.strip_prefix("float ").and_then(|number| number.parse::<f64>().ok()) {
                *text = match number.is_finite() {
                    true => format!("float {number:e}"),
                    false => format!("text {number}"),
                };
            } else if let Some(date) = text.strip_prefix("time.Time ") {
                *text = format!("text {}", date.trim_end_matches(" 00:00:00 +0000 UTC"));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(compared),
        Value::Object(entries) => entries.values_mut().for_each(compared),
        _ => {}
    }
}

/// What the two make of a case where that is not the same.
fn differs(machine: &Machine, number: usize, case: &Case) -> Result<Option<String>> {
    let arguments = machine.write(number, case)?;
    let (mut theirs, mut ours) = (machine.of_collector(&arguments)?, machine.of_ours(&arguments)?);
    for shown in [&mut theirs, &mut ours] {
        shown.iter_mut().for_each(compared);
    }
    let is_same = match (&theirs, &ours) {
        (Ok(theirs), Ok(ours)) => theirs == ours,
        (theirs, ours) => theirs.is_ok() == ours.is_ok() || differences::is_wanted(theirs, ours),
    };
    let shown = |what: &Result<Value, String>| match what {
        Ok(value) => format!("{value:#}"),
        Err(text) => format!("refused: {text}"),
    };
    Ok((!is_same).then(|| format!("{case}\nCollector: {}\nours: {}\n", shown(&theirs), shown(&ours))))
}

#[test]
fn configurations_resolve_as_the_collector_resolves_them() -> Result<()> {
    let machine = Machine::new()?;
    let seed =
        std::env::var("OTELIER_CONFIGURATION_SEED").ok().map_or_else(|| Ok(fastrand::u64(..)), |seed| seed.parse())?;
    println!("OTELIER_CONFIGURATION_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let mut all = cases::all();
    all.extend(std::iter::repeat_with(|| generate::case(&mut rng)).take(GENERATED));
    ensure!(all.len() >= 300, "only {} configurations", all.len());
    let next = AtomicUsize::new(0);
    let found = std::thread::scope(|scope| -> Result<Vec<String>> {
        let work = || -> Result<Vec<String>> {
            let mut found = Vec::new();
            while let number = next.fetch_add(1, Ordering::Relaxed)
                && let Some(case) = all.get(number)
            {
                found.extend(differs(&machine, number, case)?);
            }
            Ok(found)
        };
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let mut found = Vec::new();
        for worker in workers {
            found.extend(worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??);
        }
        Ok(found)
    })?;
    ensure!(found.is_empty(), "{} of {} differ:\n{}", found.len(), all.len(), found.join("\n"));
    Ok(())
}
