//! Who believes whom.

use serde_json::{Value, json};

use super::certificates::{Authority, Holder, LOCALHOST};
use super::destination::Destination;
use super::{TestResult, batch, client, failure};
use crate::contract::{FailureClass, Outcome, Signal};

/// Sends over both protocols and returns the words of each failure, or nothing where all was delivered.
async fn sent(destination: &Destination, tls: &Value) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut reasons = Vec::new();
    for config in destination.secure_configs(tls, &json!({})) {
        match client(&config)?.send(&batch(Signal::Logs, "oven")).await {
            Outcome::Delivered => {}
            outcome => {
                let (class, reason) = failure(outcome)?;
                // A client's own certificate may be refused after the handshake.
                assert!(matches!(class, FailureClass::Unreachable | FailureClass::Broken), "{reason}");
                reasons.push(reason);
            }
        }
    }
    Ok(reasons)
}

#[tokio::test]
async fn a_server_is_believed_by_its_authority_its_name_and_its_time() -> TestResult {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let theirs = Authority::new(folder.path(), "theirs")?;
    let server = Destination::start(json!({"tls": ours.vouch("server", &LOCALHOST)?}))?;
    assert_eq!(sent(&server, &json!({"ca_file": ours.file})).await?, [""; 0]);
    assert_eq!(sent(&server, &json!({"ca_pem": std::fs::read_to_string(&ours.file)?})).await?, [""; 0]);
    assert_eq!(sent(&server, &json!({"insecure_skip_verify": true})).await?, [""; 0]);
    assert_eq!(server.take().len(), 6);
    for (tls, words) in [
        (json!({"ca_file": theirs.file}), "UnknownIssuer"),
        (json!({"ca_file": ours.file, "server_name_override": "elsewhere"}), "not valid for name"),
    ] {
        let reasons = sent(&server, &tls).await?;
        assert_eq!(reasons.len(), 2, "{reasons:?}");
        assert!(reasons.iter().all(|reason| reason.contains("TLS with") && reason.contains(words)), "{reasons:?}");
    }
    let expired = ours.vouch("expired", &Holder { is_expired: true, ..LOCALHOST })?;
    let reasons = sent(&Destination::start(json!({"tls": expired}))?, &json!({"ca_file": ours.file})).await?;
    assert!(reasons.len() == 2 && reasons.iter().all(|reason| reason.contains("expired")), "{reasons:?}");
    let elsewhere = ours.vouch("elsewhere", &Holder { name: "elsewhere", ..LOCALHOST })?;
    let elsewhere = Destination::start(json!({"tls": elsewhere}))?;
    assert_eq!(sent(&elsewhere, &json!({"ca_file": ours.file})).await?.len(), 2);
    let named = json!({"ca_file": ours.file, "server_name_override": "elsewhere"});
    assert_eq!(sent(&elsewhere, &named).await?, [""; 0]);
    assert!(server.take().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_server_that_asks_lets_in_whom_its_authority_knows() -> TestResult {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let theirs = Authority::new(folder.path(), "theirs")?;
    let mut tls = ours.vouch("server", &LOCALHOST)?;
    tls["client_ca_file"] = json!(ours.file);
    let server = Destination::start(json!({"tls": tls}))?;
    let client_of = |authority: &Authority| -> Result<Value, Box<dyn std::error::Error>> {
        let mut tls = authority.vouch("client", &Holder { name: "client", is_expired: false })?;
        tls["ca_file"] = json!(ours.file);
        Ok(tls)
    };
    assert_eq!(sent(&server, &client_of(&ours)?).await?, [""; 0]);
    assert_eq!(server.take().len(), 2);
    assert_eq!(sent(&server, &client_of(&theirs)?).await?.len(), 2);
    assert_eq!(sent(&server, &json!({"ca_file": ours.file})).await?.len(), 2);
    assert!(server.take().is_empty());
    assert!(server.counted("otelier_receiver_failed_tls_handshakes") >= 4);
    Ok(())
}

#[tokio::test]
async fn versions_have_bounds() -> TestResult {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let mut tls = ours.vouch("server", &LOCALHOST)?;
    tls["min_version"] = json!("1.3");
    let server = Destination::start(json!({"tls": tls}))?;
    assert_eq!(sent(&server, &json!({"ca_file": ours.file, "min_version": "1.3"})).await?, [""; 0]);
    assert_eq!(sent(&server, &json!({"ca_file": ours.file, "max_version": "1.2"})).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn changed_certificates_are_used_without_a_restart() -> TestResult {
    let folder = tempfile::tempdir()?;
    let (old, new) = (Authority::new(folder.path(), "old")?, Authority::new(folder.path(), "new")?);
    let trusted = folder.path().join("trusted");
    std::fs::copy(&old.file, &trusted)?;
    let mut tls = old.vouch("server", &LOCALHOST)?;
    tls["reload_interval"] = json!("1ns");
    let server = Destination::start(json!({"tls": tls}))?;
    let tls = json!({"ca_file": trusted, "reload_interval": "1ns"});
    let [_, http] = server.secure_configs(&tls, &json!({"disable_keep_alives": true, "force_attempt_http2": false}));
    let client = client(&http)?;
    assert_eq!(client.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
    new.vouch("server", &LOCALHOST)?;
    let (_, reason) = failure(client.send(&batch(Signal::Logs, "oven")).await)?;
    assert!(reason.contains("invalid peer certificate"), "{reason}");
    std::fs::copy(&new.file, &trusted)?;
    assert_eq!(client.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
    // What is broken is not used.
    std::fs::write(&trusted, "no PEM")?;
    assert_eq!(client.send(&batch(Signal::Logs, "oven")).await, Outcome::Delivered);
    Ok(())
}

#[test]
fn files_that_are_wrong_are_named_at_the_start() -> TestResult {
    let folder = tempfile::tempdir()?;
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "")?;
    for (tls, words) in [
        (json!({"ca_file": folder.path().join("missing.pem")}), "missing.pem"),
        (json!({"ca_file": empty}), "has no certificate in PEM"),
        (json!({"insecure_skip_verify": true, "cert_file": empty, "key_file": empty}), "empty.pem"),
        (json!({"insecure_skip_verify": true, "server_name_override": "a b"}), "`a b` is no server name"),
    ] {
        let error = client(&json!({"endpoint": "localhost:1", "tls": tls})).err().map(|error| error.to_string());
        assert!(error.as_ref().is_some_and(|error| error.contains(words)), "{tls}: {error:?}");
    }
    Ok(())
}
