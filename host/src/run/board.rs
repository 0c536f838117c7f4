//! What the running parts tell the board.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::clock;
use crate::delivery::PushLane;
use crate::status::{PluginShown, Sources};
use crate::updates::{Command, Updates};

/// Asks these.
pub fn sources(updates: &Updates, lanes: Vec<PushLane>) -> Sources {
    let updates = updates.clone();
    let queue = |lane: &PushLane| (lane.id().to_string(), (lane.oldest(), lane.is_persistent()));
    Sources {
        plugins: Box::new(move || plugins(&updates)),
        queues: Box::new(move || lanes.iter().map(queue).collect::<BTreeMap<_, _>>()),
    }
}

/// As `otelier plugin list` has them. They are read without waiting for a version that is being tried.
fn plugins(updates: &Updates) -> Vec<PluginShown> {
    let listed = updates.perform(Command::List).unwrap_or_default();
    listed.as_array().into_iter().flatten().map(plugin).collect()
}

fn plugin(listed: &Value) -> PluginShown {
    let word = |key: &str| listed[key].as_str().unwrap_or_default().to_owned();
    PluginShown {
        name: word("plugin"),
        sha256: word("sha256"),
        file: word("file"),
        since: clock::date(listed["since_unix_nano"].as_u64().unwrap_or_default()),
        chosen_by: listed["chosen"]["by"].as_str().map(ToOwned::to_owned),
    }
}
