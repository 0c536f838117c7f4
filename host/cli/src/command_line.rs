//! What clap knows of the command line, for shells and for `man`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Command};
use clap_complete::Shell;

use crate::output::print_text;

/// For which shell.
#[derive(Debug, Args)]
pub struct Completions {
    shell: Shell,
}

/// Which pages, and where they go.
#[derive(Debug, Args)]
pub struct Man {
    /// Writes a page for each command into this folder, `otelier.1`, `otelier-run.1` and so on; made where it does not exist.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints a shell's completions.
pub fn complete(completions: &Completions, mut of: Command) -> Result<()> {
    let name = of.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut of, name, &mut script);
    print_text(&String::from_utf8(script)?)
}

/// Prints the first page, or writes all.
pub fn man(man: &Man, of: Command) -> Result<()> {
    // A page of its own for `help` says nothing.
    let mut of = of.disable_help_subcommand(true);
    of.build();
    match &man.dir {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(of).render(&mut page)?;
            print_text(&String::from_utf8(page)?)
        }
        Some(dir) => {
            let cannot = || format!("cannot write man pages into {}", dir.display());
            fs::create_dir_all(dir).with_context(cannot)?;
            clap_mangen::generate_to(of, dir).with_context(cannot)
        }
    }
}
