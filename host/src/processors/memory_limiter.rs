//! `memory_limiter` as a processor: the same as the extension, for the whole process, whichever pipeline lists it.

use crate::contract::ComponentId;
pub use crate::extensions::memory_limiter::Type;
use crate::families::{ComponentType, Extension, ExtensionContext, ExtensionType, MakeError, ProcessorType};

impl ProcessorType for Type {
    fn make(
        id: &ComponentId,
        config: <Type as ComponentType>::Config,
        context: &ExtensionContext<'_>,
    ) -> Result<Extension, MakeError> {
        <Type as ExtensionType>::make(id, config, context)
    }
}
