//! The Debian package through its whole life, on a machine without a compiler that systemd has booted.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use otelier_tests::{environment, wait};

use crate::machine::Machine;
use crate::work::{send, shows};

const SERVICE: &str = "otelier.service";
const CONFIG: &str = "/etc/otelier/config.yaml";

fn package() -> Result<std::path::PathBuf> {
    let mut files = fs::read_dir(environment::dist()?)?;
    let found = files.find_map(|entry| {
        entry.ok().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|ending| ending == "deb"))
    });
    found.context("the release has no Debian package")
}

/// The same package under a later version.
fn later(package: &Path, folder: &Path) -> Result<std::path::PathBuf> {
    let (root, file) = (folder.join("later"), folder.join("later.deb"));
    let run = |command: &mut Command| -> Result<()> {
        ensure!(command.stdout(std::process::Stdio::null()).status()?.success(), "{command:?} fails");
        Ok(())
    };
    run(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(&root))?;
    let control = fs::read_to_string(root.join("DEBIAN/control"))?;
    let line = control.lines().find(|line| line.starts_with("Version: ")).context("no version")?;
    fs::write(root.join("DEBIAN/control"), control.replace(line, &format!("{line}+later")))?;
    run(Command::new("dpkg-deb").args(["--build", "--root-owner-group", "-Znone"]).arg(&root).arg(&file))?;
    Ok(file)
}

/// A property of the service.
fn property(machine: &Machine, name: &str) -> Result<String> {
    machine.run(&format!("systemctl show --value --property={name} {SERVICE}"))
}

fn is_active(machine: &Machine) -> Result<()> {
    wait::until("the service runs", || Ok((property(machine, "ActiveState")? == "active").then_some(())))
        .with_context(|| machine.run("journalctl --no-pager --lines=60").unwrap_or_default())
}

fn is_there(machine: &Machine, path: &str) -> Result<bool> {
    Ok(machine.shell(&format!("test -e {path}"))?.status.success())
}

#[test]
#[ignore = "`cargo xtask test --tier packages` makes what it looks at"]
fn it_is_installed_started_reloaded_upgraded_removed_and_purged() -> Result<()> {
    let machine = Machine::boot()?;
    ensure!(!machine.shell("command -v rustc || command -v cargo || command -v cc")?.status.success(), "no compiler");
    let (package, folder) = (package()?, tempfile::tempdir()?);
    let later = later(&package, folder.path())?;
    fs::copy(&package, machine.path("/root/otelier.deb"))?;
    fs::copy(&later, machine.path("/root/later.deb"))?;
    let enter = |program: &str| machine.beside(program);

    machine.run("dpkg --install /root/otelier.deb")?;
    installed(&machine)?;

    // A configuration of one's own, which keeps state.
    fs::copy(environment::repository().join("configs/quickstart.yaml"), machine.path(CONFIG))?;
    machine.run(&format!("systemctl restart {SERVICE}"))?;
    guarded(&machine)?;
    send(&enter, 100)?;
    shows(&enter, 100)?;
    reloads(&machine)?;

    let before = property(&machine, "MainPID")?;
    machine.run("dpkg --install /root/later.deb")?;
    is_active(&machine)?;
    ensure!(property(&machine, "MainPID")? != before, "the new version runs");
    ensure!(
        machine.run("dpkg-query --show --showformat='${Version}' otelier")?.ends_with("+later"),
        "and is installed"
    );
    ensure!(machine.run(&format!("cat {CONFIG}"))?.contains("rename:"), "the changed configuration is kept");
    shows(&enter, 100)?;
    send(&enter, 50)?;
    shows(&enter, 150)?;

    machine.run("dpkg --remove otelier")?;
    ensure!(!is_there(&machine, "/usr/bin/otelier")?, "the program is removed");
    for kept in ["/var/lib/otelier/db", CONFIG, "/etc/default/otelier"] {
        ensure!(is_there(&machine, kept)?, "{kept} is kept");
    }
    machine.run("getent passwd otelier")?;
    ensure!(!machine.shell("systemctl is-active otelier")?.status.success(), "the service is stopped");

    machine.run("dpkg --install /root/later.deb")?;
    is_active(&machine)?;
    shows(&enter, 150)?;

    machine.run("dpkg --purge otelier")?;
    for gone in [
        "/var/lib/otelier",
        "/etc/otelier",
        "/etc/default/otelier",
        "/etc/systemd/system/multi-user.target.wants/otelier.service",
    ] {
        ensure!(!is_there(&machine, gone)?, "{gone} is purged");
    }
    ensure!(!machine.shell("getent passwd otelier")?.status.success(), "the user is purged");
    ensure!(machine.run("dpkg --audit")?.is_empty(), "the package has left nothing half done");
    Ok(())
}

/// After an installation the service runs, enabled, as its user, on its own directory, and systemd knows that it is well.
fn installed(machine: &Machine) -> Result<()> {
    is_active(machine)?;
    machine.run(&format!("systemctl is-enabled {SERVICE}"))?;
    ensure!(property(machine, "StatusText")? == "taking requests", "{}", property(machine, "StatusText")?);
    ensure!(property(machine, "WatchdogTimestampMonotonic")? != "0", "the watchdog is fed");
    let user = machine.run("stat --format=%U:%G:%a /var/lib/otelier")?;
    ensure!(user == "otelier:otelier:700", "the state directory is {user}");
    let process = property(machine, "MainPID")?;
    let status = machine.run(&format!("cat /proc/{process}/status"))?;
    let user = machine.run("id --user otelier")?;
    ensure!(status.contains(&format!("Uid:\t{user}\t{user}\t{user}")), "it runs as its user:\n{status}");
    for line in ["CapBnd:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        ensure!(status.contains(line), "no {line} in\n{status}");
    }
    let (files, most) = (files_max(machine, &process)?, files_max(machine, "1")?.min(524_288));
    ensure!(files == most, "it may open {files} files, and not {most}");
    ensure!(machine.run("otelier health")? == "ok", "the program says so itself");
    for path in ["copyright", "THIRD-PARTY-LICENCES.txt", "otelier.spdx.json"] {
        ensure!(is_there(machine, &format!("/usr/share/doc/otelier/{path}"))?, "no {path}");
    }
    ensure!(
        machine.run("cd / && md5sum --check --quiet /var/lib/dpkg/info/otelier.md5sums")?.is_empty(),
        "what was packed"
    );
    Ok(())
}

/// How many files a process may open at the most: never more than the machine's first one, without a right that a test may lack.
fn files_max(machine: &Machine, process: &str) -> Result<u64> {
    let limits = machine.run(&format!("cat /proc/{process}/limits"))?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).context("no limit of files")?;
    Ok(line.split_whitespace().nth(1).context("no hard limit")?.parse()?)
}

/// The unit has nothing that systemd does not know, leaves little open, and what it leaves open it needs.
fn guarded(machine: &Machine) -> Result<()> {
    let unit = format!("/usr/lib/systemd/system/{SERVICE}");
    let verified = machine.shell(&format!("systemd-analyze verify {unit}"))?;
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    ensure!(verified.status.success() && !said.contains("otelier"), "{said}");
    // Of ten, in tenths; a service without any guard has 9.6.
    machine.run(&format!("systemd-analyze security --no-pager --threshold=20 {SERVICE}"))?;
    let drop_in = format!("/run/systemd/system/{SERVICE}.d");
    machine.run(&format!(
        "mkdir -p {drop_in} && printf '[Service]\\nMemoryDenyWriteExecute=yes\\nRestart=no\\n' > {drop_in}/deny.conf"
    ))?;
    machine.run("systemctl daemon-reload")?;
    let restarted = machine.shell(&format!("systemctl restart {SERVICE}"))?;
    ensure!(!restarted.status.success(), "plugins run without executable memory, so the unit can deny it");
    machine.run(&format!("rm -r {drop_in} && systemctl daemon-reload && systemctl restart {SERVICE}"))?;
    is_active(machine)
}

/// A reload goes to the same process; one of a configuration that is wrong is refused, and changes nothing.
fn reloads(machine: &Machine) -> Result<()> {
    let process = property(machine, "MainPID")?;
    machine.run(&format!("systemctl reload {SERVICE}"))?;
    wait::until("the process has heard of it", || {
        let journal = machine.run(&format!("journalctl --no-pager --unit={SERVICE} _PID={process}"))?;
        Ok(journal.contains("SIGHUP").then_some(()))
    })?;
    let config = machine.run(&format!("cat {CONFIG}"))?;
    fs::write(machine.path(CONFIG), format!("{config}\nwrong: true\n"))?;
    ensure!(
        !machine.shell(&format!("systemctl reload {SERVICE}"))?.status.success(),
        "a wrong configuration is refused"
    );
    fs::write(machine.path(CONFIG), format!("{config}\n"))?;
    is_active(machine)?;
    ensure!(property(machine, "MainPID")? == process, "it goes on as before");
    Ok(())
}
