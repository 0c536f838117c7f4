//! SIGKILL at random moments, again and again, while senders send: what was acknowledged is in the totals, once, and what
//! was not is in them once or not at all. The start time never changes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cumulative;
mod delta;
mod poison;
mod reaper;
mod sender;

use anyhow::Result;
use otelier_tests::host::{Configuration, Host, Setup};
use otelier_tests::length;
use reaper::Death;
use serde_json::json;

/// How often the host is killed in one run of the usual length.
const KILLS: u32 = 50;

/// SIGKILL: the process goes, and what it has written stays.
struct Kill;

impl Death for Kill {
    fn end(&mut self, host: Host<'_>) -> Result<()> {
        host.kill()
    }
}

#[test]
fn delta_points_count_once_over_fifty_kills() -> Result<()> {
    delta::counts_once(&Setup::with_aggregate(&delta::configuration())?, length::rounds(KILLS)?, &mut Kill).map(drop)
}

#[test]
fn cumulative_points_count_once_over_fifty_kills() -> Result<()> {
    cumulative::counts_once(&Setup::with_aggregate(&Configuration::aggregate())?, length::rounds(KILLS)?, &mut Kill)
        .map(drop)
}

#[test]
fn points_divided_among_instances_count_once_over_fifty_kills() -> Result<()> {
    delta::counts_once(&Setup::with_instances(&delta::configuration(), 3)?, length::rounds(KILLS)?, &mut Kill)?;
    cumulative::counts_once(&Setup::with_instances(&Configuration::aggregate(), 3)?, length::rounds(KILLS)?, &mut Kill)
        .map(drop)
}

/// Two pipelines of one request: one of them has the plugin, behind a connector.
#[test]
fn points_behind_a_connector_count_once_over_fifty_kills() -> Result<()> {
    let connected = |configuration: Configuration| {
        configuration
            .set("exporters/nop", json!({}))
            .connector("forward", json!({}))
            .pipeline("metrics/in", &[], &["forward", "nop"])
            .behind("forward", "metrics", &["aggregate"], &["prometheus"])
    };
    let setup = Setup::with_aggregate(&connected(delta::configuration()))?;
    delta::counts_once(&setup, length::rounds(KILLS)?, &mut Kill).map(drop)
}

/// What the plugin flushes goes through a connector.
#[test]
fn points_in_front_of_a_connector_count_once_over_fifty_kills() -> Result<()> {
    let configuration = Configuration::aggregate()
        .connector("forward", json!({}))
        .pipeline("metrics", &["aggregate"], &["forward"])
        .behind("forward", "metrics/out", &[], &["prometheus"]);
    cumulative::counts_once(&Setup::with_aggregate(&configuration)?, length::rounds(KILLS)?, &mut Kill).map(drop)
}

#[test]
fn good_rows_count_with_the_letter_of_the_bad_over_fifty_kills() -> Result<()> {
    poison::counts_with_its_letter(length::rounds(KILLS)?, &mut Kill)
}
