//! gRPC's status codes, by which OTLP tells failures apart over both protocols.

/// A status other than OK, by its number (`google/rpc/code.proto`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// OTLP senders retry it.
    Cancelled = 1,
    /// Also every number that is none of these.
    Unknown = 2,
    /// The request itself is wrong.
    InvalidArgument = 3,
    /// OTLP senders retry it.
    DeadlineExceeded = 4,
    /// Of something that the request names.
    NotFound = 5,
    /// Of something that the request would make.
    AlreadyExists = 6,
    /// The sender is known and may not.
    PermissionDenied = 7,
    /// OTLP senders retry it only when a `RetryInfo` comes with it.
    ResourceExhausted = 8,
    /// The system is not in the state that the request needs.
    FailedPrecondition = 9,
    /// OTLP senders retry it.
    Aborted = 10,
    /// OTLP senders retry it.
    OutOfRange = 11,
    /// Nothing there does this.
    Unimplemented = 12,
    /// A fault of the server.
    Internal = 13,
    /// OTLP senders retry it.
    Unavailable = 14,
    /// OTLP senders retry it.
    DataLoss = 15,
    /// Nobody knows who the sender is.
    Unauthenticated = 16,
}

impl Code {
    /// All of them, ascending.
    pub const ALL: [Code; 16] = [
        Code::Cancelled,
        Code::Unknown,
        Code::InvalidArgument,
        Code::DeadlineExceeded,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
        Code::Unauthenticated,
    ];

    /// As gRPC's programs write it, and the Collector in `error.type`.
    pub fn name(self) -> &'static str {
        match self {
            Code::Cancelled => "Canceled",
            Code::Unknown => "Unknown",
            Code::InvalidArgument => "InvalidArgument",
            Code::DeadlineExceeded => "DeadlineExceeded",
            Code::NotFound => "NotFound",
            Code::AlreadyExists => "AlreadyExists",
            Code::PermissionDenied => "PermissionDenied",
            Code::ResourceExhausted => "ResourceExhausted",
            Code::FailedPrecondition => "FailedPrecondition",
            Code::Aborted => "Aborted",
            Code::OutOfRange => "OutOfRange",
            Code::Unimplemented => "Unimplemented",
            Code::Internal => "Internal",
            Code::Unavailable => "Unavailable",
            Code::DataLoss => "DataLoss",
            Code::Unauthenticated => "Unauthenticated",
        }
    }

    /// The code of a number that is not OK's.
    pub fn of_number(number: u32) -> Code {
        Code::ALL.into_iter().find(|code| *code as u32 == number).unwrap_or(Code::Unknown)
    }
}
