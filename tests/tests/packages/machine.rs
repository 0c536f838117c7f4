//! A machine of its own: a Debian that systemd boots in namespaces, with a network of its own. It ends with its handle.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use otelier_tests::{environment, wait};
use tempfile::TempDir;

/// A machine that runs.
pub struct Machine {
    folder: TempDir,
    manager: Child,
    /// Its first process, by its number here.
    first: u32,
}

impl Machine {
    /// Unpacks one, boots it and waits until its services are up.
    pub fn boot() -> Result<Machine> {
        let folder = tempfile::Builder::new().prefix("otelier-machine-").tempdir()?;
        let root = folder.path().join("root");
        fs::create_dir(&root)?;
        let mut unpack = Command::new("tar");
        unpack
            .args(["--extract", "--numeric-owner", "--file"])
            .arg(environment::debian_root()?)
            .arg("--directory")
            .arg(&root);
        ensure!(unpack.status()?.success(), "the root of the machine cannot be unpacked");
        let tools = environment::container_tools()?;
        let library = tools.join("usr/lib/x86_64-linux-gnu/systemd");
        let console = File::create(folder.path().join("console"))?;
        let mut boot = Command::new(tools.join("usr/bin/systemd-nspawn"));
        boot.env("LD_LIBRARY_PATH", library).args([
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--boot",
            "--private-network",
        ]);
        // Its name is the folder's, so that two can be there at once.
        boot.args(["--console=pipe", "--resolv-conf=off", "--timezone=off", "--directory"]).arg(&root);
        boot.arg(format!(
            "--machine={}",
            folder.path().file_name().unwrap_or_default().to_string_lossy().replace('_', "-")
        ));
        boot.stdin(Stdio::null()).stdout(console.try_clone()?).stderr(console);
        let manager = boot.spawn().context("cannot start systemd-nspawn")?;
        let mut machine = Machine { folder, manager, first: 0 };
        machine.first = wait::until("the machine has a first process", || machine.first_process())?;
        let up = || machine.shell("systemctl is-system-running").map(|output| output.status.success().then_some(()));
        wait::until("the machine is up", up).with_context(|| machine.console())?;
        Ok(machine)
    }

    /// The manager's child that has become the machine's own systemd: before it there is one that only prepares.
    fn first_process(&self) -> Result<Option<u32>> {
        let id = self.manager.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let is_first =
            |child: &&str| fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name.trim() == "systemd");
        Ok(children.split_whitespace().find(is_first).map(str::parse).transpose()?)
    }

    fn console(&self) -> String {
        fs::read_to_string(self.folder.path().join("console")).unwrap_or_default()
    }

    /// A path of the machine's, as it is from here.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path.trim_start_matches('/'))
    }

    /// What a shell makes of a script there, as root.
    pub fn shell(&self, script: &str) -> Result<Output> {
        let mut enter = Command::new("nsenter");
        enter.args([
            "--target",
            &self.first.to_string(),
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--",
            "sh",
            "-c",
            script,
        ]);
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        enter.env_clear().env("PATH", path).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        enter.output().context("nsenter of util-linux")
    }

    /// What a script prints that has to succeed.
    pub fn run(&self, script: &str) -> Result<String> {
        let output = self.shell(script)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        let told = String::from_utf8(output.stdout).context("the script prints no text")?;
        ensure!(output.status.success(), "`{script}` ended with {}:\n{told}{errors}{}", output.status, self.journal());
        Ok(told.trim().to_owned())
    }

    /// A program of this machine, in the network of that one.
    pub fn beside(&self, program: &str) -> Command {
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &self.first.to_string(), "--net", "--", program]);
        enter
    }

    fn journal(&self) -> String {
        let journal = self.shell("journalctl --no-pager --lines=60 --unit=otelier.service");
        journal.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // With its first process every other one ends, and then whoever manages it.
        match self.first {
            0 => drop(self.manager.kill()),
            first => drop(Command::new("kill").args(["-KILL", &first.to_string()]).status()),
        }
        let _ = self.manager.wait();
    }
}
