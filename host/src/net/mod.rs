//! What a client of another machine needs: addresses, proxies, connections, TLS, headers, compression, and the answers of OTLP's receivers.
//!
//! Exporters that push build on it, and receivers take their TLS from it. A [`Channel`] keeps the connections to all addresses
//! behind one name and makes one exchange at a time; what is sent, and what an answer means, is its user's to say. Everything read
//! is bounded, and nothing here retries what a peer may have seen: that is the lane's to decide.

mod address;
mod answer;
mod body;
mod broken;
mod channel;
mod connection;
mod connections;
mod endpoint;
mod failure;
mod headers;
mod host_port;
mod listen;
mod listening;
mod network;
mod options;
mod otlp;
mod paced;
mod pack;
mod peer;
mod proxy;
mod push;
mod resolve;
mod slot;
mod stream;
mod target;
pub mod tls;
mod unix_socket;
mod unpack;
mod user_agent;

pub use answer::{ANSWER_BYTES_MAX, Answer};
pub use body::Outgoing;
pub use broken::Broken;
pub use channel::Channel;
pub use connections::{Connections, Crowded, Entered, Place, Working};
pub use endpoint::{Endpoint, EndpointError};
pub use failure::{REASON_BYTES_MAX, bounded, failed, refused, retry_after};
pub use headers::Headers;
pub use listen::{ListenError, collide, listening};
pub use listening::Listening;
pub use network::{Network, NetworkError};
pub use options::{Balancer, Options, Pings, Protocol};
pub use otlp::{PartialSuccess, RpcStatus};
pub use paced::Paced;
pub use pack::Compression;
pub use peer::{canonical, network};
pub use proxy::{Proxies, Proxy, ProxyError, Through};
pub use push::{PushKeys, TwoBreakers};
pub use stream::Stream;
pub use target::{Target, TargetError};
pub use unpack::{Encoding, UnpackError, shown};
pub use user_agent::{UserAgent, UserAgentError};
