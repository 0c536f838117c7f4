//! What to do about a component type that Collectors have and otelier has not.
//!
//! People bring the configuration of a Collector, and "unknown type" alone is a dead end, so the message says the next step. The types are
//! those of the Collector's two repositories up to 0.161, with their former names. Types that otelier has are not among them.

use super::problem::Family;

/// What to do about a component of a Collector that is not here; `None` for a type that no Collector has.
///
/// The text ends a sentence such as "unknown receiver type `hostmetrics`; ...". Collectors rename types one by one, from `hostmetrics` to
/// `host_metrics`, so underscores do not count.
pub(super) fn remedy(family: Family, kind: &str) -> Option<&'static str> {
    let kind = kind.replace('_', "");
    match family {
        Family::Receiver => receiver(&kind),
        Family::Processor => processor(&kind),
        Family::Exporter => exporter(&kind),
        Family::Extension => extension(&kind),
        Family::Connector => connector(&kind),
    }
}

const RECEIVE_THERE: &str = "not available yet; run a Collector that has it, and let that send OTLP here";
const EXPORT_THERE: &str = "not available yet; send OTLP by `otlp` to a Collector that has it";
const PROCESS_THERE: &str = "not available yet; run it in a Collector that sends OTLP here, or takes OTLP from here";
const OWN_PLUGIN: &str = "not available yet; a plugin of your own can do it";

fn receiver(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "nop" => "use `otlp`: every pipeline needs a receiver, and this one may stay idle",
        "otelarrow" => "use `otlp`: exporters of OTel Arrow fall back to OTLP",
        "jaeger" | "opencensus" | "zipkin" => {
            "not available yet; let SDKs send OTLP here, or run a Collector that has it"
        }
        "otlpjsonfile" => {
            "not available yet; post each line to the HTTP port of `otlp`, or let a Collector read the file and send OTLP here"
        }
        "prometheus" | "prometheusexec" | "prometheussimple" => {
            "not available yet; let a Collector scrape the targets and send OTLP here"
        }
        "activedirectoryds" | "activedirectoryinv" | "aerospike" | "apache" | "apachespark" | "awscloudwatch"
        | "awsfirehose" | "awslambda" | "awss3" | "awsxray" | "azureblob" | "azureeventhub" | "azurefunctions"
        | "azuremonitor" | "bigip" | "carbon" | "chrony" | "ciscoos" | "ciscoosreceiver" | "cloudflare"
        | "cloudfoundry" | "collectd" | "couchbase" | "couchdb" | "datadog" | "dnscheck" | "dockerstats"
        | "dotnetdiagnostics" | "elasticsearch" | "envoyals" | "expvar" | "faro" | "file" | "filelog" | "filestats"
        | "flinkmetrics" | "fluentforward" | "github" | "gitlab" | "gitprovider" | "googlecloudpubsub"
        | "googlecloudspanner" | "haproxy" | "hostmetrics" | "httpcheck" | "httpd" | "huaweicloudces" | "icmpcheck"
        | "icmpcheckreceiver" | "iis" | "influxdb" | "jmx" | "journald" | "k8scluster" | "k8sevents" | "k8slog"
        | "k8sobjects" | "kafka" | "kafkametrics" | "kubeletstats" | "libhoney" | "loki" | "memcached" | "mongodb"
        | "mongodbatlas" | "mysql" | "namedpipe" | "netflow" | "nginx" | "nsxt" | "ntp" | "oracledb" | "osquery"
        | "podmanstats" | "postgresql" | "pprof" | "promtail" | "pulsar" | "purefa" | "purefb" | "rabbitmq"
        | "receivercreator" | "redfish" | "redis" | "riak" | "sapm" | "saphana" | "signalfx" | "skywalking"
        | "snmp" | "snowflake" | "solace" | "splunkenterprise" | "splunkhec" | "sqlquery" | "sqlserver"
        | "sshcheck" | "statsd" | "stef" | "syslog" | "systemd" | "tcpcheck" | "tcplog" | "tlscheck" | "udplog"
        | "vcenter" | "vcr" | "wavefront" | "webhookevent" | "windowseventlog" | "windowsservice" | "yanggrpc"
        | "zookeeper" => RECEIVE_THERE,
        "awscloudwatchmetrics"
        | "awscontainerinsightreceiver"
        | "awsecscontainermetrics"
        | "googlecloudmonitoring"
        | "googlecloudpubsubpush"
        | "huaweicloudcesreceiver"
        | "macosunifiedlogging"
        | "prometheusremotewrite"
        | "windowsperfcounters" => RECEIVE_THERE,
        _ => return None,
    })
}

fn processor(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "concurrentbatch" | "queuebatch" => "use `batch`",
        "queuedretry" => "remove it: exporters queue and retry by `sending_queue` and `retry_on_failure`",
        "remotetap" | "websocket" => "remove it: the exporter `debug` shows what passes",
        "routing" => "write a pipeline for each destination, each with a `filter` of its own",
        "groupbyattrs" => {
            "use `attributes`: `upsert` at `level: resource` with `from_attribute: {key: ..., level: item}`, then `delete` at the item"
        }
        "genainormalizer" => "use `attributes`: one action `rename` for each name",
        "redaction" => "`attributes` deletes and hashes attributes by name; a plugin of your own can do it by pattern",
        "transform" => {
            "`attributes` and `filter` do the usual part; a plugin of your own can edit other attributes and metric names"
        }
        "metricstransform" => {
            "`aggregate` groups, sums and renames metrics, and `attributes` edits their attributes; a plugin of your own can do the rest"
        }
        "deltatocumulative" => {
            "use `aggregate`: it turns deltas into totals; `drop: []` keeps all attributes, and `rename: \"{name}\"` keeps names"
        }
        "interval" => {
            "use `aggregate`: it sends series once an `interval`; `drop: []` keeps all attributes, and `rename: \"{name}\"` keeps names"
        }
        "cardinalityguardian" => "`aggregate` bounds series by `max_series`; a plugin of your own can do the rest",
        "metricstarttime" => "not available yet; run it in the Collector that scrapes the targets",
        "cumulativetodelta" | "deltatorate" | "drain" | "isolationforest" | "metricsgeneration" => OWN_PLUGIN,
        "experimentalmetricsgeneration" | "probabilisticsampler" => OWN_PLUGIN,
        "resourcedetection" => {
            "not available yet; run it in a Collector that sends OTLP here, or insert what you know by `attributes` with `level: resource`"
        }
        "awsecsattributes" | "dnslookup" | "dynatracedetector" | "geoip" | "k8sattributes" | "k8stagger" | "lookup" => {
            "not available yet, and plugins have neither network nor files; run it in a Collector that sends OTLP here"
        }
        "adaptivetailsampling" | "dynamicsampling" | "groupbytrace" | "spanpruning" | "tailsampling" => {
            "not available yet, and plugins cannot hold spans back; run it in a Collector that takes OTLP from here"
        }
        "coralogix" | "datadog" | "datadogsemantics" | "logdedup" | "logstransform" | "rollingspanlatency"
        | "schema" | "servicegraph" | "signing" | "span" | "spanmetrics" | "sumologic" | "unroll" => PROCESS_THERE,
        _ => return None,
    })
}

fn exporter(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "otelarrow" => "use `otlp`: receivers of OTel Arrow take OTLP as well",
        "opencensus" => "removed from Collectors; use `otlp`",
        "dynatrace" | "elastic" | "honeycomb" | "humio" | "instana" | "jaeger" | "jaegerthrift"
        | "jaegerthrifthttp" | "lightstep" | "newrelic" | "sapm" => {
            "removed from Collectors because its destination takes OTLP; use `otlp` or `otlphttp`"
        }
        "loki" => {
            "removed from Collectors because Loki takes OTLP; use `otlphttp` with `endpoint: http://HOST:3100/otlp`"
        }
        "prometheusremotewrite" => {
            "not available yet; Prometheus takes OTLP from `otlphttp` at `http://HOST:9090/api/v1/otlp`, or scrapes the exporter `prometheus`"
        }
        "loadbalancing" => {
            "not available yet; `otlp` spreads batches over a name's addresses; where each trace needs one destination, use a Collector"
        }
        "alertmanager" | "awscloudwatchlogs" | "awsemf" | "awskinesis" | "awss3" | "awsxray" | "azureblob"
        | "azuredataexplorer" | "azuremonitor" | "bmchelix" | "carbon" | "cassandra" | "clickhouse" | "coralogix"
        | "cortex" | "datadog" | "dataset" | "doris" | "elasticsearch" | "f5cloud" | "faro" | "googlecloud"
        | "googlecloudpubsub" | "googlecloudstorage" | "googlesecops" | "honeycombmarker" | "influxdb" | "kafka"
        | "kinesis" | "kinetica" | "logicmonitor" | "logzio" | "mezmo" | "observiq" | "opensearch" | "parquet"
        | "pulsar" | "rabbitmq" | "sematext" | "sentry" | "signalfx" | "skywalking" | "splunkhec" | "stackdriver"
        | "stef" | "sumologic" | "syslog" | "tanzuobservability" | "tinybird" | "zipkin" => EXPORT_THERE,
        "alibabacloudlogservice"
        | "awsprometheusremotewrite"
        | "googlemanagedprometheus"
        | "tencentcloudlogservice" => EXPORT_THERE,
        _ => return None,
    })
}

fn extension(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "pprof" => "remove it: it profiles programs in Go; for otelier, use `perf`",
        "memoryballast" => "remove it: it is for the garbage collector of Go; `memory_limiter` bounds memory",
        "cgroupruntime" => "remove it: it is for the runtime of Go",
        "ack" => "remove it: it serves the receiver `splunk_hec`, which is not available yet",
        "pebbletailstorage" => "remove it: it serves the processor `tail_sampling`, which is not available yet",
        "remotetap" => "remove it: the exporter `debug` shows what passes",
        "sdnotify" => {
            "remove it: under `Type=notify` otelier says by itself when it takes requests, and feeds the watchdog"
        }
        "opamp" => "not available yet; remove it, and give otelier its configuration as a file",
        "healthcheckv2" => "use `health_check`: it answers `/livez`, `/readyz` and `/status` as well",
        "dbstorage" | "redisstorage" => "use `rocksdb`: queues are kept in the state directory",
        "asapclient" | "azureauth" | "googleclientauth" | "oauth2client" => {
            "not available yet; `bearertokenauth` with `filename` sends a token that another program renews"
        }
        "sigv4auth" => EXPORT_THERE,
        "oidc" => {
            "not available yet; let senders in by `bearertokenauth`, `basicauth`, or certificates (`tls: {client_ca_file: ...}` at the receiver)"
        }
        "awsproxy" | "httpforwarder" => "not available yet; run it in a Collector, or use a reverse proxy",
        "fluentbit" => "removed from Collectors; run Fluent Bit by itself, and let it send OTLP here",
        "datadog" | "jaegerremotesampling" | "mcp" | "solarwindsapmsettings" | "sumologic" | "tpm" => {
            "not available yet; remove it, or run it in a Collector"
        }
        "awsiamdbauth" | "k8sleaderelector" => "remove it: it serves receivers, which are not available yet",
        _ if kind.ends_with("observer") => "remove it: it serves receivers that are not available yet",
        _ if kind.ends_with("encoding") => "remove it: it serves receivers and exporters that are not available yet",
        _ => return None,
    })
}

fn connector(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "count" | "exceptions" | "grafanacloud" | "servicegraph" | "signaltometrics" | "spanmetrics" | "sum" => {
            "not available yet; run it in a Collector in front that sends OTLP here"
        }
        "failover" => "use the exporter `fallback`: it passes batches on to the first destination that works",
        "otlpjson" => "not available yet; run it in a Collector that sends OTLP here",
        "datadog" | "metricsaslogs" | "roundrobin" | "slowsql" | "spanmetricsconnector" => {
            "not available yet; run it in a Collector"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS_MAX: usize = 25;

    #[test]
    fn old_and_new_names_are_one_type() {
        for (family, old, new) in [
            (Family::Receiver, "hostmetrics", "host_metrics"),
            (Family::Receiver, "windowsperfcounters", "windows_perf_counters"),
            (Family::Processor, "k8sattributes", "k8s_attributes"),
            (Family::Processor, "deltatocumulative", "delta_to_cumulative"),
            (Family::Exporter, "prometheusremotewrite", "prometheus_remote_write"),
            (Family::Extension, "cgroupruntime", "cgroup_runtime"),
            (Family::Connector, "spanmetrics", "span_metrics"),
        ] {
            let words = remedy(family, old);
            assert!(words.is_some() && words == remedy(family, new), "{family} {old}: {words:?}");
        }
    }

    #[test]
    fn the_next_step_is_said() {
        for (family, kind, words) in [
            (Family::Receiver, "kafka", "send OTLP here"),
            (Family::Processor, "concurrentbatch", "use `batch`"),
            (Family::Processor, "tail_sampling", "in a Collector"),
            (Family::Processor, "probabilistic_sampler", "a plugin of your own"),
            (Family::Exporter, "kafka", "by `otlp` to a Collector"),
            (Family::Extension, "memory_ballast", "remove it"),
            (Family::Extension, "k8s_observer", "remove it"),
            (Family::Extension, "healthcheckv2", "use `health_check`"),
        ] {
            let said = remedy(family, kind).unwrap_or_default();
            assert!(said.contains(words), "{family} {kind}: {said}");
        }
    }

    #[test]
    fn other_types_have_none() {
        for (family, kind) in [
            // What otelier has.
            (Family::Receiver, "otlp"),
            (Family::Processor, "memory_limiter"),
            (Family::Processor, "attributes"),
            (Family::Processor, "batch"),
            (Family::Exporter, "logging"),
            (Family::Exporter, "otlp_http"),
            (Family::Exporter, "nop"),
            (Family::Extension, "file_storage"),
            (Family::Extension, "health_check"),
            // What nobody has.
            (Family::Receiver, "otpl"),
            (Family::Processor, "frobnicate"),
            (Family::Exporter, ""),
            // Of another family.
            (Family::Receiver, "zpages"),
        ] {
            assert_eq!(remedy(family, kind), None, "{family} {kind}");
        }
    }

    /// The longest ones; the others are shorter.
    #[test]
    fn a_remedy_is_one_short_sentence() {
        for (family, kind) in [
            (Family::Receiver, "otlp_json_file"),
            (Family::Processor, "group_by_attrs"),
            (Family::Processor, "interval"),
            (Family::Processor, "metrics_transform"),
            (Family::Processor, "resource_detection"),
            (Family::Exporter, "load_balancing"),
            (Family::Exporter, "prometheus_remote_write"),
            (Family::Extension, "oidc"),
        ] {
            let said = remedy(family, kind).unwrap_or_default();
            let count = said.split_whitespace().count();
            assert!((1..=WORDS_MAX).contains(&count) && !said.ends_with('.'), "{count} words: {said}");
        }
    }
}
