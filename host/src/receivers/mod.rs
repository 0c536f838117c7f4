//! Components that accept telemetry from senders, one folder per protocol.

use crate::families::family;

family! { ReceiverEntry:
    otlp,
}
