//! What a destination says, in the lane's terms.

use std::time::Duration;

use serde_json::json;

use super::destination::Destination;
use super::{TestResult, batch, client};
use crate::contract::{Accepted, Authenticators, Failure, FailureClass, Outcome, Refusal, Signal};

fn answering(answer: Result<Accepted, Refusal>) -> Result<Destination, Box<dyn std::error::Error>> {
    Destination::answering(answer, json!({}), &Authenticators::default())
}

#[tokio::test]
async fn a_full_destination_says_when_to_come_back() -> TestResult {
    let refusal = Refusal::Full { queue: "exporter x".into(), retry_after: Duration::from_millis(1500) };
    let destination = answering(Err(refusal))?;
    let reasons =
        ["gRPC status 14 (UNAVAILABLE): exporter x is full", "HTTP status 503 Service Unavailable: exporter x is full"];
    // HTTP has whole seconds.
    let delays = [1500, 2000].map(|ms| Some(Duration::from_millis(ms)));
    for (at, config) in destination.configs(&json!({})).into_iter().enumerate() {
        let Outcome::Failed(failure) = client(&config)?.send(&batch(Signal::Metrics, "oven")).await else { panic!() };
        let Failure { class, reason, retry_after, .. } = failure;
        assert_eq!((class, retry_after), (FailureClass::Unavailable, delays[at]));
        assert!(reason.starts_with(reasons[at]), "{reason}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_destination_never_takes_is_permanent() -> TestResult {
    let destination = answering(Err(Refusal::Malformed { offset: 3, reason: "cut" }))?;
    for config in destination.configs(&json!({})) {
        let Outcome::Failed(failure) = client(&config)?.send(&batch(Signal::Metrics, "oven")).await else { panic!() };
        assert_eq!((failure.class, failure.retry_after), (FailureClass::Permanent, None));
        assert!(failure.reason.contains("malformed request at byte 3: cut"), "{}", failure.reason);
    }
    Ok(())
}

#[tokio::test]
async fn a_partial_success_is_told_with_its_words() -> TestResult {
    let accepted = Accepted { items: 400, rejected: 300, rejected_reason: "too old".into() };
    let destination = answering(Ok(accepted))?;
    let expected = Outcome::Partial { rejected: 300, message: "too old".into() };
    let [grpc, http] = destination.configs(&json!({}));
    let mut json = http.clone();
    json["encoding"] = json!("json");
    for config in [grpc, http, json] {
        assert_eq!(client(&config)?.send(&batch(Signal::Traces, "oven")).await, expected, "{config}");
    }
    Ok(())
}
