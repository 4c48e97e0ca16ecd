//! How each server is started: its configuration files, written into a folder of its own, and its command line.

use super::java::Java;
use super::kind::Kind;
use super::template::fill;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const KAFKA_PROPERTIES: &str = include_str!("../../../infra/deploy/local/kafka.properties");
const KAFKA_LOG4J: &str = include_str!("../../../infra/deploy/local/kafka-log4j2.properties");
const CASSANDRA_YAML: &str = include_str!("../../../infra/deploy/local/cassandra.yaml");
const CASSANDRA_JVM: &str = include_str!("../../../infra/deploy/local/cassandra.jvm");
const CASSANDRA_LOGBACK: &str = include_str!("../../../infra/deploy/local/cassandra-logback.xml");
const ELASTIC_LAUNCHER: &str = include_str!("../../../infra/deploy/local/EsNode.java");
const ELASTIC_LOG4J: &str = include_str!("../../../infra/deploy/local/elastic-log4j2.properties");

/// The cluster's id: any 16 bytes in base64, the same for all brokers.
const KAFKA_CLUSTER_ID: &str = "cm9vc3QtbG9jYWwtdGVzdA";
/// Heaps. All servers with three brokers must fit 6 GB, the programs' own memory included.
const KAFKA_HEAP: &str = "-Xmx512m";
const KAFKA_HEAP_OF_THREE: &str = "-Xmx384m";
const CASSANDRA_HEAP: [&str; 2] = ["-Xms512m", "-Xmx1g"];
const ELASTIC_HEAP: &str = "-Xmx640m";
const REGISTRY_HEAP: &str = "-Xmx256m";
/// The Confluent interface of Apicurio.
pub(super) const REGISTRY_PATH: &str = "/apis/ccompat/v7";

/// Where a server is put.
pub(super) struct Site<'a> {
    pub(super) kind: Kind,
    /// Its own folder, absolute and empty.
    pub(super) folder: &'a Path,
    /// The port for its clients; it keeps the next one to itself.
    pub(super) port: u16,
    pub(super) java: &'a Java,
    /// The folder of its program's files.
    pub(super) library: &'a Path,
    /// The arguments that name the program's files.
    pub(super) classes: Vec<String>,
    /// An argument by which its processes are found again.
    pub(super) mark: &'a str,
    /// The client ports of all brokers, in the order of their ids; empty for other servers.
    pub(super) brokers: &'a [u16],
}

/// A command line, and what has to run once before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// Arguments of the same program that make the data folder ready; none for most servers.
    pub(super) format: Option<Vec<String>>,
    pub(super) folder: PathBuf,
}

impl Site<'_> {
    /// Writes the server's files and returns how it is started.
    ///
    /// # Errors
    /// Fails where a file cannot be written or a template does not fit.
    pub(super) fn launch(&self) -> Result<Launch> {
        match self.kind {
            Kind::Kafka => self.kafka(),
            Kind::Cql => self.cassandra(),
            Kind::Elastic => self.elasticsearch(),
            Kind::Registry => Ok(self.registry()),
        }
    }

    fn kafka(&self) -> Result<Launch> {
        let node = self.brokers.iter().position(|port| *port == self.port).context("a broker is one of the brokers")? + 1;
        let voters: Vec<String> = (1..).zip(self.brokers).map(|(id, port)| format!("{id}@127.0.0.1:{}", port + 1)).collect();
        let (replicas, in_sync_min) = if self.brokers.len() >= 3 { (3, 2) } else { (1, 1) };
        let values = [
            ("NODE", node.to_string()),
            ("VOTERS", voters.join(",")),
            ("PORT", self.port.to_string()),
            ("CONTROLLER_PORT", (self.port + 1).to_string()),
            ("DATA", self.path("data")),
            ("REPLICAS", replicas.to_string()),
            ("IN_SYNC_MIN", in_sync_min.to_string()),
        ];
        self.write("server.properties", &fill(KAFKA_PROPERTIES, &values)?)?;
        self.write("log4j2.properties", KAFKA_LOG4J)?;
        let heap = if self.brokers.len() >= 3 { KAFKA_HEAP_OF_THREE } else { KAFKA_HEAP };
        let logging = format!("-Dlog4j2.configurationFile={}", self.path("log4j2.properties"));
        let java = |main: &[&str]| {
            let mut words = vec![heap.to_owned(), self.mark.to_owned(), logging.clone()];
            words.extend(self.classes.iter().cloned());
            words.extend(main.iter().map(|word| (*word).to_owned()));
            words
        };
        let format = java(&["kafka.tools.StorageTool", "format", "-t", KAFKA_CLUSTER_ID, "-c", "server.properties"]);
        Ok(Launch { format: Some(format), ..self.command(java(&["kafka.Kafka", "server.properties"])) })
    }

    fn cassandra(&self) -> Result<Launch> {
        let values = [("DATA", self.path("data")), ("PORT", self.port.to_string()), ("STORAGE_PORT", (self.port + 1).to_string())];
        self.write("cassandra.yaml", &fill(CASSANDRA_YAML, &values)?)?;
        self.write("cassandra.jvm", CASSANDRA_JVM)?;
        self.write("logback.xml", CASSANDRA_LOGBACK)?;
        let mut words: Vec<String> = CASSANDRA_HEAP.map(str::to_owned).to_vec();
        words.extend([
            self.mark.to_owned(),
            "-XX:MaxDirectMemorySize=256m".to_owned(),
            "@cassandra.jvm".to_owned(),
            format!("-Dlogback.configurationFile={}", self.path("logback.xml")),
            format!("-Dcassandra.config=file:{}", self.path("cassandra.yaml")),
            format!("-Dcassandra.storagedir={}", self.path("data")),
            "-Dcassandra-foreground=yes".to_owned(),
            // One node has nobody to wait for.
            "-Dcassandra.skip_wait_for_gossip_to_settle=0".to_owned(),
            "-Dcassandra.ring_delay_ms=0".to_owned(),
        ]);
        words.extend(self.classes.iter().cloned());
        words.push("org.apache.cassandra.service.CassandraDaemon".to_owned());
        Ok(self.command(words))
    }

    fn elasticsearch(&self) -> Result<Launch> {
        self.write("EsNode.java", ELASTIC_LAUNCHER)?;
        self.write("log4j2.properties", ELASTIC_LOG4J)?;
        std::fs::create_dir_all(self.folder.join("data/config")).context("cannot make Elasticsearch's folder")?;
        let mut words = vec![
            ELASTIC_HEAP.to_owned(),
            self.mark.to_owned(),
            format!("-Dlog4j2.configurationFile={}", self.path("log4j2.properties")),
            "-Dlog4j2.disable.jmx=true".to_owned(),
        ];
        words.extend(self.classes.iter().cloned());
        // Java compiles a file that it is given.
        words.extend(["EsNode.java".to_owned(), self.path("data"), self.port.to_string(), (self.port + 1).to_string()]);
        Ok(self.command(words))
    }

    fn registry(&self) -> Launch {
        let mut words = vec![
            REGISTRY_HEAP.to_owned(),
            self.mark.to_owned(),
            "-Dquarkus.http.host=127.0.0.1".to_owned(),
            format!("-Dquarkus.http.port={}", self.port),
            "-Dquarkus.management.host=127.0.0.1".to_owned(),
            format!("-Dquarkus.management.port={}", self.port + 1),
        ];
        words.extend(self.classes.iter().cloned());
        // Quarkus looks for its parts beside the jar.
        Launch { folder: self.library.to_path_buf(), ..self.command(words) }
    }

    fn command(&self, arguments: Vec<String>) -> Launch {
        Launch { program: self.java.program("java"), arguments, format: None, folder: self.folder.to_path_buf() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}
