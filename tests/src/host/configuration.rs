//! Configurations and manifests. Both are written as JSON, which is YAML.

use std::path::Path;

use serde_json::{Map, Value, json};

/// A configuration in the making: an OTLP receiver on both protocols, the exporters `prometheus` and `debug`, the health
/// endpoint and the host's own metrics stand in it from the beginning, pipelines do not.
#[derive(Debug, Clone)]
pub struct Configuration {
    root: Value,
}

impl Default for Configuration {
    fn default() -> Self {
        let protocols = json!({
            "grpc": {"endpoint": "${env:OTELIER_GRPC_ENDPOINT}"},
            "http": {"endpoint": "${env:OTELIER_HTTP_ENDPOINT}"},
        });
        let root = json!({
            "receivers": {"otlp": {"protocols": protocols}},
            "processors": {},
            "exporters": {
                "prometheus": {"endpoint": "${env:OTELIER_PROMETHEUS_ENDPOINT}"},
                "debug": {"verbosity": "detailed", "sampling_initial": 1_000_000},
            },
            "extensions": {"health_check": {"endpoint": "${env:OTELIER_HEALTH_ENDPOINT}"}},
            "service": {
                "extensions": ["health_check"],
                "telemetry": {"metrics": {"address": "${env:OTELIER_TELEMETRY_ADDRESS}"}},
                "pipelines": {},
            },
        });
        Configuration { root }
    }
}

impl Configuration {
    /// Metrics from OTLP to Prometheus, and no processor.
    pub fn passthrough() -> Configuration {
        Configuration::default().pipeline("metrics", &[], &["prometheus"])
    }

    /// As in `configs/quickstart.yaml`: `work.done` summed by `work.type`. Flushes soon, so that tests need not wait.
    pub fn aggregate() -> Configuration {
        Configuration::default().processor("aggregate", aggregate()).pipeline(
            "metrics",
            &["aggregate"],
            &["prometheus"],
        )
    }

    /// Sets what lies behind a path of keys, slashes in between, and makes the mappings on the way: `exporters/debug`. A
    /// slash within a key is written `~1`, as in a JSON pointer.
    pub fn set(mut self, path: &str, value: Value) -> Configuration {
        let mut place = &mut self.root;
        for key in path.split('/').map(|key| key.replace("~1", "/")) {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[key];
        }
        *place = value;
        self
    }

    /// Defines a processor.
    pub fn processor(self, id: &str, body: Value) -> Configuration {
        self.set(&format!("processors/{}", id.replace('/', "~1")), body)
    }

    /// Defines a pipeline from the OTLP receiver.
    pub fn pipeline(self, id: &str, processors: &[&str], exporters: &[&str]) -> Configuration {
        let body = json!({"receivers": ["otlp"], "processors": processors, "exporters": exporters});
        self.set(&format!("service/pipelines/{}", id.replace('/', "~1")), body)
    }

    /// Defines a connector.
    pub fn connector(self, id: &str, body: Value) -> Configuration {
        self.set(&format!("connectors/{}", id.replace('/', "~1")), body)
    }

    /// Defines a pipeline from a connector.
    pub fn behind(self, connector: &str, id: &str, processors: &[&str], exporters: &[&str]) -> Configuration {
        let body = json!({"receivers": [connector], "processors": processors, "exporters": exporters});
        self.set(&format!("service/pipelines/{}", id.replace('/', "~1")), body)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        format!("{:#}", self.root)
    }
}

/// The configuration of the aggregate plugin that most tests use.
pub fn aggregate() -> Value {
    json!({"metrics": ["work.done"], "group_by": ["work.type"], "rename": "{name}_batched", "interval": "50ms"})
}

/// A manifest's text: each plugin's name, file, and what else stands in its entry.
pub fn manifest(plugins: &[(&str, &Path, Value)]) -> String {
    let mut entries = Map::new();
    for (name, file, body) in plugins {
        let mut entry = body.as_object().cloned().unwrap_or_default();
        entry.insert("file".to_owned(), json!(file));
        entries.insert((*name).to_owned(), Value::Object(entry));
    }
    format!("{:#}", json!({"plugins": entries}))
}
