//! What the command line says without running anything.

use std::process::Command;

use anyhow::{Context, Result};
use otelier_tests::environment;
use otelier_tests::host::{Configuration, Setup};

#[test]
fn components_lists_every_family() -> Result<()> {
    let output = Command::new(environment::binary()?).arg("components").output()?;
    assert!(output.status.success());
    let expected = "receivers: otlp\nexporters: debug, nop, prometheus\nextensions: health_check\n\
                    processors: one for each plugin of the manifest\n";
    assert_eq!(String::from_utf8(output.stdout)?, expected);
    Ok(())
}

#[test]
fn validate_says_that_a_configuration_is_valid_and_opens_nothing() -> Result<()> {
    let setup = Setup::without_plugins(&Configuration::passthrough())?;
    // A validation that opened a port or the state would fail beside this host.
    let _running = setup.start()?;
    let output = setup.validate()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    assert!(text.ends_with("the configuration is valid\n"), "{text}");
    assert!(text.contains("warning: ") && text.contains("exporter `debug`"), "the unused exporter is named: {text}");
    Ok(())
}

#[test]
fn validate_names_file_line_and_nearest_spelling() -> Result<()> {
    let config = Configuration::passthrough().text().replace("\"verbosity\"", "\"verbositi\"");
    let line = 1 + config.lines().position(|line| line.contains("verbositi")).context("the key is on no line")?;
    let config = config.replace("\"prometheus\"\n", "\"promethius\"\n");
    let setup = Setup::new(&config, &otelier_tests::host::manifest(&[]))?;
    let output = setup.validate()?;
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr)?;
    assert!(errors.contains("promethius") && errors.contains("`prometheus`"), "{errors}");
    assert!(errors.contains("config.yaml:"), "{errors}");
    let config = Configuration::passthrough()
        .pipeline("metrics", &[], &["prometheus", "debug"])
        .text()
        .replace("\"verbosity\"", "\"verbositi\"");
    let line = 1 + config.lines().position(|line| line.contains("verbositi")).map_or(line, |line| line);
    let output = Setup::new(&config, &otelier_tests::host::manifest(&[]))?.validate()?;
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr)?;
    assert!(errors.contains(&format!("config.yaml:{line}")), "line {line}: {errors}");
    assert!(errors.contains("verbositi") && errors.contains("`verbosity`"), "{errors}");
    Ok(())
}

#[test]
fn every_configuration_of_the_repository_is_valid() -> Result<()> {
    let configs = environment::repository().join("configs");
    environment::plugin("aggregate")?;
    let mut checked = 0;
    for entry in std::fs::read_dir(&configs)? {
        let path = entry?.path();
        let is_config = path.extension().is_some_and(|ending| ending == "yaml");
        if !is_config || path.file_name().is_some_and(|name| name == "plugins.yaml") {
            continue;
        }
        let mut command = Command::new(environment::binary()?);
        command.arg("validate").arg("--config").arg(&path).arg("--manifest").arg(configs.join("plugins.yaml"));
        let output = command.output()?;
        assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
        checked += 1;
    }
    assert!(checked > 0, "no configuration in {}", configs.display());
    Ok(())
}
