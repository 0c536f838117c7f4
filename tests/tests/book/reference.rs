//! The reference of the book, as the binary describes itself: `otelier components --format json` and `otelier config schema`. The pages are in the
//! repository so that they can be read there; `OTELIER_TEST_GOLDEN=write` writes them anew.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;
use serde_json::Value;

/// Set to `write`, it writes what the binary says today.
const WRITE: &str = "OTELIER_TEST_GOLDEN";

/// Families, and what stands at the top of their pages.
const FAMILIES: [(&str, &str, &str); 5] = [
    (
        "receiver",
        "Receivers",
        "Under `receivers`. A pipeline lists them; each accepts telemetry for every pipeline that does.",
    ),
    (
        "processor",
        "Processors",
        "Under `processors`. Most processors are [plugins](../plugins/first.md) and read their own keys: [`aggregate`](../tasks/aggregate.md), [`attributes`, `filter` and `resource`](../tasks/filter.md) are built in, others come with a [manifest](../plugins/manifest.md). What stands here is the host's own.",
    ),
    ("exporter", "Exporters", "Under `exporters`."),
    (
        "extension",
        "Extensions",
        "Under `extensions`, and in the list `service.extensions`. [Circuit breakers](../tasks/breakers.md) are extensions as well, and plugins.",
    ),
    (
        "connector",
        "Connectors",
        "Under `connectors`. A connector stands among the exporters of one pipeline and among the receivers of others: see [Connect pipelines](../tasks/route.md).",
    ),
];

/// What the host reads of a processor that is a plugin.
const OF_EVERY_PLUGIN: &str = "Of a plugin's processor these keys are the host's. The plugin sees neither, so a plugin of your own cannot have a key of that name.";

/// What every table has.
const HEADER: &str = "| key | what | default | meaning | in a Collector |\n|---|---|---|---|---|\n";

/// A key of a configuration.
struct Key {
    path: String,
    schema: Value,
    is_required: bool,
}

fn printed(words: &[&str]) -> Result<Value> {
    let output = Command::new(environment::binary()?).args(words).output()?;
    ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The forms that a value can have, without nothing at all, and without a reference in its place.
fn forms(schema: &Value) -> Vec<&Value> {
    match schema["anyOf"].as_array() {
        Some(forms) => {
            let forms = forms.iter().filter(|form| form["type"] != "null" && form["$ref"].is_null());
            forms.flat_map(self::forms).collect()
        }
        None => vec![schema],
    }
}

fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default(),
        kind => kind.as_str().unwrap_or_default(),
    }
}

/// Every key at or below a schema, in alphabetical order, a mapping in front of what it has.
fn keys(schema: &Value, path: &str, found: &mut Vec<Key>) {
    for form in forms(schema) {
        if kind(form) == "array" {
            keys(&form["items"], &format!("{path}[]"), found);
        }
        let Some(properties) = form["properties"].as_object() else { continue };
        for (name, property) in properties {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let is_required =
                form["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name));
            found.push(Key { path: path.clone(), schema: property.clone(), is_required });
            keys(property, &path, found);
        }
    }
}

/// Fixed values, each with its meaning where it has one of its own.
fn values(schema: &Value) -> Vec<(&str, Option<&str>)> {
    let alternatives = schema["oneOf"].as_array().into_iter().flatten().chain([schema]);
    alternatives
        .flat_map(|form| {
            let meaning = form.get("const").and(form["description"].as_str());
            let fixed = form["enum"].as_array().into_iter().flatten().chain(form.get("const"));
            fixed.filter_map(Value::as_str).map(move |value| (value, meaning))
        })
        .collect()
}

fn what(schema: &Value) -> String {
    let words = forms(schema).into_iter().map(|form| {
        let values = values(form);
        if !values.is_empty() {
            return values.iter().map(|(value, _)| format!("`{value}`")).collect::<Vec<_>>().join(", ");
        }
        match (kind(form), form["format"].as_str()) {
            ("string", Some("duration")) => "duration".to_owned(),
            ("string", _) => "text".to_owned(),
            ("boolean", _) => "true or false".to_owned(),
            ("integer", _) if form["minimum"] == 1 => "whole number from 1".to_owned(),
            ("integer", _) => "whole number".to_owned(),
            ("number", _) => "number".to_owned(),
            ("array", _) => format!("list: {}", what(&form["items"])),
            ("object", _) if form["additionalProperties"].is_object() => "mapping of names to texts".to_owned(),
            ("object", _) => "mapping".to_owned(),
            _ => "anything".to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(", or ")
}

fn meaning(key: &Key) -> String {
    let mut text = key.schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    for form in forms(&key.schema) {
        for (value, meaning) in values(form) {
            if let Some(meaning) = meaning {
                // Writing to a String cannot fail.
                let _ = write!(text, " `{value}`: {}", meaning.replace('\n', " "));
            }
        }
    }
    text
}

fn default(key: &Key) -> String {
    let forms = forms(&key.schema);
    let default = forms.iter().map(|form| &form["default"]).find(|default| !default.is_null());
    match default.unwrap_or(&key.schema["default"]) {
        Value::Null if key.is_required => "required".to_owned(),
        Value::Null | Value::Object(_) => String::new(),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => format!("`{text}`"),
        value => format!("`{value}`"),
    }
}

fn table(schema: &Value) -> Result<String> {
    let mut found = Vec::new();
    keys(schema, "", &mut found);
    if found.is_empty() {
        return Ok("No keys.\n".to_owned());
    }
    let mut text = HEADER.to_owned();
    for key in &found {
        ensure!(!meaning(key).is_empty(), "{} has no meaning: its field has no comment", key.path);
        let said = |what: &str| {
            let forms = forms(&key.schema);
            forms.into_iter().chain([&key.schema]).find_map(|form| Some(form[what].as_str()?.to_owned()))
        };
        let no_effect = said("x-no-effect").map(|reason| format!("no effect here: {reason}"));
        let collector = no_effect.or_else(|| said("x-collector")).unwrap_or_else(|| "same".to_owned());
        let cells = [format!("`{}`", key.path), what(&key.schema), default(key), meaning(key), collector];
        writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))?;
    }
    Ok(text)
}

fn page(family: &str, title: &str, introduction: &str, components: &[Value]) -> Result<String> {
    let mut text = format!("# {title}\n\n{introduction}\n");
    for component in components.iter().filter(|component| component["family"] == family) {
        let name = component["type"].as_str().context("no type")?;
        write!(text, "\n## {name}\n\nStability: {}.", component["stability"].as_str().context("no stability")?)?;
        let aliases: Vec<String> = component["aliases"]
            .as_array()
            .context("no aliases")?
            .iter()
            .filter_map(Value::as_str)
            .map(|alias| format!("`{alias}`"))
            .collect();
        if !aliases.is_empty() {
            write!(text, " Also called {}.", aliases.join(" and "))?;
        }
        write!(text, "\n\n{}", table(&component["configuration"]).with_context(|| format!("{family} {name}"))?)?;
    }
    Ok(text)
}

/// The host's keys of plugins, in front of the processors that are none.
fn with_keys_of_plugins(page: &str) -> Result<String> {
    let schema = printed(&["config", "schema"])?;
    let keys = &schema["properties"]["processors"]["anyOf"][0]["additionalProperties"];
    let (introduction, types) = page.split_once("\n## ").context("no types")?;
    Ok(format!("{introduction}\n## Every plugin\n\n{OF_EVERY_PLUGIN}\n\n{}\n## {types}", table(keys)?))
}

fn service() -> Result<String> {
    let schema = printed(&["config", "schema"])?;
    let service = &schema["properties"]["service"]["anyOf"][0]["properties"];
    let mut text =
        "# Service\n\nUnder `service`: what pipelines there are, and what holds for all of them.\n".to_owned();
    for (key, introduction) in [
        ("receivers", "Bounds over all receivers together."),
        ("delivery", "Bounds over all exporters that push."),
        (
            "telemetry",
            "What the collector says of itself: logs, [metrics](../operations/metrics.md) and traces, here and [pushed](../operations/own-telemetry.md).",
        ),
    ] {
        write!(text, "\n## {key}\n\n{introduction}\n\n{}", table(&service[key])?)?;
    }
    Ok(text)
}

/// Pages by name.
fn pages() -> Result<Vec<(String, String)>> {
    let described = printed(&["components", "--format", "json"])?;
    let components = described["components"].as_array().context("no components")?;
    let of_family = |(family, title, introduction): (&str, &str, &str)| {
        let page = page(family, title, introduction, components)?;
        Ok((title.to_lowercase(), if family == "processor" { with_keys_of_plugins(&page)? } else { page }))
    };
    let mut pages = FAMILIES.into_iter().map(of_family).collect::<Result<Vec<_>>>()?;
    pages.push(("service".to_owned(), service()?));
    Ok(pages)
}

#[test]
fn the_reference_is_what_the_binary_says_of_itself() -> Result<()> {
    for (name, page) in pages()? {
        let file = super::source().join("reference").join(format!("{name}.md"));
        if std::env::var(WRITE).is_ok_and(|value| value == "write") {
            std::fs::create_dir_all(super::source().join("reference"))?;
            std::fs::write(&file, &page)?;
        }
        let present = std::fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))?;
        ensure!(present == page, "{} is not what the binary says; `{WRITE}=write` writes it anew", file.display());
    }
    Ok(())
}

/// What an editor checks by takes what the host takes.
#[test]
fn the_schema_names_every_section() -> Result<()> {
    let schema = printed(&["config", "schema"])?;
    for (family, title, _) in FAMILIES {
        // A section may be a reference as a whole.
        let section = &schema["properties"][title.to_lowercase()]["anyOf"][0];
        ensure!(section["patternProperties"].as_object().is_some_and(|types| !types.is_empty()), "{family}: {section}");
    }
    Ok(())
}
