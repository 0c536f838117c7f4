//! Making a [`Failure`]: what the guest says when it declines a call.

use crate::{Failure, StorageError};

impl Failure {
    /// The configuration, or the state it meets, is wrong: nothing gets better by trying again.
    pub fn refused(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), retryable: false }
    }

    /// The same may succeed later.
    pub fn retry(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), retryable: true }
    }

    /// The stored state does not read as what this plugin writes.
    pub fn damaged(what: impl std::fmt::Display) -> Failure {
        Failure::refused(format!(
            "the stored state is damaged: {what}; restore the store from a backup, or give the processor a new id to start fresh"
        ))
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn bug(message: &str) -> Failure {
        Failure::refused(format!("a defect in the plugin or its host: {message}"))
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Failure {
        match error {
            StorageError::Quota(bytes) => Failure::retry(format!(
                "the component's storage would exceed its quota of {bytes} bytes; raise `storage_mib` in the manifest"
            )),
            StorageError::TooLarge(bytes) => {
                Failure::refused(format!("one call's writes exceed the bound of {bytes} bytes; send smaller batches"))
            }
            StorageError::NoNumber(place) => Failure::damaged(format!(
                "what is merged into under the key number {place} of a call is no number of 8 bytes"
            )),
            StorageError::Unavailable(reason) => Failure::retry(format!("the store is unavailable: {reason}")),
        }
    }
}
