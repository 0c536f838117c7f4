//! The files of a new plugin, from `host/cli/templates`: `{{name}}` and its like are replaced.

use std::path::Path;

use super::{Kind, SDK_NAME, VENDOR};

/// The SDK's files and the contract's: where each goes below `vendor`, and its text.
pub const SDK: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// Path and text.
type Files = &'static [(&'static str, &'static str)];

macro_rules! files {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../templates/", $folder, "/", $path)))),*]
    };
}

const COMMON: Files = &[
    ("Cargo.toml", include_str!("../../templates/common/Cargo.toml")),
    (".gitignore", include_str!("../../templates/common/gitignore")),
];

const PROCESSOR: Files = files!("processor":
    "src/lib.rs",
    "tests/in_memory.rs",
    "cases/drops/case.yaml",
    "cases/drops/expected.json",
    "cases/refused/case.yaml",
    "cases/refused/expected.json",
    "plugins.yaml",
    "config.yaml",
    "README.md",
);

const BREAKER_POLICY: Files = files!("breaker-policy":
    "src/lib.rs",
    "tests/in_memory.rs",
    "cases/outage/config.yaml",
    "cases/outage/trace.jsonl",
    "cases/outage/expected.txt",
    "plugins.yaml",
    "config.yaml",
    "README.md",
);

impl Kind {
    fn files(self) -> Files {
        match self {
            Kind::Processor => PROCESSOR,
            Kind::BreakerPolicy => BREAKER_POLICY,
        }
    }
}

/// A new plugin.
pub struct Template {
    kind: Kind,
    /// What is replaced by what.
    words: Vec<(&'static str, String)>,
}

impl Template {
    /// With the SDK of a checkout, or with its sources below the plugin.
    pub fn new(name: &str, kind: Kind, checkout: Option<&Path>) -> Template {
        let vendored = format!("{VENDOR}/{SDK_NAME}");
        let sdk = checkout.map_or(vendored, |path| path.display().to_string());
        let exclude = checkout.map_or("exclude = [\"vendor\"]", |_| "");
        let words = vec![
            ("{{name}}", name.to_owned()),
            ("{{crate}}", name.replace('-', "_")),
            ("{{Type}}", type_name(name)),
            ("{{sdk}}", format!("{sdk:?}")),
            ("{{exclude}}", exclude.to_owned()),
            ("{{sdk_note}}", sdk_note(checkout)),
        ];
        Template { kind, words }
    }

    /// Path and text of each file.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, String)> {
        let files = COMMON.iter().chain(self.kind.files());
        files.map(|(path, text)| (*path, format!("{}\n", self.filled(text).trim_end())))
    }

    /// What to do with it.
    pub fn next_steps(&self) -> String {
        self.filled(
            "{{name}}: a plugin that builds; its README.md says what is where\n  \
             otelier plugin test {{name}}    builds it and runs its cases\n  \
             otelier run --config {{name}}/config.yaml --manifest {{name}}/plugins.yaml\n",
        )
    }

    fn filled(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
    }
}

fn sdk_note(checkout: Option<&Path>) -> String {
    match checkout {
        Some(path) => format!("The SDK is that of the checkout in `{}`.", path.display()),
        None => format!(
            "`{VENDOR}/` has the sources of the SDK and of the contract between collector and plugins, of otelier {}. Commit it: with it, the \
             build needs crates.io and nothing else. For another version, take the `{VENDOR}/` of a plugin that the other `otelier plugin new` \
             makes. A path to a checkout in `Cargo.toml` does as well.",
            env!("CARGO_PKG_VERSION")
        ),
    }
}

/// What the templates' code means by other types.
const TAKEN_TYPES: &[&str] = &[
    "Batch",
    "Bitmap",
    "Config",
    "Decision",
    "Declare",
    "Default",
    "Duration",
    "Err",
    "Failure",
    "Gate",
    "Harness",
    "Metric",
    "None",
    "Ok",
    "Option",
    "Outcome",
    "Point",
    "Policy",
    "Processor",
    "Question",
    "Result",
    "Self",
    "Signal",
    "Some",
    "String",
    "Vec",
];

/// `MyFilter` of `my-filter`.
fn type_name(name: &str) -> String {
    let words = name.split(['-', '_']).filter_map(|word| word.split_at_checked(1));
    let name: String = words.map(|(first, rest)| format!("{}{rest}", first.to_ascii_uppercase())).collect();
    if TAKEN_TYPES.contains(&name.as_str()) { format!("{name}Plugin") } else { name }
}
