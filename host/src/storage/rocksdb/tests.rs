#![allow(clippy::unwrap_used)]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bytes::Bytes;

use super::{FORMAT_KEY, Family, RocksDb, error, family, record};
use crate::storage::{Storage as _, Store, StoreError, Write};

mod bench;

fn put(key: &'static str, value: &'static str) -> Write {
    Write::Put(Family::State, Bytes::from_static(key.as_bytes()), Bytes::from_static(value.as_bytes()))
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.commit(&[put("a", "1"), put("b", "2"), put("c", "3")], true).unwrap();
    store
        .commit(&[Write::DeleteRange(Family::State, Bytes::from_static(b"a"), Bytes::from_static(b"b"))], true)
        .unwrap();
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    let mut entries = Vec::new();
    let gather = |key, value| {
        entries.push((key, value));
        std::ops::ControlFlow::Continue(())
    };
    store.backend().range(Family::State, b"a", b"z", &mut { gather }).unwrap();
    assert_eq!(entries, vec![("b".into(), "2".into()), ("c".into(), "3".into())]);
    assert_eq!(store.backend().get(Family::State, b"a").unwrap(), None);
}

/// RocksDB makes its files readable for everybody, as far as the process lets it.
#[test]
fn nobody_else_reads_a_store_and_one_that_others_could_read_is_narrowed() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("state");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let database = directory.join("db");
    drop(Store::open(&directory).unwrap());
    assert_eq!((mode(&directory), mode(&database)), (0o700, 0o700));
    for (path, wide) in [(database.join("CURRENT"), 0o644), (database.clone(), 0o755), (directory.clone(), 0o755)] {
        std::fs::set_permissions(&path, Permissions::from_mode(wide)).unwrap();
    }
    drop(Store::open(&directory).unwrap());
    assert_eq!([mode(&directory), mode(&database), mode(&database.join("IDENTITY"))], [0o700, 0o700, 0o600]);
    assert_eq!(mode(&directory.join("otelier-store")), 0o600);
}

#[test]
fn a_store_in_which_others_could_write_or_that_has_links_is_refused_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, target) = (folder.path().join("state"), folder.path().join("target"));
    drop(Store::open(&directory).unwrap());
    std::fs::set_permissions(directory.join("db"), Permissions::from_mode(0o777)).unwrap();
    let error = Store::open(&directory).unwrap_err().to_string();
    assert!(error.contains("db (user ") && error.contains("mode 777) can be written to by other users"), "{error}");
    std::fs::remove_dir_all(directory.join("db")).unwrap();
    for name in ["db", "otelier-store", "control.sock"] {
        let _ = std::fs::remove_file(directory.join(name));
        std::os::unix::fs::symlink(&target, directory.join(name)).unwrap();
        let error = Store::open(&directory).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("is a symbolic link"), "{error}");
        assert!(!target.exists());
        std::fs::remove_file(directory.join(name)).unwrap();
    }
}

/// Whether a file of the database has these bytes.
fn has(directory: &Path, bytes: &[u8]) -> bool {
    let files = std::fs::read_dir(directory.join("db")).unwrap().map(|entry| entry.unwrap().path());
    let contents = files.filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap());
    contents.into_iter().any(|content| content.windows(bytes.len()).any(|window| window == bytes))
}

#[test]
fn a_former_value_that_is_not_to_be_read_any_more_leaves_logs_and_tables() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let store = Store::open(directory).unwrap();
    store.commit(&[put("a", "1"), put("key", "topsecret"), put("z", "1")], true).unwrap();
    drop(store);
    // From the log into a table.
    let store = Store::open(directory).unwrap();
    store.commit(&[put("key", "hidden")], true).unwrap();
    assert!(has(directory, b"topsecret"));
    store.state().drop_stale().unwrap();
    assert!(has(directory, b"topsecret"), "nothing is marked");
    store.state().mark_stale(Bytes::from_static(b"key"));
    store.state().drop_stale().unwrap();
    drop(store);
    let store = Store::open(directory).unwrap();
    assert_eq!(store.state().get(b"key").unwrap(), Some("hidden".into()));
    drop(store);
    assert!(!has(directory, b"topsecret"));
}

#[test]
fn a_second_opener_is_told_who_holds_it() {
    let directory = tempfile::tempdir().unwrap();
    let _store = Store::open(directory.path()).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
}

#[test]
fn a_store_of_another_format_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = RocksDb::open(directory.path()).unwrap();
    let newer = |db: &rocksdb::DB| {
        db.put(FORMAT_KEY, b"otelier-store 2").map_err(|failed| error::writing(&store.path, &failed))
    };
    store.with(newer).unwrap();
    drop(store);
    let error = Store::open(directory.path()).unwrap_err();
    assert!(
        error.to_string().contains("has format `otelier-store 2`, this version reads `otelier-store 1`"),
        "{error}"
    );
}

#[test]
fn a_damaged_record_is_named_and_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let store = RocksDb::open(directory.path()).unwrap();
    store.damage(Family::State, b"aggregate\0x").unwrap();
    let error = store.get(Family::State, b"aggregate\0x").unwrap_err();
    assert!(error.to_string().contains("key `aggregate\\x00x`: checksum does not match"), "{error}");
}

impl RocksDb {
    /// A bit of a record is turned.
    fn damage(&self, of: Family, key: &[u8]) -> Result<(), StoreError> {
        let mut sealed = record::seal(key, b"1");
        sealed[5] ^= 1;
        self.with(|db| {
            let of = family(db, of, &self.path)?;
            db.put_cf(of, key, &sealed).map_err(|failed| error::writing(&self.path, &failed))
        })
    }
}

#[test]
fn a_damaged_file_is_named_and_nothing_starts_from_zero() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.commit(&[put("a", "1")], true).unwrap();
    drop(store);
    let manifest = std::fs::read_dir(directory.path().join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_string_lossy().starts_with("MANIFEST"))
        .unwrap();
    std::fs::write(&manifest, b"not a manifest").unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("MANIFEST"), "{error}");
}

/// RocksDB would try to read such a record for ever: its log reader goes no further at kinds of logs that are written over.
#[test]
fn garbage_of_a_kind_that_is_not_written_here_is_a_torn_write() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.commit(&[put("a", "1")], true).unwrap();
    drop(store);
    let files = std::fs::read_dir(directory.path().join("db")).unwrap().map(|entry| entry.unwrap().path());
    let log = files.filter(|path| path.extension().is_some_and(|ending| ending == "log")).max().unwrap();
    let whole = std::fs::read(&log).unwrap();
    for kind in [5, 8, 11, 131] {
        std::fs::write(&log, [&whole[..], &[1, 2, 3, 4, 200, 1, kind, 8, 9, 10, 11]].concat()).unwrap();
        let error = Store::open(directory.path()).unwrap_err();
        assert!(matches!(error, StoreError::Torn { .. }), "kind {kind}: {error}");
    }
}

#[test]
fn a_complete_store_that_lost_its_current_file_is_damaged_and_not_new() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(directory.path()).unwrap());
    std::fs::remove_file(directory.path().join("db/CURRENT")).unwrap();
    for _ in 0..2 {
        let error = Store::open(directory.path()).unwrap_err();
        assert!(error.to_string().contains("CURRENT is missing"), "{error}");
    }
}
