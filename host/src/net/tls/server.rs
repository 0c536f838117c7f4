//! The server's side: what it shows, and whose clients it lets in.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::config::ServerTls;
use super::expiry::Expiry;
use super::material::{TlsError, provider, versions};
use super::reload::Reloading;
use crate::net::Stream;

/// Accepts TLS connections. Clones are the same.
#[derive(Clone)]
pub struct TlsServer {
    config: Arc<Reloading<ServerConfig>>,
    expiry: Expiry,
}

impl TlsServer {
    /// A server that speaks these protocols (ALPN). Files are read here, and again when they change.
    pub fn new(tls: &ServerTls, protocols: &[&str]) -> Result<TlsServer, TlsError> {
        let protocols: Vec<Vec<u8>> = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let client_ca = tls.client_ca.as_ref().and_then(|ca| ca.file());
        let files = tls.common.identity.iter().flat_map(|identity| identity.files()).chain(client_ca);
        let files = files.map(Into::into).collect();
        let (interval, tls) = (tls.common.reload_interval, tls.clone());
        let expiry = Expiry::default();
        let following = expiry.clone();
        let make = move || server_config(&tls, &protocols, &following);
        Ok(TlsServer { config: Arc::new(Reloading::new(Box::new(make), files, interval)?), expiry })
    }

    /// When the certificate that it shows ends.
    pub fn expiry(&self) -> Expiry {
        self.expiry.clone()
    }

    /// Secures a connection.
    pub async fn accept(&self, stream: Stream) -> io::Result<Stream> {
        let acceptor = TlsAcceptor::from(self.config.current().await);
        let stream = acceptor.accept(stream).await?;
        Ok(Stream::Tls(Box::new(TlsStream::Server(stream))))
    }
}

fn server_config(tls: &ServerTls, protocols: &[Vec<u8>], expiry: &Expiry) -> Result<ServerConfig, TlsError> {
    let (common, provider) = (&tls.common, provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(common.min_version, common.max_version))
        .map_err(|error| TlsError::Other(error.to_string()))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(ca.roots()?), provider).build();
            let unusable = |reason: String| TlsError::Unusable { place: ca.place(), reason };
            builder.with_client_cert_verifier(verifier.map_err(|error| unusable(error.to_string()))?)
        }
    };
    let identity =
        common.identity.as_ref().ok_or_else(|| TlsError::Other("a server without a certificate".to_owned()))?;
    let (chain, key) = identity.read()?;
    let mut config = builder.with_single_cert(chain.clone(), key).map_err(|error| identity.unusable(&error))?;
    expiry.follow(&chain);
    config.alpn_protocols = protocols.to_vec();
    Ok(config)
}
