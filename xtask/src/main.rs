//! `cargo xtask`: the commands of the README, one module each, on Unix.
//!
//! Every command first sets up what it needs (`setup`), then calls cargo in one and the same way (`cargo`): release
//! profile, whole workspace. So RocksDB and wasmtime are compiled once for running, testing and measuring. This file
//! owns the table of commands and the only exit.

mod bench;
mod book;
mod cargo;
mod ci;
mod component;
mod demo;
mod dist;
mod doctor;
mod format;
mod fuzz;
mod http;
mod plugins;
mod process;
mod run;
mod setup;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace, &[String]) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command { name: "run", about: "build, then run otelier with the quick-start configuration", run: run::command },
    Command {
        name: "demo",
        about: "build, then play the main story: send, kill -9, restart, send",
        run: demo::command,
    },
    Command {
        name: "test",
        about: "run every test, or those that match: test [FILTER] [-- ...]; or a tier: test --tier servers [FILTER]",
        run: test::command,
    },
    Command { name: "ci", about: "all that must pass before a change lands", run: ci::command },
    Command { name: "fmt", about: "format every source: fmt [--check]", run: format::command },
    Command {
        name: "fuzz",
        about: "build, then look for bytes that break a property: fuzz [TARGET] [--seconds N]",
        run: fuzz::command,
    },
    Command { name: "dist", about: "build, then pack a release: dist [--binary PATH]", run: dist::command },
    Command { name: "bench", about: "build, then measure; arguments go to otelier-bench", run: bench::command },
    Command { name: "plugins", about: "build plugins/* and tests/guests/* into target/", run: plugins::command },
    Command { name: "book", about: "build the book to target/book", run: book::command },
    Command {
        name: "doctor",
        about: "what this machine lacks, and what a first build takes here",
        run: doctor::command,
    },
    Command { name: "setup", about: "install what all of the above need", run: setup::command },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help());
        return Ok(());
    };
    if ["help", "--help", "-h"].contains(&name.as_str()) {
        print!("{}", help());
        return Ok(());
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        bail!("unknown command `{name}`\n\n{}", help());
    };
    (command.run)(&Workspace::locate(name)?, rest)
}

fn help() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND [ARGUMENTS]\n\n");
    for command in COMMANDS {
        text += &format!("  {:<9}{}\n", command.name, command.about);
    }
    text += "\nenvironment:\n\
        \x20 CARGO_TARGET_DIR         where builds go (default: target; for ci ~/.cache/otelier/target)\n\
        \x20 OTELIER_WASM_TOOLCHAIN   rustup or debian: which compiler builds the plugins (default: what is there)\n";
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_command() {
        let text = help();
        assert!(COMMANDS.iter().all(|command| text.contains(command.about)));
    }

    #[test]
    fn an_unknown_command_is_an_error_that_names_it() {
        let error = dispatch(&["rum".to_owned()]).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("`rum`") && text.contains("run")));
    }
}
