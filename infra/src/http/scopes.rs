//! Scopes: their names, and which ones let a token through.

/// Every scope that an application may ask for.
pub const KNOWN: &[&str] = &[
    "read",
    "read:accounts",
    "read:blocks",
    "read:bookmarks",
    "read:favourites",
    "read:filters",
    "read:follows",
    "read:lists",
    "read:mutes",
    "read:notifications",
    "read:search",
    "read:statuses",
    "write",
    "write:accounts",
    "write:blocks",
    "write:bookmarks",
    "write:conversations",
    "write:favourites",
    "write:filters",
    "write:follows",
    "write:lists",
    "write:media",
    "write:mutes",
    "write:notifications",
    "write:reports",
    "write:statuses",
    "follow",
    "push",
    "profile",
    "admin:read",
    "admin:read:accounts",
    "admin:read:reports",
    "admin:read:domain_allows",
    "admin:read:domain_blocks",
    "admin:read:ip_blocks",
    "admin:read:email_domain_blocks",
    "admin:read:canonical_email_blocks",
    "admin:write",
    "admin:write:accounts",
    "admin:write:reports",
    "admin:write:domain_allows",
    "admin:write:domain_blocks",
    "admin:write:ip_blocks",
    "admin:write:email_domain_blocks",
    "admin:write:canonical_email_blocks",
];

/// What an application or token gets that asks for nothing.
pub const DEFAULT: &str = "read";

/// What the old scope `follow` stands for, reading and writing.
const FOLLOW_COVERS: &[&str] = &["follows", "blocks", "mutes"];

/// The scopes in a list of them, separated by spaces (or `+`), each once; nothing if one is unknown.
pub fn parse(text: &str) -> Option<Vec<String>> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split([' ', '+', ',']).filter(|scope| !scope.is_empty()) {
        if !KNOWN.contains(&scope) {
            return None;
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Some(scopes)
}

/// Whether the granted scopes cover one that is wanted: itself, what it is part of, or the old `follow`.
pub fn covers(granted: &[String], wanted: &str) -> bool {
    granted.iter().any(|scope| {
        let whole = wanted.strip_prefix(scope.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        let by_follow = || wanted.split_once(':').is_some_and(|(verb, on)| matches!(verb, "read" | "write") && FOLLOW_COVERS.contains(&on));
        whole || (scope == "follow" && by_follow())
    })
}

/// Whether the granted scopes cover any of those that an operation takes, separated by spaces; none wanted is always covered.
pub fn allow(granted: &[String], any_of: &str) -> bool {
    any_of.is_empty() || any_of.split(' ').any(|wanted| covers(granted, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(granted: &str, any_of: &str, expected: bool) {
        let granted: Vec<String> = granted.split_whitespace().map(str::to_owned).collect();
        assert_eq!(allow(&granted, any_of), expected, "{granted:?} for {any_of}");
    }

    #[test]
    fn scopes_cover_their_parts() {
        check("read", "read:statuses", true);
        check("read:statuses", "read:statuses", true);
        check("read:statuses", "read:accounts", false);
        check("read:accounts", "profile read:accounts", true);
        check("read", "write:statuses", false);
        check("readx", "read:statuses", false);
        check("write", "follow write:follows", true);
        check("follow", "read:follows", true);
        check("follow", "write:mutes", true);
        check("follow", "write:statuses", false);
        check("", "", true);
        check("", "read", false);
        check("admin:read", "admin:read:accounts", true);
        check("read", "admin:read:accounts", false);
    }

    #[test]
    fn every_scope_of_an_operation_is_known() {
        for operation in schemas::api::OPERATIONS {
            assert!(operation.scopes.split_whitespace().all(|scope| KNOWN.contains(&scope)), "{}", operation.id);
        }
    }

    #[test]
    fn lists_are_parsed() {
        assert_eq!(parse("read write read"), Some(vec!["read".to_owned(), "write".to_owned()]));
        assert_eq!(parse("read all"), None);
        assert_eq!(parse(""), Some(vec![]));
    }
}
