//! The rules themselves: that Prometheus takes them, and that each leads to a page that says what to do.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;
use serde::Deserialize;
use serde_json::Value;

use crate::promtool;

/// Where the pages are that `runbook_url` names.
const PAGES: &str = "https://github.com/otelier/otelier/blob/main/docs/src/operations/alerts/";

/// A rule of the file.
#[derive(Debug, Deserialize)]
pub struct Rule {
    /// The alert's name.
    pub alert: String,
    /// Its query.
    pub expr: String,
    /// What it adds.
    pub labels: Value,
    /// What it says.
    pub annotations: Value,
}

#[derive(Debug, Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// The file.
pub fn file() -> Result<PathBuf> {
    Ok(environment::repository().join("configs/prometheus/alerts.yaml").canonicalize()?)
}

/// All rules.
pub fn all() -> Result<Vec<Rule>> {
    let rules: Rules = serde_saphyr::from_str(&std::fs::read_to_string(file()?)?)?;
    Ok(rules.groups.into_iter().flat_map(|group| group.rules).collect())
}

#[test]
fn prometheus_takes_the_rules() -> Result<()> {
    promtool::check(&serde_saphyr::from_str(&std::fs::read_to_string(file()?)?)?)
}

#[test]
fn a_rule_with_a_mistake_is_not_taken() {
    let rules = |rule: Value| serde_json::json!({"groups": [{"name": "a", "rules": [rule]}]});
    for wrong in [
        serde_json::json!({"alert": "A", "expr": "sum by (a (b)"}),
        serde_json::json!({"alert": "A", "expr": "a", "annotations": {"summary": "{{ $labels.a"}}),
    ] {
        assert!(promtool::check(&rules(wrong.clone())).is_err(), "{wrong}");
    }
}

#[test]
fn every_alert_has_a_severity_a_text_and_a_page() -> Result<()> {
    let pages = environment::repository().join("docs/src/operations/alerts");
    let mut named = BTreeSet::new();
    for rule in all()? {
        let text =
            |of: &Value, key: &str| of[key].as_str().map(str::to_owned).context(format!("{}: {key}", rule.alert));
        let severity = text(&rule.labels, "severity")?;
        ensure!(["warning", "critical"].contains(&severity.as_str()), "{}: {severity}", rule.alert);
        ensure!(text(&rule.annotations, "summary")?.len() < 90, "{}: too long for a line", rule.alert);
        ensure!(text(&rule.annotations, "description")?.ends_with('.'), "{}", rule.alert);
        let url = text(&rule.annotations, "runbook_url")?;
        let page = url.strip_prefix(PAGES).with_context(|| url.clone())?;
        let shown = std::fs::read_to_string(pages.join(page)).with_context(|| url.clone())?;
        let title = shown.lines().next().unwrap_or_default();
        ensure!(title == format!("# {}", rule.alert), "{page} has the title {title}");
        for section in ["## What it means", "## Look", "## Do", "## When it ends"] {
            ensure!(shown.contains(&format!("\n{section}\n")), "{page} has no section `{section}`");
        }
        ensure!(named.insert(page.to_owned()), "two alerts have {page}");
    }
    let there = std::fs::read_dir(&pages)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let there: BTreeSet<String> = there.collect::<Result<_>>()?;
    ensure!(there == named, "pages {there:?}, alerts {named:?}");
    Ok(())
}
