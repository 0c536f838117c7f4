//! A processor on a standard library with WASI, of the kind that cargo-component builds by default: it asks for all that a plugin has, and
//! says on standard output what it got.
//!
//! ```text
//! then  look (default): nothing more; exit, sleep and panic end the call
//! ```

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use otelier_sdk::{Batch, Declare, Failure, Processor, Signal};
use serde::Deserialize;

/// What comes after the looking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Then {
    #[default]
    Look,
    Exit,
    Sleep,
    Panic,
}

/// The configuration.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    then: Then,
}

/// The processor.
#[derive(Debug)]
pub struct Wasi {
    then: Then,
}

impl Processor for Wasi {
    type Config = Config;

    fn describe(config: Config, _: Signal, declare: &mut Declare<'_>) -> Result<Wasi, Failure> {
        declare.metrics(vec!["*".to_owned()]);
        Ok(Wasi { then: config.then })
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        look(batch.now());
        match self.then {
            Then::Look => {}
            Then::Exit => std::process::exit(0),
            Then::Sleep => std::thread::sleep(Duration::from_secs(1)),
            Then::Panic => fail(),
        }
        Ok(())
    }
}

#[allow(clippy::panic)] // That is what it is for.
fn fail() -> ! {
    panic!("as the configuration asks for")
}

fn look(now: u64) {
    let (clock, start) = (SystemTime::now().duration_since(UNIX_EPOCH), Instant::now());
    println!("clock is the call's: {}", clock.is_ok_and(|clock| clock == Duration::from_nanos(now)));
    println!("clock stands: {}", (0..1000).all(|_| start.elapsed().is_zero()));
    println!("random: {:x}", RandomState::new().hash_one(1));
    println!("a map has {} entries", HashMap::from([(1, 2)]).len());
    println!("environment: {}, arguments: {}", std::env::vars().count(), std::env::args().count());
    println!("file: {}", std::fs::read("/etc/passwd").is_ok());
    println!("connection: {}", std::net::TcpStream::connect("127.0.0.1:80").is_ok());
    println!("input: {:?}", std::io::stdin().lines().next().is_some());
    eprint!("a line without an end");
}

otelier_sdk::export!(Wasi);
