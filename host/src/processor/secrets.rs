//! Secrets of a component's configuration, as far as the store is concerned: what a plugin was configured with is kept, to be compared at the
//! next start, and a secret in it is kept as a keyed hash.
//!
//! On disk a secret value is the text `otelier-hidden:` and the HMAC-SHA256 of its JSON, in hexadecimal digits. The key is made once for a state
//! directory and kept there. A plugin that starts gets back the values that are still the same; of one that has changed it gets the text, which is
//! unlike any value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::files::private::{self, Lasting, PrivateError};

const KEY_FILE: &str = "secrets.key";
const KEY_BYTES: usize = 32;
/// Of SHA-256.
const BLOCK_BYTES: usize = 64;
const HIDDEN: &str = "otelier-hidden:";

/// A key that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its file.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// It is no key.
    #[error("{} is damaged: it has {bytes} bytes, not {KEY_BYTES}; restore it from a backup, or remove it: then secrets of plugins count as changed at the next start", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How many it has.
        bytes: usize,
    },
    /// The system gives no random bytes.
    #[error("/dev/urandom: {0}; a key for secrets of the store cannot be made")]
    Random(std::io::Error),
}

/// What secrets of one state directory are hashed with.
#[derive(Clone)]
pub struct SecretKey([u8; KEY_BYTES]);

impl SecretKey {
    /// The key of a state directory, made and synced where there is none.
    pub fn open(state_dir: &Path) -> Result<SecretKey, KeyError> {
        let path = state_dir.join(KEY_FILE);
        if let Some(bytes) = private::read(&path, KEY_BYTES as u64)? {
            let key = bytes.as_slice().try_into();
            return key.map(SecretKey).map_err(|_| KeyError::Damaged { path, bytes: bytes.len() });
        }
        let mut key = [0; KEY_BYTES];
        File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut key)).map_err(KeyError::Random)?;
        private::replace(&path, &key, Lasting::Synced)?;
        Ok(SecretKey(key))
    }

    fn hidden(&self, value: &Value) -> String {
        let hash = hmac(&self.0, value.to_string().as_bytes());
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{HIDDEN}{digits}")
    }
}

/// RFC 2104, with a key of no more than a block.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let padded =
        |pad: u8| -> [u8; BLOCK_BYTES] { std::array::from_fn(|at| key.get(at).copied().unwrap_or_default() ^ pad) };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

/// The secret values of a configuration, and what the store has in place of each.
#[derive(Clone, Default)]
pub struct Secrets {
    by_hidden: Arc<HashMap<String, Value>>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.by_hidden.len())
    }
}

impl Secrets {
    /// These, under the key of their state directory.
    pub fn new(values: impl IntoIterator<Item = Value>, key: &SecretKey) -> Secrets {
        Secrets { by_hidden: Arc::new(values.into_iter().map(|value| (key.hidden(&value), value)).collect()) }
    }

    /// A configuration, as JSON, as the store has it.
    pub fn seal(&self, config: &str) -> String {
        if self.by_hidden.is_empty() {
            return config.to_owned();
        }
        let hidden: Vec<(&Value, &String)> = self.by_hidden.iter().map(|(hidden, value)| (value, hidden)).collect();
        changed(config, &|value| {
            let (_, hidden) = hidden.iter().find(|(secret, _)| *secret == value)?;
            Some(Value::String((*hidden).clone()))
        })
    }

    /// What the store has, with the values that are known.
    pub fn open(&self, stored: &str) -> String {
        if !stored.contains(HIDDEN) {
            return stored.to_owned();
        }
        changed(stored, &|value| self.by_hidden.get(value.as_str()?).cloned())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_hidden.is_empty()
    }

    /// Whether the store has secrets as this version stores them.
    pub fn are_sealed_in(stored: &str) -> bool {
        stored.contains(HIDDEN)
    }

    /// For words alone: nothing that is stored goes by it.
    pub fn to_scrub(values: impl IntoIterator<Item = Value>) -> Secrets {
        Secrets::new(values, &SecretKey([0; KEY_BYTES]))
    }

    /// Words with no secret in them: what a plugin says of its configuration may quote it.
    pub fn scrub<'w>(&self, words: &'w str) -> Cow<'w, str> {
        let texts = self.by_hidden.values().filter_map(Value::as_str).filter(|text| text.len() >= SCRUBBED_MIN);
        texts.fold(Cow::Borrowed(words), |words, text| match words.contains(text) {
            true => Cow::Owned(words.replace(text, "[hidden]")),
            false => words,
        })
    }
}

/// Shorter texts are parts of other words.
const SCRUBBED_MIN: usize = 4;

/// A configuration with some of its scalars replaced. What is no JSON stays as it is: nothing of ours wrote it.
fn changed(config: &str, replacement: &dyn Fn(&Value) -> Option<Value>) -> String {
    fn walk(value: &mut Value, replacement: &dyn Fn(&Value) -> Option<Value>) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, replacement)),
            Value::Object(fields) => fields.values_mut().for_each(|field| walk(field, replacement)),
            scalar => {
                if let Some(other) = replacement(scalar) {
                    *scalar = other;
                }
            }
        }
    }
    match serde_json::from_str::<Value>(config) {
        Ok(mut value) => {
            walk(&mut value, replacement);
            value.to_string()
        }
        Err(_) => config.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    /// RFC 4231, test cases 1 and 2.
    #[test]
    fn the_hash_is_the_standards() {
        let digits = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let one = hmac(&[0x0b; 20], b"Hi There");
        assert_eq!(digits(one), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        let two = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(digits(two), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_key_is_made_once_and_a_damaged_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let key = SecretKey::open(folder.path()).unwrap();
        assert_eq!(SecretKey::open(folder.path()).unwrap().0, key.0);
        let elsewhere = tempfile::tempdir().unwrap();
        assert_ne!(SecretKey::open(elsewhere.path()).unwrap().0, key.0);
        std::fs::write(folder.path().join(KEY_FILE), "short").unwrap();
        let error = SecretKey::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("secrets.key is damaged") && error.contains("remove it"), "{error}");
    }

    #[test]
    fn a_secret_is_stored_as_its_hash_and_comes_back_where_it_is_the_same() {
        let key = SecretKey([7; KEY_BYTES]);
        let config =
            json!({"group_by": ["work.type"], "salt": "topsecret", "also": ["topsecret", 12_345_678]}).to_string();
        let secrets = Secrets::new([json!("topsecret"), json!(12_345_678)], &key);
        let stored = secrets.seal(&config);
        assert!(stored.contains("work.type") && stored.contains(HIDDEN), "{stored}");
        assert!(!stored.contains("topsecret") && !stored.contains("12345678"), "{stored}");
        assert_eq!(secrets.seal(&config), stored, "the same at every start");
        assert_eq!(secrets.open(&stored), config);
        let changed = Secrets::new([json!("othersecret"), json!(12_345_678)], &key);
        let opened = changed.open(&stored);
        assert!(opened.contains("12345678") && opened.contains(HIDDEN) && !opened.contains("topsecret"), "{opened}");
        let elsewhere = Secrets::new([json!("topsecret")], &SecretKey([8; KEY_BYTES]));
        assert_ne!(elsewhere.seal(&config), stored);
    }

    #[test]
    fn without_secrets_nothing_changes_and_old_plain_text_is_read_as_it_is() {
        let config = r#"{"group_by":["work.type"],"salt":"topsecret"}"#;
        assert_eq!(Secrets::default().seal(config), config);
        let secrets = Secrets::new([json!("topsecret")], &SecretKey([7; KEY_BYTES]));
        assert_eq!(secrets.open(config), config);
        assert_eq!(
            secrets.scrub("invalid value `topsecret`, expected a number"),
            "invalid value `[hidden]`, expected a number"
        );
    }
}
