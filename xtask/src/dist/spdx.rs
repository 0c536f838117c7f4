//! The list of what is compiled in, as SPDX 2.3 in JSON: <https://spdx.github.io/spdx-spec/v2.3>.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Release;
use super::crates::Part;
use crate::process;

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const OTELIER: &str = "SPDXRef-otelier";

/// The document, with a line end.
pub fn document(release: &Release<'_>, parts: &BTreeSet<Part>) -> Result<String> {
    let created = process::capture(Command::new("date").args([
        "-u",
        "+%Y-%m-%dT%H:%M:%SZ",
        "-d",
        &format!("@{}", release.epoch),
    ]))?;
    let parts: Vec<(String, &Part)> = parts.iter().map(|part| (id(part), part)).collect();
    let packages = parts.iter().map(|(id, part)| package(id, part));
    let packages: Vec<Value> = std::iter::once(program(release)).chain(packages).collect();
    let contained = parts.iter().map(|(id, part)| relationship(id, part, &parts));
    let described = json!({"spdxElementId": DOCUMENT, "relationshipType": "DESCRIBES", "relatedSpdxElement": OTELIER});
    let relationships: Vec<Value> = std::iter::once(described).chain(contained).collect();
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": release.name(),
        "creationInfo": {"created": created, "creators": ["Tool: otelier-xtask"]},
        "packages": packages,
        "relationships": relationships,
    });
    // One name a content, whoever makes it.
    let digest = format!("{:x}", Sha256::digest(document.to_string()));
    let home = env!("CARGO_PKG_REPOSITORY");
    document["documentNamespace"] = json!(format!("{home}/spdx/{}-{digest}", release.name()));
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

fn program(release: &Release<'_>) -> Value {
    json!({
        "SPDXID": OTELIER,
        "name": "otelier",
        "versionInfo": release.version,
        "primaryPackagePurpose": "APPLICATION",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION",
    })
}

fn package(id: &str, part: &Part) -> Value {
    let Part { name, version, licence, repository, is_own, is_native, .. } = part;
    let from = match (is_own, is_native) {
        (true, _) => "NOASSERTION".to_owned(),
        (false, true) => repository.clone().unwrap_or_else(|| "NOASSERTION".to_owned()),
        (false, false) => format!("https://crates.io/api/v1/crates/{name}/{version}/download"),
    };
    let mut package = json!({
        "SPDXID": id,
        "name": name,
        "versionInfo": version,
        "primaryPackagePurpose": "LIBRARY",
        "downloadLocation": from,
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    });
    if !is_own && !is_native {
        package["externalRefs"] = json!([{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": format!("pkg:cargo/{name}@{version}").replace('+', "%2B"),
        }]);
    }
    package
}

/// A crate is in the program; what a crate brings in C is in the crate.
fn relationship(id: &str, part: &Part, parts: &[(String, &Part)]) -> Value {
    let brings = parts.iter().find(|(_, other)| part.is_native && !other.is_native && other.folder == part.folder);
    let whole = brings.map_or(OTELIER, |(id, _)| id.as_str());
    json!({"spdxElementId": whole, "relationshipType": "CONTAINS", "relatedSpdxElement": id})
}

/// Letters, digits, points and hyphens alone.
fn id(part: &Part) -> String {
    let family = if part.is_native { "native" } else { "crate" };
    let text = format!("{family}-{}-{}", part.name, part.version);
    let text: String =
        text.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' }).collect();
    format!("SPDXRef-{text}")
}
