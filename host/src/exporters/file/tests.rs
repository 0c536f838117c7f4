//! The exporter as its lane sees it, on a real disk.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};

use super::client::FileClient;
use super::config::{Config, Fsync};
use super::groups::{BadSegment, Grouping};
use crate::contract::{Batch, Client, InvalidUtf8, Metadata, Outcome, Signal};
use crate::otlp::Strings;
use crate::otlp::json::{to_json, to_protobuf};
use crate::telemetry::Registry;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn client(config: Value, registry: &Registry) -> Result<FileClient> {
    Ok(FileClient::new(&"file".parse()?, serde_json::from_value(config)?, registry))
}

/// A log record in each resource, which has these values of the attribute `tenant`.
fn logs(tenants: &[&str], body: &str) -> Result<Batch> {
    let resource = |tenant: &&str| {
        let attribute = json!({"key": "tenant", "value": {"stringValue": tenant}});
        json!({"resource": {"attributes": [attribute]}, "scopeLogs": [{"logRecords": [{"body": {"stringValue": body}}]}]})
    };
    let request = json!({"resourceLogs": tenants.iter().map(resource).collect::<Vec<_>>()});
    let bytes = to_protobuf(Signal::Logs, request.to_string().as_bytes(), 1 << 24, Strings::Utf8)?;
    batch(bytes)
}

fn batch(bytes: Bytes) -> Result<Batch> {
    let (invalid_utf8, metadata) = (InvalidUtf8::Reject, Metadata::default());
    Ok(Batch { signal: Signal::Logs, bytes, items: None, invalid_utf8, metadata })
}

fn line(batch: &Batch) -> Result<String> {
    Ok(format!("{}\n", String::from_utf8(to_json(Signal::Logs, &batch.bytes)?)?))
}

fn reason(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(failure) => failure.reason.clone(),
        Outcome::Partial { message, .. } => message.clone(),
        Outcome::Delivered => String::new(),
    }
}

#[test]
fn defaults_are_the_collectors_and_follow_the_queue() -> Result {
    let parse = |text: &str| serde_json::from_str::<Config>(text);
    let config = parse(r#"{"path": "a"}"#)?;
    assert_eq!((config.append, config.fsync, config.rotation, config.zstd), (false, Fsync::Interval, None, None));
    assert_eq!((config.flush_interval, config.max_open_files), (Duration::from_secs(1), 1));
    let kept = parse(r#"{"path": "a", "sending_queue": {"storage": "rocksdb"}}"#)?;
    assert_eq!((kept.append, kept.fsync), (true, Fsync::Always), "a restart keeps what the queue has settled");
    let chosen = parse(r#"{"path": "a", "append": false, "fsync": "never", "sending_queue": {"storage": "rocksdb"}}"#)?;
    assert_eq!((chosen.append, chosen.fsync), (false, Fsync::Never));
    for text in [r#"{"path": "a", "rotation": null}"#, r#"{"path": "a", "rotation": {}}"#] {
        let rotation = parse(text)?.rotation.ok_or("none")?;
        assert_eq!((rotation.size_max(), rotation.max_backups, rotation.max_days), (100 << 20, 100, 0));
    }
    assert_eq!(parse(r#"{"path": "a", "flush_interval": "0s"}"#)?.flush_interval, Duration::from_secs(1));
    assert_eq!(parse(r#"{"path": "a", "compression": "zstd"}"#)?.zstd, Some(3));
    let grouped = parse(r#"{"path": "a/*", "group_by": {"enabled": true}}"#)?;
    assert_eq!(grouped.grouping, Some(Grouping::new("a/", "", "fileexporter.path_segment")));
    assert_eq!((grouped.max_open_files, grouped.directory_mode), (100, Some(0o755)));
    let older = parse(r#"{"path": "a/*", "group_by": {"enabled": true, "sub_path_resource_attribute": "t"}}"#)?;
    assert_eq!(older.grouping, Some(Grouping::new("a/", "", "t")));
    Ok(())
}

#[test]
fn what_cannot_be_says_what_to_write() {
    for (json, words) in [
        (r#"{}"#, "`path` is missing"),
        (r#"{"path": "a", "encoding": "otlp_encoding"}"#, "choose `format: json` or `format: proto`"),
        (r#"{"path": "a", "append": true, "rotation": {}}"#, "exclude each other"),
        (r#"{"path": "a", "group_by": {"enabled": true}}"#, "exactly one `*`"),
        (r#"{"path": "*a", "group_by": {"enabled": true}}"#, "exactly one `*`"),
        (r#"{"path": "a/*/*", "group_by": {"enabled": true}}"#, "exactly one `*`"),
        (r#"{"path": "a/*", "group_by": {"enabled": true, "resource_attribute": ""}}"#, "name the attribute"),
        (r#"{"path": "a/*", "group_by": {"enabled": true, "max_open_files": 0}}"#, "has to be positive"),
        (r#"{"path": "a", "directory_permissions": "0755"}"#, "without `create_directory: true`"),
        (r#"{"path": "a", "create_directory": true, "directory_permissions": "99"}"#, "octal digits"),
        (r#"{"path": "a", "create_directory": true, "directory_permissions": "1777"}"#, "octal digits"),
        (r#"{"path": "a", "compression": "gzip"}"#, "unknown variant `gzip`"),
        (r#"{"path": "a", "compression": "zstd", "compression_params": {"level": 2}}"#, "none of 1, 3, 6 and 11"),
        (r#"{"path": "a", "format": "text"}"#, "unknown variant `text`"),
        (r#"{"path": "a", "rotation": {"max_days": -1}}"#, "-1"),
        (r#"{"path": "a", "mode": "x"}"#, "unknown field `mode`"),
    ] {
        let error = serde_json::from_str::<Config>(json).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(words), "{json}: {error}");
    }
}

#[tokio::test]
async fn a_file_is_emptied_once_unless_it_is_appended_to() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("data.json");
    let batch = logs(&["a"], "hot")?;
    for (append, lines) in [(false, 2), (true, 4), (false, 2)] {
        let client = client(json!({"path": path, "append": append}), &Registry::default())?;
        for _ in 0..2 {
            assert_eq!(client.send(&batch).await, Outcome::Delivered);
        }
        assert_eq!(fs::read_to_string(&path)?, line(&batch)?.repeat(lines));
    }
    // The umask of this process is the usual one.
    assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o644);
    Ok(())
}

#[tokio::test]
async fn a_half_line_is_cut_off_and_a_whole_one_ended() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("data.json");
    let batch = logs(&["a"], "hot")?;
    let line = line(&batch)?;
    for (left, kept, mended) in [
        ("{\"resourceLogs\":[{\"sco", "", 1),
        ("{}\n{\"resourceLogs\":[", "{}\n", 1),
        ("{}\n{\"resourceLogs\":[]}", "{}\n{\"resourceLogs\":[]}\n", 0),
    ] {
        fs::write(&path, left)?;
        let registry = Registry::default();
        let client = client(json!({"path": path, "append": true}), &registry)?;
        assert_eq!(client.send(&batch).await, Outcome::Delivered);
        assert_eq!(fs::read_to_string(&path)?, format!("{kept}{line}"));
        assert_eq!(registry.total("otelier_exporter_file_mended", &[("exporter", "file")]), mended);
    }
    Ok(())
}

#[tokio::test]
async fn a_file_in_another_form_is_left_as_it_is() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("data.json");
    fs::write(&path, "{\"resourceLogs\":[]}\n")?;
    let client = client(json!({"path": path, "append": true, "format": "proto"}), &Registry::default())?;
    let outcome = client.send(&logs(&["a"], "hot")?).await;
    assert!(reason(&outcome).contains("move it away"), "{outcome:?}");
    assert_eq!(fs::read_to_string(&path)?, "{\"resourceLogs\":[]}\n");
    Ok(())
}

#[tokio::test]
async fn what_is_in_the_way_is_told_and_tried_again() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("below").join("data.json");
    let batch = logs(&["a"], "hot")?;
    let waiting = client(json!({"path": path}), &Registry::default())?;
    let outcome = waiting.send(&batch).await;
    assert!(matches!(&outcome, Outcome::Failed(failure) if failure.class.is_retryable()), "{outcome:?}");
    assert!(reason(&outcome).contains("make the directory, or write `create_directory: true`"), "{outcome:?}");
    let making = json!({"path": path, "create_directory": true, "directory_permissions": "0750"});
    let making = client(making, &Registry::default())?;
    assert_eq!(making.send(&batch).await, Outcome::Delivered);
    assert_eq!(fs::metadata(folder.path().join("below"))?.permissions().mode() & 0o777, 0o750);
    let outcome = waiting.send(&batch).await;
    assert!(reason(&outcome).contains("give each a `path` of its own"), "{outcome:?}");
    drop(making);
    assert_eq!(waiting.send(&batch).await, Outcome::Delivered);
    let directory = client(json!({"path": folder.path()}), &Registry::default())?;
    assert!(reason(&directory.send(&batch).await).contains("`path` names a file"));
    Ok(())
}

#[tokio::test]
async fn a_full_disk_leaves_no_half_message() -> Result {
    let full = client(json!({"path": "/dev/full"}), &Registry::default())?;
    let outcome = full.send(&logs(&["a"], "hot")?).await;
    assert!(matches!(&outcome, Outcome::Failed(failure) if failure.class.is_retryable()), "{outcome:?}");
    assert!(reason(&outcome).contains("make room, the batch is kept and tried again"), "{outcome:?}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_was_moved_or_removed_is_begun_anew() -> Result {
    let folder = tempfile::tempdir()?;
    let (path, moved) = (folder.path().join("data.json"), folder.path().join("moved.json"));
    let batch = logs(&["a"], "hot")?;
    let client = client(json!({"path": path}), &Registry::default())?;
    client.send(&batch).await;
    fs::rename(&path, &moved)?;
    client.send(&batch).await;
    fs::remove_file(&path)?;
    client.send(&batch).await;
    for file in [&path, &moved] {
        assert_eq!(fs::read_to_string(file)?, line(&batch)?);
    }
    // Copied away and shortened.
    fs::OpenOptions::new().write(true).open(&path)?.set_len(0)?;
    client.send(&batch).await;
    assert_eq!(fs::read_to_string(&path)?, line(&batch)?);
    Ok(())
}

#[tokio::test]
async fn a_file_rotates_before_a_message_that_makes_it_too_large() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("data.json");
    let batch = logs(&["a"], &"x".repeat(600 << 10))?;
    let config = json!({"path": path, "rotation": {"max_megabytes": 1, "max_backups": 2}});
    let rotating = client(config, &Registry::default())?;
    let large = logs(&["a"], &"x".repeat(3 << 20))?;
    for batch in [&batch, &batch, &large, &batch, &batch] {
        assert_eq!(rotating.send(batch).await, Outcome::Delivered);
    }
    let mut sizes = Vec::new();
    for entry in fs::read_dir(folder.path())? {
        sizes.push(entry?.metadata()?.size());
    }
    assert_eq!(sizes.len(), 3, "two are kept");
    assert_eq!(fs::read_to_string(&path)?, line(&batch)?);
    Ok(())
}

#[tokio::test]
async fn resources_go_to_files_of_their_own() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("of-*.json");
    let config = |open| {
        let group_by = json!({"enabled": true, "resource_attribute": "tenant", "max_open_files": open});
        json!({"path": path, "group_by": group_by})
    };
    let client = client(config(1), &Registry::default())?;
    for _ in 0..2 {
        assert_eq!(client.send(&logs(&["shop", "cart", "shop"], "hot")?).await, Outcome::Delivered);
    }
    let expected = |tenants: &[&str]| -> Result<String> { Ok(line(&logs(tenants, "hot")?)?.repeat(2)) };
    // One file is open at a time, and none was emptied when it was opened again.
    assert_eq!(fs::read_to_string(folder.path().join("of-shop.json"))?, expected(&["shop", "shop"])?);
    assert_eq!(fs::read_to_string(folder.path().join("of-cart.json"))?, expected(&["cart"])?);
    let outcome = client.send(&logs(&["../../etc/passwd", "shop", "/etc/passwd"], "bad")?).await;
    assert!(matches!(outcome, Outcome::Partial { rejected: 2, .. }), "{outcome:?}");
    assert!(reason(&outcome).contains("has `..` in it"), "{outcome:?}");
    let bare =
        to_protobuf(Signal::Logs, br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}"#, 99, Strings::Utf8)?;
    let outcome = client.send(&batch(bare)?).await;
    assert!(matches!(outcome, Outcome::Partial { rejected: 1, .. }), "{outcome:?}");
    // A file where a directory would have to be keeps nobody waiting.
    let outcome = client.send(&logs(&["shop.json/x"], "hot")?).await;
    assert!(matches!(outcome, Outcome::Partial { rejected: 1, .. }), "{outcome:?}");
    Ok(())
}

#[test]
fn values_name_files_below_the_directory_and_nothing_else() {
    let below = |prefix: &str, suffix: &str, segment: &str| Grouping::new(prefix, suffix, "a").file(segment);
    let is = |found: std::result::Result<std::path::PathBuf, BadSegment>, path: &str| {
        assert_eq!(found.as_deref(), Ok(Path::new(path)));
    };
    is(below("/data/", ".json", "shop"), "/data/shop.json");
    is(below("/data/", ".json", "a/./b"), "/data/a/b.json");
    is(below("/data/", ".json", "./a"), "/data/a.json");
    is(below("/data/of-", "", "..."), "/data/of-...");
    is(below("/data/", ".json", ""), "/data/.json");
    is(below("data-", ".json", "x"), "data-x.json");
    for (segment, error) in [
        ("..", BadSegment::Parent),
        ("../x", BadSegment::Parent),
        ("a/../../x", BadSegment::Parent),
        ("/etc/passwd", BadSegment::Absolute),
        ("a\0b", BadSegment::Nul),
        ("", BadSegment::Directory),
        (".", BadSegment::Directory),
        ("a/", BadSegment::Directory),
        ("a/.", BadSegment::Directory),
    ] {
        assert_eq!(below("/data/", "", segment), Err(error), "{segment:?}");
    }
    assert_eq!(below("/data/.", "", "."), Err(BadSegment::Parent), "together with the prefix");
    assert_eq!(below("/data/", ".json", &"x".repeat(251)), Err(BadSegment::TooLong));
    assert_eq!(below("/data/", ".json", &"x/".repeat(2000)), Err(BadSegment::TooLong));
}

#[tokio::test]
async fn files_are_synced_as_often_as_the_policy_says() -> Result {
    let folder = tempfile::tempdir()?;
    let batch = logs(&["a"], "hot")?;
    let synced = |registry: &Registry| registry.total("otelier_exporter_file_syncs", &[("exporter", "file")]);
    for (fsync, at_once, at_end) in [("always", 3, 3), ("interval", 0, 1), ("never", 0, 0)] {
        let (path, registry) = (folder.path().join(fsync), Registry::default());
        let client = client(json!({"path": path, "fsync": fsync, "flush_interval": "1h"}), &registry)?;
        for _ in 0..3 {
            assert_eq!(client.send(&batch).await, Outcome::Delivered);
        }
        assert_eq!(synced(&registry), at_once, "{fsync}");
        drop(client);
        assert_eq!(synced(&registry), at_end, "{fsync}");
    }
    let (path, registry) = (folder.path().join("often"), Registry::default());
    let client = client(json!({"path": path, "flush_interval": "1ms"}), &registry)?;
    client.send(&batch).await;
    let deadline = Instant::now() + Duration::from_secs(60);
    while synced(&registry) == 0 && Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    assert_eq!(synced(&registry), 1);
    Ok(())
}

/// An attempt whose time was over before anybody took it is not written: it comes again.
#[tokio::test]
async fn who_has_gone_is_not_written_for() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("data.json");
    let client = client(json!({"path": path}), &Registry::default())?;
    let batch = logs(&["a"], "hot")?;
    let mut gone = client.send(&batch);
    // One poll hands it over, or the thread is faster.
    let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(gone.as_mut().poll(cx))).await;
    drop(gone);
    assert_eq!(client.send(&batch).await, Outcome::Delivered);
    let lines = fs::read_to_string(&path)?.lines().count();
    assert!(lines == 1 || lines == 2, "{lines} lines, {polled:?}");
    Ok(())
}
