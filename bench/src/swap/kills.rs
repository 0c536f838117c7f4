//! SIGKILL at random moments while versions take turns under load: after each the host shows a total that is made of every acknowledged
//! request and of some of those in doubt, each whole.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Options, Steady, exchange_file, lock, name};
use crate::payload::{Pool, Ticket};
use crate::report::figure;
use crate::servers::{Expected, Running, Settings};

/// How long a host lives under load. The shortest is not long enough for a swap, the longest for several.
const LIFE: std::ops::Range<f64> = 0.05..3.0;
/// Between two exchanges of the file: as long as it has to be the same to be taken, and as much again for the swap.
const PAUSE: Duration = Duration::from_millis(250);

/// A host and the versions of its plugin.
pub struct Subject<'s> {
    pub host: Running,
    pub file: &'s Path,
    pub versions: &'s [Vec<u8>; 2],
    pub settings: &'s Settings,
}

/// Sends so many requests a second.
pub async fn measure(
    subject: Subject<'_>,
    mut pool: Pool,
    (mut sent, per_s): (u64, f64),
    options: &Options,
) -> Result<Value> {
    let Subject { mut host, file, versions, settings } = subject;
    let mut random = fastrand::Rng::with_seed(0x5161_0b11);
    let input = pool.input();
    let (mut in_doubt, mut counted, mut turn) = (0, 0, 0);
    // Both are compiled before: a host may not live that long.
    super::swap(&host, file, versions, 0..2).await;
    for kill in 1..=options.kills {
        let mut load = Steady::start(&host, pool, per_s).await?;
        let life = Duration::from_secs_f64(LIFE.start + (LIFE.end - LIFE.start) * random.f64());
        let turns = async {
            loop {
                turn += 1;
                if let Err(error) = exchange_file(file, &versions[turn % 2]) {
                    eprintln!("a version cannot be put into place: {error}");
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        load.during(async { tokio::time::timeout(life, turns).await.unwrap_or_default() }).await?;
        lock(&load.sending).killed = true;
        host.kill()?;
        let ended = load.end().await?;
        (pool, sent) = (ended.pool, sent + ended.bytes);
        host.resume(settings)?;
        let shown = host.total()?;
        let whole = explain(&pool, shown, &ended.in_doubt).with_context(|| {
            let acknowledged = pool.total();
            format!("kill {kill}: {shown} is shown, {acknowledged} was acknowledged, and no requests in doubt make up the difference")
        })?;
        (in_doubt, counted) = (in_doubt + ended.in_doubt.len(), counted + whole.len());
        whole.into_iter().for_each(|ticket| crate::load::Source::acknowledge(&mut pool, ticket));
    }
    let history = host.history();
    host.finish(Expected { total: pool.total(), bytes: sent.cast_signed() })?;
    let swapped = history.iter().filter(|line| line["outcome"] == "swapped").count();
    ensure!(swapped == history.len(), "{} versions were refused", history.len() - swapped);
    ensure!(swapped > 2, "no host lived for a swap");
    Ok(json!({
        "bench": "swap-kills",
        "input": name(input),
        "series": options.series,
        "all_cores": options.all_cores,
        "share": options.share,
        "formats": if options.formats { 2 } else { 1 },
        "kills": options.kills,
        "swaps": swapped - 2,
        "requests_per_s": figure(Some(per_s)),
        "points_per_s": figure(Some(per_s * options.batch as f64)),
        "requests_in_doubt": in_doubt,
        "requests_in_doubt_counted": counted,
        "totals": "exact",
    }))
}

/// Which of the requests in doubt are in the total that is shown, beside everything that was acknowledged. There are as many as senders.
fn explain(pool: &Pool, shown: f64, in_doubt: &[Ticket]) -> Option<Vec<Ticket>> {
    let missing = shown as i64 - pool.total();
    let chosen = |subset: u32| -> Vec<Ticket> {
        let is_in = |(number, _): &(usize, &Ticket)| subset >> number & 1 == 1;
        in_doubt.iter().enumerate().filter(is_in).map(|(_, ticket)| *ticket).collect()
    };
    let adds_up = |tickets: &Vec<Ticket>| tickets.iter().map(|ticket| pool.gain(*ticket)).sum::<i64>() == missing;
    (0..1_u32 << in_doubt.len()).map(chosen).find(adds_up)
}
