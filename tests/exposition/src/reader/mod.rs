//! From lines to families: what belongs together, and which names stand in each other's way.
//!
//! The formats share their lines. OpenMetrics has rules of its own for what a family may be called (`names`), and for what its samples
//! have to say together (`points`).

mod histogram;
mod names;
mod points;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use crate::exposition::{Exemplar, Exposition, Family, Format, Kind, Sample};
use crate::line::{Line, unescaped};
use crate::number::{number, real};

/// Reads one answer. Where it is not `strict`, names may clash, and the samples of a family may say anything.
pub fn read(format: Format, page: &[u8], strict: bool) -> Result<Exposition> {
    let text = std::str::from_utf8(page).context("not UTF-8")?;
    ensure!(!text.starts_with('\u{feff}'), "a byte order mark");
    let lines = match format {
        Format::Text if text.is_empty() => None,
        Format::Text => Some(text.strip_suffix('\n').context("no line feed at the end")?),
        Format::OpenMetrics => {
            let text = text.strip_suffix('\n').unwrap_or(text);
            let lines = text.strip_suffix("# EOF").context("no `# EOF` at the end")?;
            if lines.is_empty() { None } else { Some(lines.strip_suffix('\n').context("no `# EOF` at the end")?) }
        }
    };
    let mut reader = Reader { format, strict, exposition: Exposition::default(), claimed: BTreeMap::new(), open: None };
    for (index, line) in lines.into_iter().flat_map(|lines| lines.split('\n')).enumerate() {
        reader.line(line).with_context(|| format!("line {}: {line:?}", index + 1))?;
    }
    reader.close()?;
    Ok(reader.exposition)
}

struct Reader {
    format: Format,
    strict: bool,
    exposition: Exposition,
    /// Names of samples, and the family that can have them.
    claimed: BTreeMap<String, String>,
    open: Option<Open>,
}

/// The family that lines belong to at the moment.
struct Open {
    name: String,
    kind: Option<Kind>,
    help: Option<String>,
    unit: Option<String>,
    first: usize,
}

impl Open {
    fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::Unknown)
    }
}

/// The only comment there is, where there is nothing else; in OpenMetrics there are none.
const COMMENT: &str = "# Nothing to show yet";

impl Reader {
    fn line(&mut self, line: &str) -> Result<()> {
        let mut rest = Line::new(line);
        if self.format == Format::Text && line.starts_with(COMMENT) {
            return Ok(());
        }
        match rest.take("# ") {
            true => self.metadata(rest),
            false if line.starts_with('#') => bail!("a comment"),
            false => self.sample(rest),
        }
    }

    fn metadata(&mut self, mut line: Line<'_>) -> Result<()> {
        let keyword = line.word();
        let is_known = match self.format {
            Format::Text => ["TYPE", "HELP"].contains(&keyword),
            Format::OpenMetrics => ["TYPE", "HELP", "UNIT"].contains(&keyword),
        };
        ensure!(is_known && line.take(" "), "neither metadata nor the end");
        let name = line.metric_name()?;
        ensure!(line.take(" "), "no space behind the name");
        let (format, strict) = (self.format, self.strict);
        let has_samples = self.exposition.samples.len();
        let open = self.family(name)?;
        ensure!(open.first == has_samples, "metadata of {name} behind its samples");
        let again = || format!("{keyword} of {name} stands there twice");
        match keyword {
            "TYPE" => {
                let kind = names::kind(format, line.rest()).with_context(|| format!("no type: {:?}", line.rest()))?;
                ensure!(open.kind.replace(kind).is_none() || !strict, again());
            }
            "UNIT" => ensure!(open.unit.replace(line.rest().to_owned()).is_none() || !strict, again()),
            _ => {
                let help = unescaped(line.rest(), format == Format::OpenMetrics)?;
                ensure!(open.help.replace(help).is_none() || !strict, again());
            }
        }
        Ok(())
    }

    /// The family of that name: the open one, or a new one.
    fn family(&mut self, name: &str) -> Result<&mut Open> {
        let first = self.exposition.samples.len();
        // Laxly, two families of one name may follow each other.
        let is_other = |open: &Open| open.name != name || !self.strict && open.first < first;
        if self.open.as_ref().is_none_or(is_other) {
            self.close()?;
        }
        let new = || Open { name: name.to_owned(), kind: None, help: None, unit: None, first };
        Ok(self.open.get_or_insert_with(new))
    }

    fn sample(&mut self, mut line: Line<'_>) -> Result<()> {
        let name = line.metric_name()?.to_owned();
        let labels = line.labels()?.unwrap_or_default();
        ensure!(line.take(" "), "no space in front of the value");
        let value = number(line.word())?;
        let mut time = None;
        if !line.rest().starts_with(" #") && line.take(" ") {
            time = Some(real(line.word()).context("as a time")?);
        }
        let exemplar = if line.take(" # ") { Some(exemplar(&mut line)?) } else { None };
        ensure!(line.rest().is_empty(), "something behind the sample: {:?}", line.rest());
        let is_own =
            self.open.as_ref().is_some_and(|open| names::is_sample(self.format, open.kind(), &open.name, &name));
        if !is_own {
            if let Some(open) = self.open.as_ref().filter(|open| open.name == name && open.kind.is_some()) {
                bail!("a {:?} has no sample of the family's own name", open.kind());
            }
            self.family(&name)?;
        }
        self.exposition.samples.push(Sample { name, labels, value, time, exemplar });
        Ok(())
    }

    /// Ends the open family: looks at its names and at its samples as a whole.
    fn close(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let kind = open.kind();
        let claims = if self.strict { names::claims(self.format, kind, &open.name) } else { Vec::new() };
        for name in claims {
            if let Some(earlier) = self.claimed.insert(name.clone(), open.name.clone()) {
                ensure!(earlier != open.name, "family {earlier} stands there twice, or something in its midst");
                bail!("clashing name {name}: of the families {earlier} and {}", open.name);
            }
        }
        let is_told = |text: &String| !text.is_empty();
        let (help, unit) = (open.help.filter(is_told), open.unit.filter(is_told));
        let samples = open.first..self.exposition.samples.len();
        let family = Family { name: open.name, kind, help, unit, samples };
        if self.strict && self.format == Format::OpenMetrics {
            let checked = names::check(&family).and_then(|()| points::check(&family, self.exposition.of(&family)));
            checked.with_context(|| format!("in the family {}", family.name))?;
        }
        self.exposition.families.push(family);
        Ok(())
    }
}

/// What stands behind ` # `.
fn exemplar(line: &mut Line<'_>) -> Result<Exemplar> {
    let labels = line.labels()?.context("an exemplar without labels has to have {}")?;
    ensure!(line.take(" "), "no space in front of the exemplar's value");
    let value = number(line.word())?;
    let time = if line.take(" ") { Some(real(line.word()).context("as the exemplar's time")?) } else { None };
    Ok(Exemplar { labels, value, time })
}
