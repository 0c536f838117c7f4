//! What one host needs: a folder with its files, and endpoints. It outlives the host, so another can go on from its state.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;

use super::{Configuration, Endpoints, Host, manifest};
use crate::{environment, wait};

/// The files and endpoints of a host. The folder goes with it.
pub struct Setup {
    folder: TempDir,
    /// Where its hosts listen.
    pub endpoints: Endpoints,
    config: PathBuf,
    manifest: PathBuf,
    state: PathBuf,
    launcher: Vec<String>,
    binary: Option<PathBuf>,
    instances: u32,
}

impl Setup {
    /// From the text of a configuration and of a manifest.
    pub fn new(config: &str, manifest: &str) -> Result<Setup> {
        let folder = tempfile::Builder::new().prefix("otelier-test-").tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let (config_path, manifest_path, state) = (path("config.yaml"), path("plugins.yaml"), path("state"));
        fs::write(&config_path, config)?;
        fs::write(&manifest_path, manifest)?;
        let endpoints = Endpoints::free()?;
        let (config, manifest) = (config_path, manifest_path);
        Ok(Setup { folder, endpoints, config, manifest, state, launcher: Vec::new(), binary: None, instances: 1 })
    }

    /// From a configuration that needs no plugin.
    pub fn without_plugins(config: &Configuration) -> Result<Setup> {
        Setup::new(&config.text(), &manifest(&[]))
    }

    /// From a configuration that needs the aggregate plugin at most.
    pub fn with_aggregate(config: &Configuration) -> Result<Setup> {
        let file = environment::plugin("aggregate")?;
        Setup::new(&config.text(), &manifest(&[("aggregate", &file, json!({}))]))
    }

    /// The same with several instances of it, among which points are divided by `work.type`.
    pub fn with_instances(config: &Configuration, instances: u32) -> Result<Setup> {
        let file = environment::plugin("aggregate")?;
        let entry = json!({"instances": instances, "partition_by": ["work.type"]});
        Ok(Setup::new(&config.text(), &manifest(&[("aggregate", &file, entry)]))?.divided(instances))
    }

    /// How many instances of its processor the manifest asks for.
    pub fn divided(mut self, instances: u32) -> Setup {
        self.instances = instances;
        self
    }

    /// The same.
    pub fn instances(&self) -> u32 {
        self.instances
    }

    /// Another state directory.
    pub fn state_in(mut self, directory: &Path) -> Setup {
        self.state = directory.to_owned();
        self
    }

    /// Words that stand in front of the host's command line and end in becoming it: `nsenter …`.
    pub fn launched_by(mut self, words: &[&str]) -> Setup {
        self.launcher = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Another program with the host's command line.
    pub fn run_by(mut self, binary: &Path) -> Setup {
        self.binary = Some(binary.to_owned());
        self
    }

    /// The folder all of it is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The state directory.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Replaces the configuration of the hosts to come.
    pub fn reconfigure(&self, config: &Configuration) -> Result<()> {
        Ok(fs::write(&self.config, config.text())?)
    }

    /// Replaces the manifest of the hosts to come.
    pub fn grant(&self, manifest: &str) -> Result<()> {
        Ok(fs::write(&self.manifest, manifest)?)
    }

    /// Starts a host and waits until it is healthy.
    pub fn start(&self) -> Result<Host<'_>> {
        let mut host = self.spawn()?;
        host.wait_until_healthy()?;
        Ok(host)
    }

    /// Starts a host. What it prints is added to what its predecessors printed.
    pub fn spawn(&self) -> Result<Host<'_>> {
        let mut command = self.command("run")?;
        command.arg("--state-dir").arg(&self.state);
        command.stdout(self.append("stdout")?).stderr(self.append("stderr")?);
        Ok(Host::new(self, command.spawn().context("cannot start the host")?))
    }

    /// Starts a host whose standard output and error nobody reads: every write to them is an error.
    pub fn spawn_unheard(&self) -> Result<Host<'_>> {
        let mut command = self.command("run")?;
        command.arg("--state-dir").arg(&self.state).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start the host")?;
        drop((child.stdout.take(), child.stderr.take()));
        Ok(Host::new(self, child))
    }

    /// Starts a host that is to fail, and returns what it wrote to standard error.
    pub fn fails_to_start(&self) -> Result<String> {
        let mut command = self.command("run")?;
        let spawned = command.arg("--state-dir").arg(&self.state).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.context("cannot start the host")?;
        let ended = wait::until("the host has given up", || Ok(child.try_wait()?));
        if ended.is_err() {
            child.kill()?;
        }
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(ended?.code() == Some(1), "ended with {}, not with 1:\n{text}", output.status);
        ensure!(!text.contains("thread '"), "the host itself panicked:\n{text}");
        Ok(text)
    }

    /// `otelier validate` with these files.
    pub fn validate(&self) -> Result<Output> {
        self.command("validate")?.output().context("cannot start the host")
    }

    /// What a command such as `["dlq", "ls"]` prints about these hosts' state.
    pub fn prints(&self, words: &[&str]) -> Result<String> {
        let output = self.asks(words)?;
        ensure!(output.status.success(), "otelier {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What such a command says that is not to be carried out.
    pub fn is_told(&self, words: &[&str]) -> Result<String> {
        let output = self.asks(words)?;
        ensure!(!output.status.success(), "otelier {words:?} did not fail");
        Ok(String::from_utf8(output.stderr)?)
    }

    fn asks(&self, words: &[&str]) -> Result<Output> {
        let mut command = Command::new(environment::binary()?);
        command.args(words).arg("--state-dir").arg(&self.state);
        command.output().context("cannot start otelier")
    }

    fn command(&self, subcommand: &str) -> Result<Command> {
        let binary = self.binary.clone().map_or_else(environment::binary, Ok)?;
        let mut words = self.launcher.iter().map(Into::into).chain([binary.into_os_string()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg(subcommand);
        command.arg("--config").arg(&self.config).arg("--manifest").arg(&self.manifest);
        for (name, address) in self.endpoints.named() {
            command.env(name, address.to_string());
        }
        command.stdin(Stdio::null());
        Ok(command)
    }

    fn append(&self, name: &str) -> Result<File> {
        Ok(OpenOptions::new().create(true).append(true).open(self.folder.path().join(name))?)
    }

    /// What the hosts wrote to standard error so far.
    pub fn log(&self) -> String {
        self.written("stderr")
    }

    /// What the hosts wrote to standard output so far: the banner, and what the debug exporter shows.
    pub fn output(&self) -> String {
        self.written("stdout")
    }

    fn written(&self, name: &str) -> String {
        // A host that was never started has written nothing.
        let bytes = fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
