//! A guest whose list of strings is one string in its memory again and again: few bytes for the guest, and very many for whoever copies them.

use otelier_sdk::{Batch, Failure};
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, Deserialize)]
struct Alias;

impl Vice for Alias {
    fn before_work(&self, _: &mut Batch<'_>) -> Result<(), Failure> {
        raw::hand_over();
        Ok(())
    }
}

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
mod raw {
    /// 2 GiB together.
    const STRINGS: usize = 2 << 10;
    const BYTES: usize = 1 << 20;

    #[link(wasm_import_module = "otelier:plugin/projection@0.1.0")]
    unsafe extern "C" {
        /// `projection.metrics` as the canonical ABI has it: where the list begins, and how many strings there are.
        #[link_name = "metrics"]
        fn metrics(list: *const [usize; 2], length: usize);
    }

    pub fn hand_over() {
        let text = vec![b'a'; BYTES];
        let strings = vec![[text.as_ptr() as usize, BYTES]; STRINGS];
        // Safety: the host reads the list and what it points to, all of which lives until it returns.
        unsafe { metrics(strings.as_ptr(), STRINGS) };
    }
}

/// Where there is no component, there is no import either.
#[cfg(not(target_arch = "wasm32"))]
mod raw {
    pub fn hand_over() {}
}

otelier_sdk::export!(Tally<Alias>);
