//! Links of a page: to files of the repository and to headings in them.

use std::path::Path;

use anyhow::{Context, Result};

use crate::shown;

/// What leads nowhere, one line each.
pub fn broken(file: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| shown(file))?;
    let wrong = targets(&text).into_iter().filter(|target| !leads_somewhere(file, target));
    Ok(wrong.map(|target| format!("{}: {target} leads nowhere", shown(file))).collect())
}

/// Targets of links and pictures, without those that leave the repository.
fn targets(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for line in outside_code(text) {
        for piece in line.split("](").skip(1) {
            let target = piece.split(')').next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") {
                targets.push(target.to_owned());
            }
        }
    }
    targets
}

/// The lines that are no code.
fn outside_code(text: &str) -> Vec<&str> {
    let mut is_code = false;
    let is_text = |line: &&str| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    };
    text.lines().filter(is_text).collect()
}

fn leads_somewhere(from: &Path, target: &str) -> bool {
    let (path, heading) = target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
    let file = match path {
        "" => from.to_owned(),
        path => from.parent().unwrap_or(Path::new("")).join(path),
    };
    match heading {
        None => file.exists(),
        Some(heading) => std::fs::read_to_string(file).is_ok_and(|text| anchors(&text).iter().any(|it| it == heading)),
    }
}

/// The anchors of a page's headings, as mdBook and GitHub make them.
fn anchors(text: &str) -> Vec<String> {
    let headings = outside_code(text).into_iter().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn links_are_found_and_followed() {
    let text = "# A `heading` of 2, really\n[x](#a-heading-of-2-really) [y](none.md) ![z](https://elsewhere)\n```\n[no](link)\n```\n";
    assert_eq!(targets(text), ["#a-heading-of-2-really", "none.md"]);
    assert_eq!(anchors(text), ["a-heading-of-2-really"]);
    assert!(!leads_somewhere(Path::new("/nowhere/x.md"), "none.md"));
}
