//! Values of a request: what the Collector calls its context.

use otelier_sdk::Batch;
use otelier_sdk::key::{Value, write_value};

use crate::editing::action::ContextKey;

/// The value, encoded, if the request has it. Several headers of one name are one text, with `;` between them; the address is empty where it is
/// not known.
pub fn value(key: &ContextKey, batch: &mut Batch<'_>) -> Option<Vec<u8>> {
    let text = match key {
        ContextKey::ClientAddress => batch.sender().unwrap_or_default(),
        ContextKey::Metadata(name) => Some(batch.metadata(name)).filter(|values| !values.is_empty())?.join(";"),
    };
    Some(write_value(Value::String(text.as_bytes())))
}
