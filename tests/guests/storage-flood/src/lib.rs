//! A guest that writes until it is stopped.

use otelier_sdk::{Batch, Failure, StorageError};
use serde::Deserialize;
use tally::{Shown, Tally, Vice};

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// More than one call may.
    #[default]
    Call,
    /// Ever new keys, until its storage is full; then it counts as usual.
    Quota,
}

impl Vice for Way {
    fn after_work(&self, batch: &mut Batch<'_>, _: &Shown) -> Result<(), Failure> {
        let mut storage = batch.storage();
        if *self == Way::Call {
            return Ok((0..10).try_for_each(|part| storage.set(&[b'x', part], vec![part; 8 << 20]))?);
        }
        for part in 0..60 {
            match storage.set(&[b'f', part], vec![part; 1 << 20]) {
                Ok(()) => {}
                Err(StorageError::Quota(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::refused("60 MiB are not too much"))
    }
}

otelier_sdk::export!(Tally<Way>);
