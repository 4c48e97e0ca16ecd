//! The compose file: images are pinned, files that it mounts or builds from are there, services, volumes and networks that it names are declared,
//! who is waited for can say that it is healthy, and every variable has a default or stands in env.example. Prometheus and Grafana read from
//! services that are there.

use super::{FOLDER, Files, parsed, texts, unpinned};
use serde_json::{Map, Value};

const FILE: &str = "compose.yaml";

pub(super) fn complaints(files: &Files) -> Vec<String> {
    let compose = parsed(files, FILE);
    let empty = Map::new();
    let services = compose.get("services").and_then(Value::as_object).unwrap_or(&empty);
    let mut complaints = Vec::new();
    if services.is_empty() {
        complaints.push("has no services".to_owned());
    }
    for (name, service) in services {
        let found =
            [images(service), mounts(service, &compose, files), dependencies(service, services), networks(service, &compose)].concat();
        complaints.extend(found.into_iter().map(|complaint| format!("{name}: {complaint}")));
    }
    complaints.extend(variables(&compose, files));
    complaints.extend(scraped(files, services));
    complaints.into_iter().map(|complaint| format!("{FOLDER}{FILE}: {complaint}")).collect()
}

/// An image from elsewhere is pinned; what is built has its Dockerfile.
fn images(service: &Value) -> Vec<String> {
    let image = service.get("image").and_then(Value::as_str);
    match (service.get("build"), image) {
        (Some(build), _) => {
            let part = |key: &str| build.get(key).and_then(Value::as_str).unwrap_or_default();
            let expected = ("../..", format!("{FOLDER}Dockerfile"));
            let given = (part("context"), part("dockerfile").to_owned());
            if given == expected {
                Vec::new()
            } else {
                vec![format!("builds {} in {}, not {} in {}", given.1, given.0, expected.1, expected.0)]
            }
        }
        (None, Some(image)) => unpinned(image).into_iter().collect(),
        (None, None) => vec!["has neither an image nor a build".to_owned()],
    }
}

/// Mounted files exist, and mounted volumes are declared.
fn mounts(service: &Value, compose: &Value, files: &Files) -> Vec<String> {
    let volumes = service.get("volumes").map(texts).unwrap_or_default();
    let sources = volumes.into_iter().filter_map(|volume| volume.split(':').next());
    let wrong = sources.filter(|source| match source.strip_prefix("./") {
        Some(path) => !files.contains_key(&format!("{FOLDER}{path}")),
        None => compose.get("volumes").is_none_or(|declared| declared.get(source).is_none()),
    });
    wrong.map(|source| format!("mounts {source}, which is neither a file beside it nor a declared volume")).collect()
}

/// Whom it waits for exists, and can say that it is healthy where that is waited for.
fn dependencies(service: &Value, services: &Map<String, Value>) -> Vec<String> {
    let mut complaints = Vec::new();
    let named: Vec<(&str, &str)> = match service.get("depends_on") {
        Some(Value::Object(named)) => {
            named.iter().map(|(name, how)| (name.as_str(), how.get("condition").and_then(Value::as_str).unwrap_or_default())).collect()
        }
        Some(list) => texts(list).into_iter().map(|name| (name, "")).collect(),
        None => Vec::new(),
    };
    for (name, condition) in named {
        match services.get(name) {
            None => complaints.push(format!("waits for {name}, which is no service")),
            Some(other) if condition == "service_healthy" && other.get("healthcheck").is_none() => {
                complaints.push(format!("waits until {name} is healthy, which has no health check"));
            }
            Some(_) => {}
        }
    }
    complaints
}

fn networks(service: &Value, compose: &Value) -> Vec<String> {
    let named = service.get("networks").map(texts).unwrap_or_default();
    let declared = |name: &str| compose.get("networks").is_some_and(|networks| networks.get(name).is_some());
    named.into_iter().filter(|name| !declared(name)).map(|name| format!("is in the network {name}, which is not declared")).collect()
}

/// Every `${NAME}` has a default, or env.example names it.
fn variables(compose: &Value, files: &Files) -> Vec<String> {
    let example = files.get(&format!("{FOLDER}env.example")).map(String::as_str).unwrap_or_default();
    let named = |name: &str| example.lines().any(|line| line.split_once('=').is_some_and(|(key, _)| key == name));
    let mut complaints = Vec::new();
    for reference in texts(compose).into_iter().flat_map(|text| text.split("${").skip(1)) {
        let reference = reference.split('}').next().unwrap_or_default();
        let name = reference.split([':', '-', '?']).next().unwrap_or_default();
        if !reference.contains(":-") && !named(name) {
            complaints.push(format!("{name} has no default and is not in env.example"));
        }
    }
    complaints.sort();
    complaints.dedup();
    complaints
}

/// Prometheus reads rules that are there and asks services that are there; panels ask the data source that is provisioned.
fn scraped(files: &Files, services: &Map<String, Value>) -> Vec<String> {
    let (prometheus, mut complaints) = (parsed(files, "prometheus.yml"), Vec::new());
    let rules = prometheus.get("rule_files").map(texts).unwrap_or_default();
    let lost = rules.into_iter().filter(|name| !files.contains_key(&format!("{FOLDER}{name}")));
    complaints.extend(lost.map(|name| format!("prometheus.yml reads {name}, which is not there")));
    let jobs = prometheus.get("scrape_configs").and_then(Value::as_array).cloned().unwrap_or_default();
    let names = |job: &Value, list: &str, key: &str| -> Vec<String> {
        let entries = job.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
        entries.iter().filter_map(|entry| entry.get(key)).flat_map(texts).map(str::to_owned).collect()
    };
    for job in &jobs {
        for target in [names(job, "dns_sd_configs", "names"), names(job, "static_configs", "targets")].concat() {
            let host = target.split(':').next().unwrap_or_default();
            if !services.contains_key(host) {
                complaints.push(format!("prometheus.yml asks {host}, which is no service"));
            }
        }
    }
    let sources = parsed(files, "grafana/datasource.yml");
    let sources: Vec<&str> = sources
        .get("datasources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|source| source.get("uid")?.as_str())
        .collect();
    let dashboard = parsed(files, "grafana/roost.json");
    let panels = dashboard.get("panels").and_then(Value::as_array).cloned().unwrap_or_default();
    for panel in &panels {
        let source = panel.pointer("/datasource/uid").and_then(Value::as_str);
        if let Some(source) = source.filter(|source| !sources.contains(source)) {
            let title = panel.get("title").and_then(Value::as_str).unwrap_or_default();
            complaints.push(format!("the panel {title} asks the data source {source}, which is not provisioned"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, files};
    use super::*;

    const GOOD: &str = "
x-base: &base {image: 'a:1', networks: [net]}
services:
  a: {<<: *base, healthcheck: {test: x}, volumes: ['v:/v', './gateway.conf:/g:ro']}
  b: {<<: *base, depends_on: {a: {condition: service_healthy}}, environment: {X: '${SECRET:?say}', Y: '${Z:-1}'}}
networks: {net: }
volumes: {v: }
";

    fn check(from: &str, to: &str, parts: &[&str]) {
        assert!(GOOD.contains(from), "{from}");
        let all = [
            ("infra/deploy/compose.yaml", GOOD.replacen(from, to, 1)),
            ("infra/deploy/gateway.conf", String::new()),
            ("infra/deploy/env.example", "# A.\nSECRET=\n".to_owned()),
            ("infra/deploy/prometheus.yml", "{rule_files: [], scrape_configs: [{dns_sd_configs: [{names: [a]}]}]}".to_owned()),
        ];
        let all: Vec<(&str, &str)> = all.iter().map(|(name, text)| (*name, text.as_str())).collect();
        expect(&complaints(&files(&all)), parts);
    }

    #[test]
    fn what_is_named_must_be_there() {
        check("a:1", "a:1", &[]);
        check("a:1", "a", &["a: a has no tag", "b: a has no tag"]);
        check("./gateway.conf", "./gatewya.conf", &["mounts ./gatewya.conf"]);
        check("'v:/v'", "'w:/v'", &["mounts w"]);
        check("healthcheck: {test: x}, ", "", &["b: waits until a is healthy"]);
        check("depends_on: {a:", "depends_on: {c:", &["b: waits for c"]);
        check("SECRET", "SECRTE", &["SECRTE has no default"]);
        check("networks: {net: }", "networks: {ten: }", &["a: is in the network net", "b: is in the network net"]);
        check("  a: {", "  k: {", &["b: waits for a", "prometheus.yml asks a"]);
    }

    #[test]
    fn a_build_is_of_the_dockerfile_that_is_checked() {
        let build = |context: &str, dockerfile: &str| serde_json::json!({"build": {"context": context, "dockerfile": dockerfile}});
        expect(&images(&build("../..", "infra/deploy/Dockerfile")), &[]);
        expect(&images(&build(".", "Dockerfile")), &["builds Dockerfile in ."]);
        expect(&images(&serde_json::json!({})), &["neither an image nor a build"]);
    }
}
