//! Certificates for tests: an authority, and whom it vouches for.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use serde_json::{Value, json};

/// An authority with its files in a folder.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub(super) file: PathBuf,
}

/// Whom a certificate is for.
pub(super) struct Holder {
    pub(super) name: &'static str,
    pub(super) is_expired: bool,
}

impl Authority {
    pub(super) fn new(folder: &Path, name: &str) -> Result<Authority, Box<dyn Error>> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let file = folder.join(format!("{name}.pem"));
        fs::write(&file, issuer.pem())?;
        Ok(Authority { issuer, file })
    }

    /// The `tls` keys of someone it vouches for; the files are named after `file`, those that were there are replaced.
    pub(super) fn vouch(&self, file: &str, holder: &Holder) -> Result<Value, Box<dyn Error>> {
        let mut params = CertificateParams::new(vec![holder.name.to_owned()])?;
        if holder.is_expired {
            (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 1, 2));
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let (cert_file, key_file) = (folder.join(format!("{file}.cert")), folder.join(format!("{file}.key")));
        fs::write(&cert_file, certificate.pem())?;
        fs::write(&key_file, key.serialize_pem())?;
        Ok(json!({"cert_file": cert_file, "key_file": key_file}))
    }
}

/// Someone whom clients look for by that name.
pub(super) const LOCALHOST: Holder = Holder { name: "localhost", is_expired: false };
