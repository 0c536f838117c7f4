//! Calls that do not count: the guest declined, or broke.

/// A call that does not count.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum CallError {
    /// The guest said so itself.
    #[error("{message}")]
    Failure {
        /// The plugin's words.
        message: String,
        /// Whether the same may succeed later.
        retryable: bool,
    },
    /// The guest broke: a panic, a limit, a contract it did not keep. The instance is of no more use.
    #[error(transparent)]
    Trap(Box<Trap>),
}

/// How a guest broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}{}", self.place())]
pub struct Trap {
    /// For a metric's label.
    pub reason: TrapReason,
    /// For a person: the panic's message, or the limit that was reached.
    pub detail: String,
    /// The guest's function that failed, where its file names it.
    pub function: Option<String>,
    /// The guest's functions under way, the innermost first, one a line. Empty where none was.
    pub stack: String,
}

impl Trap {
    /// One whose guest was not running.
    pub fn new(reason: TrapReason, detail: impl Into<String>) -> Box<Trap> {
        Box::new(Trap { reason, detail: detail.into(), function: None, stack: String::new() })
    }

    fn place(&self) -> String {
        self.function.as_ref().map(|function| format!(" (in {function})")).unwrap_or_default()
    }
}

/// Why a call trapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrapReason {
    /// Longer than its deadline.
    #[error("deadline exceeded, which is `call_timeout` of the manifest")]
    Deadline,
    /// More memory than granted.
    #[error("more memory than `memory_mib` of the manifest grants")]
    Memory,
    /// Too deep.
    #[error("stack overflow")]
    Stack,
    /// More imports than granted.
    #[error("too many host calls")]
    HostCalls,
    /// Results or requests that the contract does not allow.
    #[error("contract violated")]
    Contract,
    /// A panic, or anything else.
    #[error("trapped")]
    Other,
}
