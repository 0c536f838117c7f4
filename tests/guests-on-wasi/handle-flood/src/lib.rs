//! A processor that takes handles of the host and gives none back. Only WASI has handles here.

use std::mem::forget;

use otelier_sdk::{Batch, Declare, Failure, Processor, Signal};
use serde::Deserialize;

/// An import that standard libraries do not let one call so often.
#[allow(missing_docs)]
mod imports {
    wit_bindgen::generate!({
        inline: "
            package otelier:handle-flood;
            world handles {
                import wasi:cli/stdout@0.2.3;
            }
            package wasi:io@0.2.3 {
                interface streams {
                    resource output-stream;
                }
            }
            package wasi:cli@0.2.3 {
                interface stdout {
                    use wasi:io/streams@0.2.3.{output-stream};
                    get-stdout: func() -> output-stream;
                }
            }
        ",
        generate_all,
    });
}

/// The configuration: there is none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The processor.
#[derive(Debug)]
pub struct HandleFlood;

impl Processor for HandleFlood {
    type Config = Config;

    fn describe(_: Config, _: Signal, declare: &mut Declare<'_>) -> Result<HandleFlood, Failure> {
        declare.metrics(vec!["*".to_owned()]);
        Ok(HandleFlood)
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), Failure> {
        loop {
            forget(imports::wasi::cli::stdout::get_stdout());
        }
    }
}

otelier_sdk::export!(HandleFlood);
