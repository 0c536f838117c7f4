//! The policy in the SDK's gate: `cargo test`. `otelier plugin test` runs `cases/` in the real sandbox.

use {{crate}}::{{Type}};
use otelier_sdk::policy::{Decision, Outcome};
use otelier_sdk::testing::Gate;

const SECOND: u64 = 1_000_000_000;

#[test]
fn two_failures_open_it_and_a_probe_closes_it() {
    let mut gate = Gate::<{{Type}}>::new(r#"{"failures": 2, "pause": "10s"}"#).unwrap();
    assert_eq!(gate.attempt(Outcome::Timeout, SECOND), Some(Decision::Allow));
    assert_eq!(gate.attempt(Outcome::Timeout, 2 * SECOND), Some(Decision::Reject(12 * SECOND)));
    assert!(gate.admit(11 * SECOND).is_none());
    assert_eq!(gate.attempt(Outcome::Delivered, 12 * SECOND), Some(Decision::Allow));
}

#[test]
fn no_pause_is_a_mistake() {
    let failure = Gate::<{{Type}}>::new(r#"{"failures": 2, "pause": "0s"}"#).err().unwrap();
    assert!(failure.message.contains("must not be zero"), "{}", failure.message);
}
