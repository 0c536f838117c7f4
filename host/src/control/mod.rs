//! A running host and the commands that look after it: a socket in the state directory, which only its owner may use.
//!
//! One request a connection: a line of JSON each way. A command that finds no host works on the store itself, where it can.

mod client;
mod desk;
mod letters;
mod request;
mod server;

pub use client::{ControlError, ask};
pub use desk::Desk;
pub use letters::{Letters, LettersError, offline};
pub use request::{Request, Response, Selection};
pub use server::serve;
