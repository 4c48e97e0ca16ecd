//! The servers that a local cluster may hold, and where each gets its programs from.

use super::maven::Package;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// A server of a cluster: what stands behind one port of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The log.
    Kafka,
    /// Views and home timelines.
    Cql,
    /// The search index.
    Elastic,
    /// The schemas of records.
    Registry,
}

impl Kind {
    /// All of them, in the order in which they are started: the slowest first.
    pub(crate) const ALL: [Self; 4] = [Self::Cql, Self::Kafka, Self::Elastic, Self::Registry];

    /// Returns what people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Cql => "cql",
            Self::Elastic => "elastic",
            Self::Registry => "registry",
        }
    }

    /// Returns the environment variable that tells the suites where it is.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Kafka => "ROOST_TEST_KAFKA",
            Self::Cql => "ROOST_TEST_CQL",
            Self::Elastic => "ROOST_TEST_ELASTIC",
            Self::Registry => "ROOST_TEST_REGISTRY",
        }
    }

    /// Returns the first port that is tried for its clients; the one that the server keeps to itself follows it.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Kafka => 19_092,
            Self::Cql => 19_042,
            Self::Elastic => 19_200,
            Self::Registry => 18_081,
        }
    }

    /// Returns which Java runs it, the range to prefer first.
    pub(super) fn java(self) -> &'static [RangeInclusive<u32>] {
        match self {
            Self::Kafka => &[17..=25],
            Self::Cql | Self::Elastic => &[17..=17],
            Self::Registry => &[APICURIO_JAVA_MIN..=u32::MAX, 17..=APICURIO_JAVA_MIN - 1],
        }
    }

    /// Returns what Maven fetches for it, given the Java that will run it.
    pub(super) fn package(self, java: u32) -> Package {
        match self {
            Self::Kafka => KAFKA,
            Self::Cql => CASSANDRA,
            Self::Elastic => ELASTICSEARCH,
            Self::Registry if java >= APICURIO_JAVA_MIN => APICURIO,
            Self::Registry => APICURIO_FOR_JAVA_17,
        }
    }
}

/// Kafka with its command-line tools, among them the performance tests that benches compare with.
const KAFKA: Package = Package::Jars {
    name: "kafka",
    version: "4.3.1",
    artifacts: &[
        ("org.apache.kafka", "kafka_2.13", "4.3.1"),
        ("org.apache.kafka", "kafka-tools", "4.3.1"),
        ("org.apache.logging.log4j", "log4j-core", "2.25.4"),
        ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4"),
    ],
};

/// Stands in for ScyllaDB, which has no artifact on Maven: the same protocol, so say "CQL (Cassandra 5)" beside figures.
const CASSANDRA: Package =
    Package::Jars { name: "cassandra", version: "5.0.9", artifacts: &[("org.apache.cassandra", "cassandra-all", "5.0.9")] };

const ELASTICSEARCH: Package = Package::Jars {
    name: "elasticsearch",
    version: "7.17.29",
    artifacts: &[
        ("org.elasticsearch", "elasticsearch", "7.17.29"),
        ("org.elasticsearch.plugin", "transport-netty4-client", "7.17.29"),
        ("org.apache.logging.log4j", "log4j-core", "2.17.1"),
    ],
};

const APICURIO: Package = Package::Archive {
    name: "apicurio",
    version: "3.3.3",
    artifact: "io.apicurio:apicurio-registry-app:3.3.3:tar.gz:all",
    jar: "quarkus-run.jar",
};

/// The oldest Java that runs the present Apicurio.
const APICURIO_JAVA_MIN: u32 = 25;

/// The last line of Apicurio that runs on Java 17; the same Confluent interface.
const APICURIO_FOR_JAVA_17: Package = Package::Archive {
    name: "apicurio",
    version: "2.6.13.Final",
    artifact: "io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all",
    jar: "apicurio-registry-app-2.6.13.Final-runner.jar",
};
