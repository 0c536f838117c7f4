//! A page's blocks, in their order.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// One thing that a reader does, or that the test does behind his back.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Of its first line.
    pub line: usize,
    pub what: What,
    pub text: String,
}

#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// Runs in the reader's terminal.
    Run,
    /// Runs in another one until the end of the page.
    Terminal,
    /// Is tried until it succeeds.
    Until,
    /// Is written to this file.
    File(String),
    /// Is a whole configuration.
    Config,
    /// Is a part of one.
    Part,
    /// Is a manifest.
    Manifest,
}

/// The steps of a page. A block that says nothing of what is to be done with it is an error.
pub fn read(path: &Path) -> Result<Vec<Step>> {
    parse(&std::fs::read_to_string(path)?)
}

fn parse(text: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut lines = (1..).zip(text.lines());
    let mut before = "";
    while let Some((line, content)) = lines.next() {
        if let Some(hidden) = hidden(content) {
            steps.push(Step { line, ..hidden });
        }
        if let Some(info) = content.trim_start().strip_prefix("```") {
            let indent = content.len() - content.trim_start().len();
            let block: Vec<&str> = lines
                .by_ref()
                .map(|(_, content)| content)
                .take_while(|content| content.trim() != "```")
                .map(|content| content.get(indent..).unwrap_or_default())
                .collect();
            let what = what(info, before).with_context(|| format!("line {line}: ```{info}"))?;
            steps.extend(what.map(|what| Step { line, what, text: block.join("\n") }));
        }
        if !content.trim().is_empty() {
            before = content;
        }
    }
    Ok(steps)
}

fn hidden(line: &str) -> Option<Step> {
    let comment = line.trim().strip_prefix("<!-- ")?.strip_suffix(" -->")?;
    let step = |what, text: &str| Step { line: 0, what, text: text.to_owned() };
    let run = comment.strip_prefix("run: ").map(|command| step(What::Run, command));
    run.or_else(|| comment.strip_prefix("until: ").map(|command| step(What::Until, command)))
}

fn what(info: &str, before: &str) -> Result<Option<What>> {
    let (language, word) = info.split_once(',').unwrap_or((info, ""));
    Ok(Some(match (language, word) {
        ("text", "") => return Ok(None),
        (_, "norun") => {
            ensure!(before.starts_with("<!-- not run: "), "the line before says no reason: `<!-- not run: … -->`");
            return Ok(None);
        }
        ("sh", "") => What::Run,
        ("sh", "terminal") => What::Terminal,
        ("yaml", "config") => What::Config,
        ("yaml", "part") => What::Part,
        ("yaml", "manifest") => What::Manifest,
        (_, file) if file.starts_with("file=") => What::File(file.trim_start_matches("file=").to_owned()),
        _ => bail!("docs/README.md says which blocks there are"),
    }))
}

#[test]
fn blocks_are_read_with_what_is_to_be_done() -> Result<()> {
    let page = "a\n```sh\ntrue\nfalse\n```\n<!-- until: x y -->\n```toml,file=a/b.toml\n```\n```text\nx\n```\n\
                <!-- not run: why -->\n```sh,norun\nx\n```\n";
    let steps = parse(page)?;
    let shown: Vec<_> = steps.iter().map(|step| (step.line, &step.what, step.text.as_str())).collect();
    assert_eq!(
        shown,
        [(2, &What::Run, "true\nfalse"), (6, &What::Until, "x y"), (7, &What::File("a/b.toml".into()), "")]
    );
    assert!(parse("```sh,norun\n```\n").is_err(), "without a reason");
    assert!(parse("```yaml\n```\n").is_err() && parse("```rust\n```\n").is_err() && parse("```\n```\n").is_err());
    Ok(())
}
