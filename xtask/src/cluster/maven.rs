//! Fetches the servers' programs through Maven, which keeps what it has downloaded: into one folder per server and version under
//! cargo's output folder, made whole before it gets its name, so that a run that was interrupted leaves nothing half there.

use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The plugin that copies artifacts, by version: a newer one may rename its options.
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";
/// Pause between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(3);
/// Lines of Maven's output that a failure shows.
const ERROR_LINES_MAX: usize = 8;

/// What a server is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Package {
    /// Jars with all that they depend on: (group, artifact, version).
    Jars { name: &'static str, version: &'static str, artifacts: &'static [(&'static str, &'static str, &'static str)] },
    /// One archive that holds a whole program, started by its jar.
    Archive { name: &'static str, version: &'static str, artifact: &'static str, jar: &'static str },
}

impl Package {
    /// Returns its name and version, which are also those of its folder.
    pub(super) fn title(self) -> String {
        let (Self::Jars { name, version, .. } | Self::Archive { name, version, .. }) = self;
        format!("{name}-{version}")
    }

    /// Returns the arguments of `java` that name the program, given the folder of [`fetch`]; for jars the main class follows.
    pub(super) fn classes(self, folder: &Path) -> Vec<String> {
        match self {
            Self::Jars { .. } => vec!["-cp".to_owned(), format!("{}/*", folder.display())],
            Self::Archive { jar, .. } => vec!["-jar".to_owned(), folder.join(jar).display().to_string()],
        }
    }
}

/// Returns the folder that holds the package's files below `libraries`, fetching them if they are not there; tells `progress` what it does.
///
/// # Errors
/// Fails where Maven is not installed or cannot fetch an artifact.
pub(super) fn fetch(package: Package, libraries: &Path, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let title = package.title();
    let folder = libraries.join(&title);
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(libraries).with_context(|| format!("cannot make {}", libraries.display()))?;
    let draft = tempfile::Builder::new().prefix(".fetching-").tempdir_in(libraries).context("cannot make a folder")?;
    let (pom, files) = (draft.path().join("pom.xml"), draft.path().join("files"));
    std::fs::write(&pom, pom_of(package))?;
    let mut maven = Command::new("mvn");
    maven.args(["-B", "-Dstyle.color=never", "-f"]).arg(&pom).arg(format!("-DoutputDirectory={}", files.display()));
    match package {
        Package::Jars { .. } => maven.arg(format!("{PLUGIN}:copy-dependencies")),
        Package::Archive { artifact, .. } => maven.arg(format!("{PLUGIN}:unpack")).arg(format!("-Dartifact={artifact}")),
    };
    run(&mut maven, &title, progress)?;
    match std::fs::rename(&files, &folder) {
        // Somebody else was faster with the same files.
        Err(_) if folder.is_dir() => Ok(folder),
        renamed => renamed.map(|()| folder).with_context(|| format!("Maven brought no files for {title}")),
    }
}

/// Runs Maven, telling how many files it has downloaded.
fn run(maven: &mut Command, title: &str, progress: &dyn Fn(&str)) -> Result<()> {
    progress(&format!("{title}: asking Maven"));
    let began = Instant::now();
    let mut child = maven.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start `mvn`; install Maven")?;
    let output = child.stdout.take().context("Maven's output was piped")?;
    let (mut downloads, mut told, mut errors) = (0_u32, began, Vec::new());
    for line in BufReader::new(output).lines() {
        let line = line.context("cannot read what Maven says")?;
        if line.contains("[ERROR]") && errors.len() < ERROR_LINES_MAX {
            errors.push(line);
        } else if line.contains("Downloaded from") {
            downloads += 1;
            if told.elapsed() >= PROGRESS_EVERY {
                told = Instant::now();
                progress(&format!("{title}: {downloads} files after {} s", began.elapsed().as_secs()));
            }
        }
    }
    if !child.wait().context("cannot wait for Maven")?.success() {
        bail!("Maven could not fetch {title}:\n{}", errors.join("\n"));
    }
    progress(&format!("{title}: fetched, {downloads} downloads, {:.1} s", began.elapsed().as_secs_f64()));
    Ok(())
}

/// Writes a project that depends on the package's artifacts and is nothing else.
fn pom_of(package: Package) -> String {
    let mut dependencies = String::new();
    if let Package::Jars { artifacts, .. } = package {
        for (group, artifact, version) in artifacts {
            let dependency = format!("<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>");
            // Writing into a String cannot fail.
            let _ = writeln!(dependencies, "    <dependency>{dependency}</dependency>");
        }
    }
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  <groupId>roost</groupId>\n  \
         <artifactId>local-cluster</artifactId>\n  <version>1</version>\n  <dependencies>\n{dependencies}  </dependencies>\n</project>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_depends_on_its_artifacts_only() {
        let jars = Package::Jars { name: "a", version: "1", artifacts: &[("g", "a", "1"), ("g", "b", "2")] };
        let pom = pom_of(jars);
        assert_eq!(pom.matches("<dependency>").count(), 2);
        assert!(pom.contains("<groupId>g</groupId><artifactId>b</artifactId><version>2</version>"), "{pom}");
        assert_eq!((jars.title(), jars.classes(Path::new("libs"))), ("a-1".to_owned(), vec!["-cp".to_owned(), "libs/*".to_owned()]));
        let archive = Package::Archive { name: "c", version: "3", artifact: "g:c:3", jar: "run.jar" };
        assert!(!pom_of(archive).contains("<dependency>"));
        assert_eq!(archive.classes(Path::new("c-3")), ["-jar", "c-3/run.jar"]);
    }

    #[test]
    fn what_is_there_is_not_fetched_again() {
        let libraries = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(libraries.path().join("a-1")).expect("made");
        let package = Package::Jars { name: "a", version: "1", artifacts: &[("no.such.group", "none", "0")] };
        let found = fetch(package, libraries.path(), &|told| panic!("nothing to tell, but: {told}")).expect("found");
        assert_eq!(found, libraries.path().join("a-1"));
    }
}
