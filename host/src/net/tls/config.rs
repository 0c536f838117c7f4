//! `tls`: the Collector's keys. What parsed is consistent; whether files exist and hold what they should is found when they are read.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::material::{Identity, PemSource, Trust};
use crate::contract::{Secret, duration};

/// The `tls` of a client.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(try_from = "RawClient")]
#[schemars(with = "RawClient")]
pub struct ClientTls {
    insecure: bool,
    /// TLS with whoever answers.
    pub insecure_skip_verify: bool,
    /// The name that the server's certificate must have, in place of the endpoint's.
    pub server_name_override: Option<String>,
    pub(super) common: Common,
}

/// The `tls` of a server.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(try_from = "RawServer")]
#[schemars(with = "RawServer")]
pub struct ServerTls {
    /// Whose clients are let in; all, without it.
    pub(super) client_ca: Option<PemSource>,
    pub(super) common: Common,
}

/// What both have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Common {
    pub(super) identity: Option<Identity>,
    pub(super) trust: Trust,
    pub(super) min_version: Option<TlsVersion>,
    pub(super) max_version: Option<TlsVersion>,
    /// How often files are looked at; `None` is never again.
    pub(super) reload_interval: Option<Duration>,
}

/// A version of TLS that is still safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// YAML reads a bare `1.2` as a number.
impl JsonSchema for TlsVersion {
    fn schema_name() -> Cow<'static, str> {
        "TlsVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": ["1.2", "1.3", 1.2, 1.3]})
    }
}

/// A configuration that contradicts itself.
#[derive(Debug, thiserror::Error)]
enum Contradiction {
    #[error("`{one}` and `{other}` say the same in two ways: keep one of them")]
    Both { one: &'static str, other: &'static str },
    #[error("a certificate needs its key: write `key_file` or `key_pem` beside it")]
    NoKey,
    #[error("a key needs its certificate: write `cert_file` or `cert_pem` beside it")]
    NoCertificate,
    #[error("a server needs a certificate: write `cert_file` and `key_file`")]
    NoIdentity,
    #[error("`max_version` is below `min_version`")]
    Versions,
}

#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawClient {
    /// Whether there is to be no TLS. Counts for nothing beside a CA, or an endpoint of `https://`.
    #[schemars(extend("x-collector" = "same: counts for nothing beside a CA, and where it counts the other keys do not"))]
    insecure: bool,
    /// TLS with whoever answers.
    insecure_skip_verify: bool,
    /// The name that the server's certificate must have, in place of the endpoint's.
    server_name_override: Option<String>,
    /// Whose certificates are believed, in PEM; the system's without it.
    ca_file: Option<PathBuf>,
    /// The same in line.
    ca_pem: Option<Secret>,
    /// Whether the system's count as well.
    include_system_ca_certs_pool: bool,
    /// The certificate, in PEM; beside it `key_file` or `key_pem`.
    cert_file: Option<PathBuf>,
    /// The same in line.
    cert_pem: Option<Secret>,
    /// The certificate's private key, in PEM.
    key_file: Option<PathBuf>,
    /// The same in line.
    key_pem: Option<Secret>,
    /// The oldest version of TLS that is spoken; 1.2 without it.
    min_version: Option<TlsVersion>,
    /// The newest one; 1.3 without it.
    max_version: Option<TlsVersion>,
    /// How often the files are looked at; 0 is never again.
    #[schemars(extend("x-collector" = "same; CAs are read again too"))]
    #[serde(deserialize_with = "duration::deserialize")]
    reload_interval: Duration,
}

#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawServer {
    /// Whose clients are let in, in PEM; all without it.
    client_ca_file: Option<PathBuf>,
    /// The certificate, in PEM; beside it `key_file` or `key_pem`.
    cert_file: Option<PathBuf>,
    /// The same in line.
    cert_pem: Option<Secret>,
    /// The certificate's private key, in PEM.
    key_file: Option<PathBuf>,
    /// The same in line.
    key_pem: Option<Secret>,
    /// The oldest version of TLS that is spoken; 1.2 without it.
    #[schemars(extend("x-collector" = "same; 1.0 and 1.1 are refused"))]
    min_version: Option<TlsVersion>,
    /// The newest one; 1.3 without it.
    #[schemars(extend("x-collector" = "same; 1.0 and 1.1 are refused"))]
    max_version: Option<TlsVersion>,
    /// How often the files are looked at; 0 is never again.
    #[schemars(extend("x-collector" = "same; the CA of clients is read again too, without `client_ca_file_reload`"))]
    #[serde(deserialize_with = "duration::deserialize")]
    reload_interval: Duration,
}

impl ClientTls {
    /// Whether it says that there is to be no TLS: `insecure`, which counts for nothing beside a CA, as in the Collector.
    pub fn is_off(&self) -> bool {
        self.insecure && self.common.trust.ca.is_none()
    }

    /// What holds for a proxy in front of the destination, which has a name of its own.
    pub(in crate::net) fn of_proxy(&self) -> ClientTls {
        ClientTls { server_name_override: None, ..self.clone() }
    }

    /// What holds where the endpoint's scheme asks for TLS. Beside an `insecure` that is off, the Collector takes none of the other keys.
    pub fn for_tls(self) -> ClientTls {
        if self.is_off() { ClientTls::default() } else { self }
    }
}

impl TryFrom<RawClient> for ClientTls {
    type Error = Contradiction;

    fn try_from(raw: RawClient) -> Result<ClientTls, Contradiction> {
        let ca = source(raw.ca_file, raw.ca_pem, "ca_file", "ca_pem")?;
        let identity = identity((raw.cert_file, raw.cert_pem), (raw.key_file, raw.key_pem))?;
        let common = Common {
            identity,
            trust: Trust { ca, include_system: raw.include_system_ca_certs_pool },
            ..common(raw.min_version, raw.max_version, raw.reload_interval)?
        };
        Ok(ClientTls {
            insecure: raw.insecure,
            insecure_skip_verify: raw.insecure_skip_verify,
            server_name_override: raw.server_name_override.filter(|name| !name.is_empty()),
            common,
        })
    }
}

impl TryFrom<RawServer> for ServerTls {
    type Error = Contradiction;

    fn try_from(raw: RawServer) -> Result<ServerTls, Contradiction> {
        let identity = identity((raw.cert_file, raw.cert_pem), (raw.key_file, raw.key_pem))?;
        let identity = Some(identity.ok_or(Contradiction::NoIdentity)?);
        let common = Common { identity, ..common(raw.min_version, raw.max_version, raw.reload_interval)? };
        let client_ca = source(raw.client_ca_file, None, "client_ca_file", "")?;
        Ok(ServerTls { client_ca, common })
    }
}

fn common(min: Option<TlsVersion>, max: Option<TlsVersion>, reload: Duration) -> Result<Common, Contradiction> {
    if min.zip(max).is_some_and(|(min, max)| max < min) {
        return Err(Contradiction::Versions);
    }
    let reload_interval = (!reload.is_zero()).then_some(reload);
    Ok(Common { min_version: min, max_version: max, reload_interval, ..Common::default() })
}

type FileOrPem = (Option<PathBuf>, Option<Secret>);

fn identity(certificate: FileOrPem, key: FileOrPem) -> Result<Option<Identity>, Contradiction> {
    let certificate = source(certificate.0, certificate.1, "cert_file", "cert_pem")?;
    let key = source(key.0, key.1, "key_file", "key_pem")?;
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(Contradiction::NoKey),
        (None, Some(_)) => Err(Contradiction::NoCertificate),
        (Some(certificate), Some(key)) => Ok(Some(Identity { certificate, key })),
    }
}

/// Empty texts say nothing: a variable of the environment that is not set.
fn source(
    file: Option<PathBuf>,
    pem: Option<Secret>,
    one: &'static str,
    other: &'static str,
) -> Result<Option<PemSource>, Contradiction> {
    let file = file.filter(|file| !file.as_os_str().is_empty());
    let pem = pem.filter(|pem| !pem.reveal().is_empty());
    match (file, pem) {
        (Some(_), Some(_)) => Err(Contradiction::Both { one, other }),
        (Some(file), None) => Ok(Some(PemSource::File { key: one, file })),
        (None, Some(pem)) => Ok(Some(PemSource::Pem { key: other, pem })),
        (None, None) => Ok(None),
    }
}

impl<'de> Deserialize<'de> for TlsVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TlsVersion, D::Error> {
        deserializer.deserialize_any(VersionVisitor)
    }
}

/// YAML reads a bare `1.2` as a number.
struct VersionVisitor;

impl Visitor<'_> for VersionVisitor {
    type Value = TlsVersion;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("`1.2` or `1.3`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TlsVersion, E> {
        match text {
            "1.2" => Ok(TlsVersion::Tls12),
            "1.3" => Ok(TlsVersion::Tls13),
            "1.0" | "1.1" => Err(E::custom("TLS 1.0 and 1.1 are broken and not supported: write `1.2` or `1.3`")),
            _ => Err(E::custom("not a version of TLS: write `1.2` or `1.3`")),
        }
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<TlsVersion, E> {
        self.visit_str(&format!("{number:.1}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientTls, ServerTls, TlsVersion};

    #[test]
    fn contradictions_say_what_to_write() {
        for (json, words) in [
            (r#"{"cert_file": "a"}"#, "needs its key"),
            (r#"{"key_pem": "a"}"#, "needs its certificate"),
            (r#"{"ca_file": "a", "ca_pem": "b"}"#, "`ca_file` and `ca_pem`"),
            (r#"{"min_version": "1.3", "max_version": 1.2}"#, "below `min_version`"),
            (r#"{"min_version": "1.1"}"#, "broken and not supported"),
            (r#"{"cipher_suites": []}"#, "unknown field `cipher_suites`"),
        ] {
            let error = serde_json::from_str::<ClientTls>(json).err().map(|error| error.to_string());
            assert!(error.as_ref().is_some_and(|error| error.contains(words)), "{json}: {error:?}");
        }
        let error = serde_json::from_str::<ServerTls>("{}").err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("a server needs a certificate")));
    }

    #[test]
    fn keys_are_not_shown() -> Result<(), serde_json::Error> {
        let tls: ClientTls = serde_json::from_str(r#"{"cert_pem": "c", "key_pem": "topsecret", "min_version": 1.3}"#)?;
        assert_eq!(tls.common.min_version, Some(TlsVersion::Tls13));
        assert!(!format!("{tls:?}").contains("topsecret"));
        Ok(())
    }
}
