//! `otelier dlq`: dead letters on the command line.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use otelier::clock;
use otelier::control::{self, Request, Selection};
use serde_json::Value;

use crate::output::{print_line, print_text};

/// How many numbers a line has.
const NUMBERS_SHOWN_MAX: usize = 20;

/// The command and where it works.
#[derive(Debug, clap::Args)]
pub struct Dlq {
    #[command(subcommand)]
    command: Command,
    /// The collector's state directory; one that is running there is asked, else the store is opened.
    #[arg(long, value_name = "DIR", default_value = "./otelier-state", global = true)]
    state_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them, oldest first.
    Ls {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show one: why it is dead, and what it holds.
    Show {
        /// Its number, from `ls`.
        number: u64,
    },
    /// Put them back into the queue of their exporter, or send them through the processor that broke on them. Needs a running
    /// collector.
    Replay(Which),
    /// Throw them away.
    Drop(Which),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// By number, from `ls`.
    numbers: Vec<u64>,
    /// Those of one exporter.
    #[arg(long, value_name = "ID")]
    exporter: Option<String>,
    /// Those of one processor.
    #[arg(long, value_name = "ID")]
    processor: Option<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

impl Which {
    fn selection(&self) -> Selection {
        let Which { numbers, exporter, processor, all } = self;
        Selection { numbers: numbers.clone(), exporter: exporter.clone(), processor: processor.clone(), all: *all }
    }
}

/// Carries it out and prints what came of it.
pub fn run(dlq: &Dlq) -> Result<()> {
    let request = match &dlq.command {
        Command::Ls { .. } => Request::DlqList,
        Command::Show { number } => Request::DlqShow { number: *number },
        Command::Replay(which) => Request::DlqReplay { selection: which.selection() },
        Command::Drop(which) => Request::DlqDrop { selection: which.selection() },
    };
    let answer = match control::ask(&dlq.state_dir, &request)? {
        Some(answer) => answer,
        None => control::offline(&dlq.state_dir, &request)?,
    };
    let text = match &dlq.command {
        Command::Ls { json: true } => rows(&answer).iter().map(|row| format!("{row}\n")).collect(),
        Command::Ls { json: false } => table(rows(&answer)),
        Command::Show { .. } => shown(&answer).context("the answer has no letter")?,
        Command::Replay(_) | Command::Drop(_) => summary(&answer),
    };
    print_text(&text)?;
    let elsewhere = elsewhere(&answer);
    match &dlq.command {
        // Asked for by its number, it is missed.
        Command::Replay(which) if !which.numbers.is_empty() => anyhow::ensure!(elsewhere.is_empty(), "{elsewhere}"),
        _ if elsewhere.is_empty() => {}
        _ => print_line(&elsewhere)?,
    }
    let refused = answer["refused"].as_array().map(Vec::as_slice).unwrap_or_default();
    anyhow::ensure!(refused.is_empty(), "{}", refused.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"));
    Ok(())
}

fn rows(answer: &Value) -> &[Value] {
    answer.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn table(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "there are no dead letters\n".to_owned();
    }
    let mut text = format!(
        "{:>8}  {:<20}  {:<20}  {:<7}  {:>9}  {:>10}  why\n",
        "number", "time", "stopped at", "signal", "items", "bytes"
    );
    for row in rows {
        let (number, head) = (row["number"].to_string(), &row["head"]);
        let word = |key: &str| head[key].as_str().unwrap_or("?").to_owned();
        let why = match row["error"].as_str() {
            Some(error) => error.to_owned(),
            None => format!("{}: {}", word("class"), word("reason")),
        };
        let at = head["stage"]["processor"].as_str().map_or_else(|| word("exporter"), ToOwned::to_owned);
        let (signal, items, bytes) = (word("signal"), head["items"].to_string(), head["bytes"].to_string());
        let time = date(head);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{number:>8}  {time:<20}  {at:<20}  {signal:<7}  {items:>9}  {bytes:>10}  {why}");
    }
    if rows.len() > 1 {
        let sum = |key: &str| rows.iter().filter_map(|row| row["head"][key].as_u64()).sum::<u64>();
        let _ = writeln!(text, "{} dead letters: {} items, {} bytes", rows.len(), sum("items"), sum("bytes"));
    }
    text
}

/// When a letter was given up.
fn date(head: &Value) -> String {
    clock::date(head["time_unix_nano"].as_u64().unwrap_or(0))
}

fn shown(answer: &Value) -> Option<String> {
    let head = answer["head"].as_object()?;
    let mut text = format!("time: {}\n", date(&answer["head"]));
    let stage = head.get("stage").and_then(Value::as_object);
    for (key, value) in head.iter().filter(|(key, _)| *key != "stage").chain(stage.into_iter().flatten()) {
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key}: {value}");
    }
    Some(format!("{text}\n{}\n", answer["content"].as_str()?.trim_end()))
}

fn summary(answer: &Value) -> String {
    let pairs = answer.as_object().into_iter().flatten().filter(|(_, count)| count.is_number());
    let told = |what: &str| match what {
        "replayed" => "put back into the queue of their exporter".to_owned(),
        "processed" => "sent through their processor, and gone".to_owned(),
        other => other.to_owned(),
    };
    let letters = |count: &Value| if count.as_u64() == Some(1) { "dead letter" } else { "dead letters" };
    pairs.map(|(what, count)| format!("{count} {} {}\n", letters(count), told(what))).collect()
}

/// Letters that this command found in other hands.
fn elsewhere(answer: &Value) -> String {
    let numbers: Vec<String> = answer["elsewhere"].as_array().into_iter().flatten().map(Value::to_string).collect();
    let (first, more) = numbers.split_at(numbers.len().min(NUMBERS_SHOWN_MAX));
    if first.is_empty() {
        return String::new();
    }
    let (count, first) = (numbers.len(), first.join(", "));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!(
        "{count} of those asked for are being sent already, or were meanwhile, by another command or a queue in memory: {first}{more}"
    )
}
