//! Every operation of the API ends up at the role that serves it: the gateway's rules, read as nginx reads them, against the table of operations.

use super::{FOLDER, Files};
use schemas::api::{Operation, Side};

/// One rule of the map `"$request_method $uri" -> role`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// `"~ /path$"`: any method, a path that ends so.
    Path(String),
    /// `"~^(GET|HEAD) "`: these methods.
    Methods(Vec<String>),
    /// `default`.
    Default,
}

pub(super) fn complaints(files: &Files, operations: &[Operation]) -> Vec<String> {
    let name = format!("{FOLDER}gateway.conf");
    let Some(text) = files.get(&name) else { return vec![format!("{name} is gone")] };
    let rules = match rules(text) {
        Ok(rules) => rules,
        Err(line) => return vec![format!("{name}: a rule of another form than this check knows: {line}")],
    };
    let role = |side: Side| match side {
        Side::Write => "commands",
        Side::Read => "queries",
    };
    let wrong = operations.iter().filter_map(|operation| {
        let (to, serves) = (route(&rules, operation.method, operation.path), role(operation.side));
        (to != Some(serves)).then(|| format!("{name}: {} goes to {}, but {serves} serve it", operation.id, to.unwrap_or("nobody")))
    });
    wrong.collect()
}

/// Reads the first `map`.
fn rules(text: &str) -> Result<Vec<(Rule, String)>, String> {
    let lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with("map \"$request_method $uri\""));
    let inside = lines.skip(1).take_while(|line| *line != "}").filter(|line| !line.is_empty() && !line.starts_with('#'));
    inside.map(|line| rule(line).ok_or_else(|| line.to_owned())).collect()
}

fn rule(line: &str) -> Option<(Rule, String)> {
    let (pattern, role) = line.strip_suffix(';')?.rsplit_once(' ')?;
    let (pattern, role) = (pattern.trim(), role.to_owned());
    if pattern == "default" {
        return Some((Rule::Default, role));
    }
    let pattern = pattern.strip_prefix("\"~")?.strip_suffix('"')?;
    if let Some(methods) = pattern.strip_prefix("^(").and_then(|rest| rest.strip_suffix(") ")) {
        return Some((Rule::Methods(methods.split('|').map(str::to_owned).collect()), role));
    }
    let path = pattern.strip_prefix(' ')?.strip_suffix('$')?;
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c));
    plain.then(|| (Rule::Path(path.to_owned()), role))
}

/// Returns where a request goes: the first rule that fits, else the default.
fn route<'a>(rules: &'a [(Rule, String)], method: &str, path: &str) -> Option<&'a str> {
    let fits = |rule: &Rule| match rule {
        Rule::Path(whole) => path == whole,
        Rule::Methods(methods) => methods.iter().any(|known| known == method),
        Rule::Default => false,
    };
    let found = rules.iter().find(|(rule, _)| fits(rule)).or_else(|| rules.iter().find(|(rule, _)| *rule == Rule::Default));
    found.map(|(_, role)| role.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, files};
    use super::*;

    #[test]
    fn each_operation_reaches_its_role() {
        let head = "map \"$request_method $uri\" $side {\n";
        let check = |map: &str, parts: &[&str]| {
            let operations: Vec<Operation> = schemas::api::OPERATIONS
                .iter()
                .filter(|op| ["oauth.userinfo_post", "statuses.create", "instance.v2"].contains(&op.id))
                .copied()
                .collect();
            assert_eq!(operations.len(), 3);
            expect(&complaints(&files(&[("infra/deploy/gateway.conf", &format!("{head}{map}\n}}\n"))]), &operations), parts);
        };
        let methods = "# Reads.\n\"~^(GET|HEAD) \" queries;\ndefault commands;";
        check(&format!("\"~ /oauth/userinfo$\" queries;\n{methods}"), &[]);
        check(methods, &["oauth.userinfo_post goes to commands, but queries serve it"]);
        check("\"~ /oauth/userinfo$\" queries;\n\"~^(GET|HEAD) \" queries;", &["statuses.create goes to nobody"]);
        check("\"~* ^/api\" queries;", &["another form"]);
    }
}
