//! What became of a case, and the files that have what is expected of it.

use std::fs;
use std::path::Path;

use super::error::CaseError;

/// The file that makes a folder a case of a processor.
pub const CASE_FILE: &str = "case.yaml";
/// The one that makes it a case of a policy.
pub const TRACE_FILE: &str = "trace.jsonl";
/// The one that makes it a case of the SDK's harness.
pub const HARNESS_FILE: &str = "input.json";
/// What became of a case.
#[derive(Debug)]
pub enum Verdict {
    /// What came out is what was expected.
    Passed,
    /// What came out was written, and is another than before.
    Updated,
    /// What is different, a line each.
    Differs(Vec<String>),
    /// It could not be run.
    Broken(CaseError),
}

/// Text that is expected, and nothing where no file is.
pub fn expected_text(path: &Path) -> Result<Option<String>, CaseError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CaseError::Read { path: path.to_owned(), source }),
    }
}

/// Writes what came out, where it is not there already.
pub fn written(path: &Path, text: &str) -> Result<Verdict, CaseError> {
    if expected_text(path)?.is_some_and(|before| before == text) {
        return Ok(Verdict::Passed);
    }
    fs::write(path, text).map_err(|source| CaseError::Write { path: path.to_owned(), source })?;
    Ok(Verdict::Updated)
}
