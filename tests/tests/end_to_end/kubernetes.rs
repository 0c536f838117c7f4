//! The example for Kubernetes: what it says of ports, paths, memory and rights is what its configuration and the image have.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use otelier_tests::environment;
use serde_json::Value;

struct Example {
    documents: Vec<Value>,
}

impl Example {
    fn read() -> Result<Example> {
        let text = fs::read_to_string(environment::repository().join("packaging/kubernetes/otelier.yaml"))?;
        Ok(Example { documents: serde_saphyr::from_multiple(&text)? })
    }

    fn of(&self, kind: &str) -> Result<&Value> {
        self.documents.iter().find(|document| document["kind"] == kind).with_context(|| format!("no {kind}"))
    }

    fn pod(&self) -> Result<&Value> {
        Ok(&self.of("StatefulSet")?["spec"]["template"]["spec"])
    }

    fn container(&self) -> Result<&Value> {
        Ok(&self.pod()?["containers"][0])
    }

    fn file(&self, name: &str) -> Result<&str> {
        self.of("ConfigMap")?["data"][name].as_str().with_context(|| format!("no {name}"))
    }

    /// The number of a port by the name that the container gives it.
    fn port(&self, name: &Value) -> Result<u64> {
        let ports = list(&self.container()?["ports"]);
        let port = ports.iter().find(|port| port["name"] == *name).with_context(|| format!("no port {name}"))?;
        port["containerPort"].as_u64().context("no number")
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Every `endpoint` and `address` in a configuration.
fn addresses<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| match (key.as_str(), value.as_str()) {
            ("endpoint" | "address", Some(address)) => found.push(address),
            _ => addresses(value, found),
        }),
        Value::Array(list) => list.iter().for_each(|value| addresses(value, found)),
        _ => {}
    }
}

#[test]
fn the_example_for_kubernetes_has_a_configuration_that_is_valid() -> Result<()> {
    let (example, folder) = (Example::read()?, tempfile::tempdir()?);
    let mut validate = Command::new(environment::binary()?);
    validate.arg("validate");
    for (flag, name) in [("--config", "config.yaml"), ("--manifest", "plugins.yaml")] {
        fs::write(folder.path().join(name), example.file(name)?)?;
        validate.arg(flag).arg(folder.path().join(name));
    }
    let output = validate.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn the_example_for_kubernetes_has_the_ports_and_paths_of_its_configuration() -> Result<()> {
    let example = Example::read()?;
    let config: Value = serde_saphyr::from_str(example.file("config.yaml")?)?;
    let mut found = Vec::new();
    addresses(&config, &mut found);
    let ports: Vec<u64> =
        list(&example.container()?["ports"]).iter().filter_map(|port| port["containerPort"].as_u64()).collect();
    let mut listens = Vec::new();
    for address in found {
        let port = address.strip_prefix("0.0.0.0:").with_context(|| format!("{address} is not open to the pod"))?;
        listens.push(port.parse::<u64>()?);
    }
    listens.sort_unstable();
    let mut listed = ports.clone();
    listed.sort_unstable();
    assert_eq!(listed, listens, "every port that the configuration opens, and no other");
    for port in list(&example.of("Service")?["spec"]["ports"]) {
        assert_eq!(port["port"].as_u64(), Some(example.port(&port["targetPort"])?), "{port}");
    }
    let health = config["extensions"]["health_check"]["endpoint"].as_str().context("no health_check")?;
    for (probe, path) in [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        let get = &example.container()?[probe]["httpGet"];
        assert_eq!(get["path"], path, "{probe}");
        assert_eq!(format!("0.0.0.0:{}", example.port(&get["port"])?), health, "{probe}");
    }
    let selector = &example.of("Service")?["spec"]["selector"];
    assert_eq!(selector, &example.of("StatefulSet")?["spec"]["selector"]["matchLabels"]);
    assert_eq!(selector, &example.of("StatefulSet")?["spec"]["template"]["metadata"]["labels"]);
    Ok(())
}

#[test]
fn the_example_for_kubernetes_gives_no_right_that_is_not_needed_and_the_memory_that_is() -> Result<()> {
    let example = Example::read()?;
    let (pod, container) = (&example.pod()?["securityContext"], example.container()?);
    assert_eq!(
        (&pod["runAsNonRoot"], &pod["seccompProfile"]["type"]),
        (&Value::from(true), &Value::from("RuntimeDefault"))
    );
    assert_eq!(pod["fsGroupChangePolicy"], "OnRootMismatch");
    let own = &container["securityContext"];
    assert_eq!((&own["allowPrivilegeEscalation"], &own["readOnlyRootFilesystem"]), (&false.into(), &true.into()));
    assert_eq!(own["capabilities"]["drop"][0], "ALL");
    let dockerfile = fs::read_to_string(environment::repository().join("packaging/container/Dockerfile"))?;
    let (user, group) = (&pod["runAsUser"], &pod["runAsGroup"]);
    ensure!(dockerfile.lines().any(|line| line == format!("USER {user}:{group}")), "it runs as the image's user");
    let config: Value = serde_saphyr::from_str(example.file("config.yaml")?)?;
    let limit = container["resources"]["limits"]["memory"]
        .as_str()
        .and_then(|text| text.strip_suffix("Mi"))
        .context("no limit")?;
    let (limit, limiter): (u64, _) = (limit.parse()?, config["processors"]["memory_limiter"]["limit_mib"].as_u64());
    ensure!(
        limiter.is_some_and(|limiter| limiter * 10 <= limit * 8),
        "{limiter:?} MiB of {limit} leave too little beside"
    );
    // What the arguments name is mounted, and the state is on the volume that goes along.
    let arguments: Vec<&str> = list(&container["args"]).iter().filter_map(Value::as_str).collect();
    let after =
        |flag: &str| arguments.iter().position(|word| *word == flag).and_then(|at| arguments.get(at + 1)).copied();
    let mounted = |name: &str| {
        list(&container["volumeMounts"])
            .iter()
            .find(|mount| mount["name"] == name)
            .and_then(|mount| mount["mountPath"].as_str())
    };
    let (config, state) = (mounted("config").context("no config")?, mounted("state").context("no state")?);
    ensure!(after("--config").is_some_and(|path| path.starts_with(config)), "{arguments:?}");
    ensure!(after("--state-dir").is_some_and(|path| path.starts_with(state) && path != state), "{arguments:?}");
    assert_eq!(example.of("StatefulSet")?["spec"]["volumeClaimTemplates"][0]["metadata"]["name"], "state");
    Ok(())
}
