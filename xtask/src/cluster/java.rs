//! Which Java runs a server: the installed ones are found by the `release` file that every JDK carries.

use anyhow::{Result, bail};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Where Linux distributions put their JDKs.
const USUAL: &str = "/usr/lib/jvm";

/// An installed Java.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Java {
    /// Its feature release: 17, 25.
    pub(super) release: u32,
    home: PathBuf,
}

impl Java {
    /// Finds an installed Java: of the first range of `wanted` that has one, the oldest.
    ///
    /// # Errors
    /// Fails where there is none, saying what is there.
    pub(super) fn find(wanted: &[RangeInclusive<u32>]) -> Result<Self> {
        let installed = installed();
        let Some(found) = choose(&installed, wanted) else {
            let releases: Vec<String> = installed.iter().map(|java| java.release.to_string()).collect();
            let ranges: Vec<String> = wanted.iter().map(shown).collect();
            bail!("needs {}; JAVA_HOME and {USUAL} have [{}]; install a JDK", ranges.join(", else "), releases.join(", "));
        };
        Ok(found.clone())
    }

    /// Returns the path of one of its programs: `java`, `javac`.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.home.join("bin").join(name)
    }
}

fn choose<'a>(installed: &'a [Java], wanted: &[RangeInclusive<u32>]) -> Option<&'a Java> {
    wanted.iter().find_map(|range| installed.iter().filter(|java| range.contains(&java.release)).min_by_key(|java| java.release))
}

fn shown(range: &RangeInclusive<u32>) -> String {
    match (range.start(), range.end()) {
        (from, &u32::MAX) => format!("Java {from} or newer"),
        (from, to) if from == to => format!("Java {from}"),
        (from, to) => format!("Java {from} to {to}"),
    }
}

/// Lists the JDKs of JAVA_HOME and of the usual folder.
fn installed() -> Vec<Java> {
    let mut homes: Vec<PathBuf> = std::env::var_os("JAVA_HOME").map(PathBuf::from).into_iter().collect();
    if let Ok(entries) = std::fs::read_dir(USUAL) {
        homes.extend(entries.flatten().map(|entry| entry.path()));
    }
    homes.into_iter().filter_map(|home| at(&home)).collect()
}

fn at(home: &Path) -> Option<Java> {
    let release = release(&std::fs::read_to_string(home.join("release")).ok()?)?;
    home.join("bin/java").is_file().then(|| Java { release, home: home.to_path_buf() })
}

/// Reads the feature release out of a `release` file: `JAVA_VERSION="17.0.15"` is 17, `"1.8.0"` is 8.
fn release(text: &str) -> Option<u32> {
    let version = text.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?.trim_matches('"');
    let version = version.strip_prefix("1.").unwrap_or(version);
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_file_says_which_java_it_is() {
        let check = |text: &str, expected: Option<u32>| assert_eq!(release(text), expected, "{text}");
        check("IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"17.0.15\"\nJAVA_VERSION_DATE=\"2025-04-15\"\n", Some(17));
        check("JAVA_VERSION=\"25\"", Some(25));
        check("JAVA_VERSION=\"26-ea\"", Some(26));
        check("JAVA_VERSION=\"1.8.0_401\"", Some(8));
        check("IMPLEMENTOR=\"Debian\"", None);
    }

    #[test]
    fn the_oldest_of_the_first_range_is_chosen() {
        let installed: Vec<Java> = [25, 17, 21].map(|release| Java { release, home: PathBuf::new() }).to_vec();
        let check = |wanted: &[RangeInclusive<u32>], expected: Option<u32>| {
            assert_eq!(choose(&installed, wanted).map(|java| java.release), expected, "{wanted:?}");
        };
        check(&[17..=u32::MAX], Some(17));
        check(&[18..=24], Some(21));
        check(&[25..=u32::MAX, 17..=24], Some(25));
        check(&[26..=u32::MAX, 17..=24], Some(17));
        check(&[26..=u32::MAX], None);
        assert_eq!(
            [17..=17, 17..=24, 25..=u32::MAX].iter().map(shown).collect::<Vec<_>>(),
            ["Java 17", "Java 17 to 24", "Java 25 or newer"]
        );
    }
}
