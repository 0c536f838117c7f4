//! Certificates and keys: where they come from, and what they must be.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{RootCertStore, SupportedProtocolVersion, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::config::TlsVersion;
use crate::contract::Secret;
use crate::files::bounded::{self, ReadError, TEXT_BYTES_MAX};

/// Where a certificate or a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PemSource {
    /// In a file, in PEM.
    File {
        /// For error texts.
        key: &'static str,
        /// Where it is.
        file: PathBuf,
    },
    /// In the configuration, under that key.
    Pem {
        /// For error texts.
        key: &'static str,
        /// PEM.
        pem: Secret,
    },
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) certificate: PemSource,
    pub(super) key: PemSource,
}

/// Whom we believe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trust {
    /// The system's certificates, without it.
    pub(super) ca: Option<PemSource>,
    /// Whether the system's are believed beside it.
    pub(super) include_system: bool,
}

/// TLS that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("tls: cannot read {place}: {source}")]
    Read {
        /// The key of the configuration and the file.
        place: String,
        /// Why.
        source: ReadError,
    },
    /// PEM that is none.
    #[error("tls: {place} has no {kind} in PEM: {reason}")]
    Pem {
        /// A file or a key of the configuration.
        place: String,
        /// What was looked for.
        kind: &'static str,
        /// The parser's words.
        reason: String,
    },
    /// A certificate that cannot be used, or a key that belongs to another.
    #[error("tls: {place}: {reason}")]
    Unusable {
        /// A file or a key of the configuration.
        place: String,
        /// The words of TLS.
        reason: String,
    },
    /// A system without certificates.
    #[error("tls: this system has no CA certificates: set `ca_file`, or `insecure: true` for a connection without TLS")]
    NoSystemRoots,
    /// A name that no certificate can have.
    #[error("tls: `{name}` is no server name: set `server_name_override` to a DNS name or an IP address")]
    ServerName {
        /// What it was.
        name: String,
    },
    /// What is left: versions, verifiers.
    #[error("tls: {0}")]
    Other(String),
}

impl PemSource {
    /// The file, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            PemSource::File { file, .. } => Some(file),
            PemSource::Pem { .. } => None,
        }
    }

    fn read(&self) -> Result<Vec<u8>, TlsError> {
        match self {
            PemSource::File { file, .. } => {
                bounded::read(file, TEXT_BYTES_MAX).map_err(|source| TlsError::Read { place: self.place(), source })
            }
            PemSource::Pem { pem, .. } => Ok(pem.reveal().as_bytes().to_vec()),
        }
    }

    /// For error texts.
    pub(super) fn place(&self) -> String {
        match self {
            PemSource::File { key, file } => format!("`{key}` {}", file.display()),
            PemSource::Pem { key, .. } => format!("`{key}`"),
        }
    }

    /// All certificates; at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let wrong = |reason| TlsError::Pem { place: self.place(), kind: "certificate", reason };
        let pem = self.read()?;
        let certificates: Vec<_> =
            CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
        if certificates.is_empty() {
            return Err(wrong("there is none".to_owned()));
        }
        Ok(certificates)
    }

    /// The first private key. Encrypted ones are not supported.
    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let wrong = |reason| TlsError::Pem { place: self.place(), kind: "unencrypted private key", reason };
        PrivateKeyDer::from_pem_slice(&self.read()?).map_err(|error| wrong(error.to_string()))
    }

    /// The certificates as roots.
    pub(super) fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            let added = roots.add(certificate);
            added.map_err(|error| TlsError::Unusable { place: self.place(), reason: error.to_string() })?;
        }
        Ok(roots)
    }
}

impl Identity {
    /// The certificate with those that lead to its root, and its key.
    pub(super) fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        Ok((self.certificate.certificates()?, self.key.key()?))
    }

    /// rustls found that the two do not fit.
    pub(super) fn unusable(&self, error: &rustls::Error) -> TlsError {
        let place = format!("{} with {}", self.certificate.place(), self.key.place());
        TlsError::Unusable { place, reason: error.to_string() }
    }

    /// What may change on disk.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        [self.certificate.file(), self.key.file()].into_iter().flatten()
    }
}

impl Trust {
    /// The certificates that a chain may end in.
    pub(super) fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = match &self.ca {
            Some(ca) => ca.roots()?,
            None => RootCertStore::empty(),
        };
        if self.ca.is_none() || self.include_system {
            let system = rustls_native_certs::load_native_certs();
            // Some of a system's certificates are older than the rules of today.
            roots.add_parsable_certificates(system.certs);
        }
        if roots.is_empty() { Err(TlsError::NoSystemRoots) } else { Ok(roots) }
    }
}

/// What does the arithmetic.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The versions between two bounds.
pub(super) fn versions(min: Option<TlsVersion>, max: Option<TlsVersion>) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(TlsVersion::Tls13, &version::TLS13), (TlsVersion::Tls12, &version::TLS12)];
    let fits = |version: TlsVersion| min.is_none_or(|min| version >= min) && max.is_none_or(|max| version <= max);
    all.into_iter().filter(|(known, _)| fits(*known)).map(|(_, version)| version).collect()
}
