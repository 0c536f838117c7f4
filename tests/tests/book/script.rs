//! A page as one script, in a folder, a network and a process table of its own: nothing outside is met, and nothing outlives it.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use otelier_tests::{environment, wait};

use crate::page::{Step, What};
use crate::part;

/// How long a page may take, plugins that it builds included.
const PAGE_TIME_MAX: Duration = Duration::from_secs(600);

/// How often, every half second, something is tried until it succeeds.
const TRIES: u32 = 120;

/// Runs a page. The error says which line failed, and what was printed.
pub fn run(name: &str, steps: &[Step]) -> Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    // The same each time: what a page builds is found again.
    let folder = target()?.join("pages").join(name.replace('/', "-"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let (bin, page) = (folder.join("bin"), folder.join("page"));
    std::fs::create_dir_all(&bin)?;
    std::fs::create_dir_all(&page)?;
    symlink(environment::binary()?, bin.join("otelier"))?;
    let file = folder.join("script");
    std::fs::write(&file, script(name, steps)?)?;
    let output = folder.join("output");
    let written = std::fs::File::create(&output)?;
    let mut command = alone()?;
    command.arg("bash").arg(&file).current_dir(&page).env("OTELIER_SOURCE", environment::repository());
    command.env("PATH", path(&bin)?);
    // What pages build shares what it depends on; nothing can be downloaded.
    command.env("CARGO_TARGET_DIR", target()?).env("CARGO_NET_OFFLINE", "true");
    let mut child = command.stdin(Stdio::null()).stdout(written.try_clone()?).stderr(written).spawn()?;
    let ended = wait::within(PAGE_TIME_MAX, "the page has run", || Ok(child.try_wait()?));
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    let printed = || {
        let text = String::from_utf8_lossy(&std::fs::read(&output).unwrap_or_default()).into_owned();
        let logs = logs(&page);
        let tail: Vec<&str> = text.lines().rev().take(60).collect();
        format!("{}\n{logs}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"))
    };
    let status = ended.with_context(printed)?;
    ensure!(status.success(), "ended with {status}:\n{}", printed());
    Ok(())
}

/// What other terminals showed.
fn logs(page: &Path) -> String {
    let entries = std::fs::read_dir(page).into_iter().flatten().flatten();
    let terminals = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".terminal-"));
    let shown = terminals.map(|entry| {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(20).collect();
        format!("{}:\n{}", entry.file_name().display(), tail.into_iter().rev().collect::<Vec<_>>().join("\n"))
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// The words of a command that is alone in its network and among its processes.
fn alone() -> Result<Command> {
    let is_root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self")?) == 0;
    let mut command = Command::new("unshare");
    command.args(if is_root { &[][..] } else { &["--user", "--map-root-user"] });
    command.args(["--net", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]);
    Ok(command)
}

fn path(bin: &Path) -> Result<std::ffi::OsString> {
    let present = std::env::var_os("PATH").unwrap_or_default();
    // `ip` is not everywhere where a user looks.
    let folders = [bin.to_owned()].into_iter().chain(std::env::split_paths(&present)).chain(["/usr/sbin".into()]);
    Ok(std::env::join_paths(folders)?)
}

fn target() -> Result<PathBuf> {
    let binary = environment::binary()?;
    Ok(binary.parent().and_then(Path::parent).context("a binary outside a target directory")?.join("book"))
}

fn script(name: &str, steps: &[Step]) -> Result<String> {
    let mut script = format!(
        "set -euo pipefail\nip link set lo up\nat() {{ line=$1; }}\n\
         until_it_succeeds() {{ for try in $(seq {TRIES}); do if eval \"$1\" >/dev/null 2>&1; then return; fi; sleep 0.5; done; eval \"$1\"; }}\n\
         trap 'echo \"{name}:$line failed\" >&2' ERR\n"
    );
    for Step { line, what, text } in steps {
        // Writing to a String cannot fail.
        let _ = writeln!(script, "at {line}");
        let _ = match what {
            What::Run => writeln!(script, "{text}"),
            What::Terminal => writeln!(script, "( {text}\n) > .terminal-{line} 2>&1 &"),
            What::Until => writeln!(script, "until_it_succeeds {}", quoted(text)),
            What::File(file) => writeln!(script, "mkdir -p \"$(dirname {file})\"\n{}", written(file, text)),
            What::Config => checked(&mut script, *line, text, "otelier validate --config"),
            What::Part => checked(&mut script, *line, &part::whole(text)?, "otelier validate --config"),
            What::Manifest => checked(&mut script, *line, text, "otelier plugin list --manifest"),
        };
    }
    script.push_str("exit 0\n");
    Ok(script)
}

fn checked(script: &mut String, line: usize, text: &str, command: &str) -> std::fmt::Result {
    let file = format!("block-{line}.yaml");
    writeln!(script, "{}\n{command} {file}", written(&file, text))
}

fn written(file: &str, text: &str) -> String {
    format!("cat > {file} <<'END OF FILE'\n{text}\nEND OF FILE")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[test]
fn a_page_that_fails_says_where() -> Result<()> {
    let step = |line, what, text: &str| Step { line, what, text: text.to_owned() };
    run("good", &[step(1, What::File("a/b".into()), "x"), step(2, What::Run, "test \"$(cat a/b)\" = x")])?;
    let error = run("bad", &[step(1, What::Run, "true"), step(7, What::Run, "grep nothing /dev/null")]);
    let told = error.err().context("it did not fail")?.to_string();
    assert!(told.contains("bad:7 failed"), "{told}");
    Ok(())
}
