//! The Dockerfile: its stages resolve, its images are pinned, it builds with the toolchain of this repository what this repository has, and what
//! it makes does not run as root.

use super::{FOLDER, Files, unpinned};

/// A line of a Dockerfile, its continuations joined: the instruction and the rest.
struct Line<'a> {
    instruction: String,
    rest: Vec<&'a str>,
}

pub(super) fn complaints(files: &Files) -> Vec<String> {
    let name = format!("{FOLDER}Dockerfile");
    let Some(text) = files.get(&name) else { return vec![format!("{name} is gone")] };
    let text = joined(text);
    let lines: Vec<Line<'_>> = text.lines().filter_map(line).collect();
    let mut complaints = stages(&lines);
    complaints.extend(toolchain(&lines, files));
    complaints.extend(packages(&lines, files));
    let last_stage = lines.iter().rposition(|line| line.instruction == "FROM").unwrap_or(0);
    let user = lines.iter().skip(last_stage).rfind(|line| line.instruction == "USER").and_then(|line| line.rest.first().copied());
    if user.is_none_or(|user| user == "root" || user == "0") {
        complaints.push("the last stage runs as root: name another USER".to_owned());
    }
    complaints.into_iter().map(|complaint| format!("{name}: {complaint}")).collect()
}

/// Leaves out comments and joins what a backslash continues.
fn joined(text: &str) -> String {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    code.join("\n").replace("\\\n", " ")
}

fn line(text: &str) -> Option<Line<'_>> {
    let mut words = text.split_whitespace();
    Some(Line { instruction: words.next()?.to_ascii_uppercase(), rest: words.collect() })
}

/// Images are pinned, and every stage that is copied from stands above.
fn stages(lines: &[Line<'_>]) -> Vec<String> {
    let (mut complaints, mut stages): (Vec<String>, Vec<&str>) = (Vec::new(), Vec::new());
    for line in lines {
        match (line.instruction.as_str(), line.rest.as_slice()) {
            ("FROM", [image, rest @ ..]) => {
                if !stages.contains(image) {
                    complaints.extend(unpinned(image));
                }
                stages.extend(rest.get(1));
            }
            ("COPY", words) => {
                let from = words.iter().find_map(|word| word.strip_prefix("--from="));
                complaints.extend(from.filter(|from| !stages.contains(from)).map(|from| format!("there is no stage {from} above")));
            }
            _ => {}
        }
    }
    complaints
}

/// The Rust image is of the toolchain that the repository names.
fn toolchain(lines: &[Line<'_>], files: &Files) -> Vec<String> {
    let file = files.get("rust-toolchain.toml").map(String::as_str).unwrap_or_default();
    let channel = file.lines().find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"')).unwrap_or("none");
    let images = lines.iter().filter(|line| line.instruction == "FROM").filter_map(|line| line.rest.first()?.strip_prefix("rust:"));
    images
        .filter(|tag| tag.split('-').next() != Some(channel))
        .map(|tag| format!("rust:{tag}, but rust-toolchain.toml says {channel}"))
        .collect()
}

/// Packages and features that it builds exist.
fn packages(lines: &[Line<'_>], files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    let runs = lines.iter().filter(|line| line.instruction == "RUN").map(|line| line.rest.join(" "));
    for build in runs.flat_map(|run| run.split("&&").map(str::to_owned).collect::<Vec<_>>()).filter(|part| part.contains("cargo build")) {
        let after = |flag: &str| build.split_whitespace().skip_while(|word| *word != flag).nth(1);
        let Some(package) = after("--package") else { continue };
        let Some(manifest) = files.get(&format!("{package}/Cargo.toml")) else {
            complaints.push(format!("there is no package {package}"));
            continue;
        };
        let table: toml::Table = manifest.parse().unwrap_or_default();
        let has = |feature: &str| table.get("features").and_then(|features| features.get(feature)).is_some();
        let unknown = after("--features").into_iter().flat_map(|list| list.split(',')).filter(|feature| !has(feature));
        complaints.extend(unknown.map(|feature| format!("{package} has no feature {feature}")));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, files};
    use super::*;

    #[test]
    fn stages_toolchain_packages_and_user_are_checked() {
        let check = |text: &str, parts: &[&str]| {
            let manifest = "[package]\nname = \"roost\"\n[features]\ncluster = []\n";
            let all = [("infra/deploy/Dockerfile", text), ("rust-toolchain.toml", "channel = \"1.95.0\""), ("roost/Cargo.toml", manifest)];
            expect(&complaints(&files(&all)), parts);
        };
        let build = "FROM rust:1.95.0-slim AS build\nRUN x \\\n && cargo build --package roost --features cluster\n";
        check(&format!("{build}FROM debian:12.1\n# Not here.\nCOPY --from=build /a /b\nUSER 10001\n"), &[]);
        check(&format!("{build}FROM build AS run\nCOPY --from=biuld /a /b\nUSER app\n"), &["no stage biuld"]);
        check("FROM rust:1.94.0 AS build\nUSER root", &["rust-toolchain.toml says 1.95.0", "runs as root"]);
        check("FROM debian:stable\nUSER app", &["debian:stable moves"]);
        check(&build.replace("cluster", "clutser,x").replace("AS build", ""), &["no feature clutser", "no feature x", "runs as root"]);
        check("FROM rust:1.95.0\nRUN cargo build --package roots\nUSER 1", &["no package roots"]);
    }
}
