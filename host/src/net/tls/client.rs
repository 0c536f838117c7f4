//! The client's side: who is asked, and who is believed.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::{TlsConnector, TlsStream};

use super::config::ClientTls;
use super::expiry::Expiry;
use super::material::{TlsError, provider, versions};
use super::reload::Reloading;
use crate::net::Stream;

/// Makes TLS connections to one server.
pub struct TlsClient {
    server_name: ServerName<'static>,
    config: Reloading<ClientConfig>,
    expiry: Option<Expiry>,
}

impl TlsClient {
    /// A client of `host` that offers to speak these protocols (ALPN). Files are read here, and again when they change.
    pub fn new(tls: &ClientTls, host: &str, protocols: &[&str]) -> Result<TlsClient, TlsError> {
        let name = tls.server_name_override.as_deref().unwrap_or(host);
        let server_name =
            ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName { name: name.to_owned() })?;
        let protocols: Vec<Vec<u8>> = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let ca = tls.common.trust.ca.as_ref().and_then(|ca| ca.file());
        let files = tls.common.identity.iter().flat_map(|identity| identity.files()).chain(ca);
        let files = files.map(Into::into).collect();
        let (interval, tls) = (tls.common.reload_interval, tls.clone());
        let expiry = tls.common.identity.as_ref().map(|_| Expiry::default());
        let following = expiry.clone().unwrap_or_default();
        let make = move || client_config(&tls, &protocols, &following);
        Ok(TlsClient { server_name, config: Reloading::new(Box::new(make), files, interval)?, expiry })
    }

    /// When the certificate ends that it shows, if it shows any.
    pub fn expiry(&self) -> Option<Expiry> {
        self.expiry.clone()
    }

    /// Secures a connection.
    pub async fn connect(&self, stream: Stream) -> io::Result<Stream> {
        let connector = TlsConnector::from(self.config.current().await);
        let stream = connector.connect(self.server_name.clone(), stream).await?;
        Ok(Stream::Tls(Box::new(TlsStream::Client(stream))))
    }
}

fn client_config(tls: &ClientTls, protocols: &[Vec<u8>], expiry: &Expiry) -> Result<ClientConfig, TlsError> {
    let (common, provider) = (&tls.common, provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(common.min_version, common.max_version))
        .map_err(|error| TlsError::Other(error.to_string()))?;
    let builder = match tls.insecure_skip_verify {
        true => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        false => {
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(common.trust.roots()?), provider).build();
            builder.with_webpki_verifier(verifier.map_err(|error| TlsError::Other(error.to_string()))?)
        }
    };
    let mut config = match &common.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = identity.read()?;
            let config = builder.with_client_auth_cert(chain.clone(), key);
            let config = config.map_err(|error| identity.unusable(&error))?;
            expiry.follow(&chain);
            config
        }
    };
    config.alpn_protocols = protocols.to_vec();
    Ok(config)
}

/// `insecure_skip_verify`: whoever answers is believed. That it has the key of the certificate it shows is checked all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
