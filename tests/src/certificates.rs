//! Certificates of an authority of one's own, and the configuration that names them: both the host's and the Collector's.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType, date_time_ymd,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// As good as for ever.
const LONG: Duration = Duration::from_secs(1000 * 86_400);

/// An authority with a server and a client, as PEM files. The folder goes with it.
pub struct Certificates {
    folder: TempDir,
}

/// Whether a connection is encrypted, and who shows a certificate.
#[derive(Clone, Copy)]
pub enum Security<'c> {
    /// Nobody.
    Plain,
    /// The server.
    Tls(&'c Certificates),
    /// Both.
    Mutual(&'c Certificates),
}

/// [`Certificates::plain`], [`Certificates::tls`] or [`Certificates::mutual`].
pub type Kind = for<'c> fn(&'c Certificates) -> Security<'c>;

impl Certificates {
    /// For servers at these addresses.
    pub fn of(servers: &[SocketAddr]) -> Result<Certificates> {
        Certificates::ending_in(servers, LONG)
    }

    /// The same, of which server and client end so long from now.
    pub fn ending_in(servers: &[SocketAddr], remaining: Duration) -> Result<Certificates> {
        let certificates = Certificates { folder: tempfile::tempdir()? };
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.distinguished_name.push(DnType::CommonName, "the authority of the tests");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        certificates.write("authority", &authority.self_signed(&key)?.pem(), &key)?;
        let issuer = Issuer::new(authority, key);
        let mut server = CertificateParams::new(Vec::new())?;
        let addresses: BTreeSet<IpAddr> = servers.iter().map(SocketAddr::ip).collect();
        server.subject_alt_names = addresses.into_iter().map(SanType::IpAddress).collect();
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let mut client = CertificateParams::new(vec!["client.test".to_owned()])?;
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
        for (name, mut params) in [("server", server), ("client", client)] {
            params.not_after = date_time_ymd(1970, 1, 1) + since_1970 + remaining;
            let key = KeyPair::generate()?;
            certificates.write(name, &params.signed_by(&key, &issuer)?.pem(), &key)?;
        }
        Ok(certificates)
    }

    /// They are not used.
    pub fn plain(&self) -> Security<'_> {
        Security::Plain
    }

    /// The server shows one.
    pub fn tls(&self) -> Security<'_> {
        Security::Tls(self)
    }

    /// Both show one.
    pub fn mutual(&self) -> Security<'_> {
        Security::Mutual(self)
    }

    /// The server and the client have those certificates and keys from now on.
    pub fn renew(&self, others: &Certificates) -> Result<()> {
        for (name, kind) in [("server", "key"), ("server", "crt"), ("client", "key"), ("client", "crt")] {
            fs::copy(others.file(name, kind), self.file(name, kind))?;
        }
        Ok(())
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) -> Result<()> {
        fs::write(self.file(name, "crt"), certificate)?;
        Ok(fs::write(self.file(name, "key"), key.serialize_pem())?)
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.{kind}"))
    }
}

impl Security<'_> {
    /// Of a URL.
    pub fn scheme(self) -> &'static str {
        if matches!(self, Security::Plain) { "http" } else { "https" }
    }

    /// The `tls` of a receiver, if it is to have one.
    pub fn server(self) -> Option<Value> {
        let tls = |from: &Certificates| json!({"cert_file": from.file("server", "crt"), "key_file": from.file("server", "key")});
        match self {
            Security::Plain => None,
            Security::Tls(from) => Some(tls(from)),
            Security::Mutual(from) => {
                let mut tls = tls(from);
                tls["client_ca_file"] = json!(from.file("authority", "crt"));
                Some(tls)
            }
        }
    }

    /// The `tls` of an exporter.
    pub fn client(self) -> Value {
        match self {
            Security::Plain => json!({"insecure": true}),
            Security::Tls(from) => json!({"ca_file": from.file("authority", "crt")}),
            Security::Mutual(from) => json!({
                "ca_file": from.file("authority", "crt"),
                "cert_file": from.file("client", "crt"),
                "key_file": from.file("client", "key"),
            }),
        }
    }
}
