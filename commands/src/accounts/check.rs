//! What a sign-up must look like, in Mastodon's words: its clients show them beside the fields.

use schemas::handles::{self, BadHandle};

use super::NewAccount;

/// Characters of a password at the least.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Characters of a password at the most: hashing is costly by design, so its input is bounded.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// Bytes of an address at the most (RFC 5321, 4.5.3.1.3).
const EMAIL_BYTES_MAX: usize = 254;

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldProblem {
    /// The parameter.
    pub field: &'static str,
    /// Mastodon's name of the problem.
    pub code: &'static str,
    /// What is wrong, to be read after the field's name.
    pub description: &'static str,
}

impl FieldProblem {
    pub(super) const fn taken(field: &'static str) -> Self {
        Self { field, code: "ERR_TAKEN", description: "has already been taken" }
    }

    pub(super) fn is_taken(&self) -> bool {
        self.code == "ERR_TAKEN"
    }
}

/// The problems of a sign-up that can be seen without asking anybody.
pub(super) fn check(new: &NewAccount) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if let Err(bad) = handles::check(&new.username) {
        let (code, description) = match bad {
            BadHandle::Blank => ("ERR_BLANK", "can't be blank"),
            BadHandle::TooLong => ("ERR_TOO_LONG", "is too long (maximum is 30 characters)"),
            BadHandle::Characters => ("ERR_INVALID", "must contain only letters, numbers and underscores"),
            BadHandle::Reserved => ("ERR_RESERVED", "is reserved"),
        };
        problems.push(FieldProblem { field: "username", code, description });
    }
    if let Some(email) = &new.email {
        problems.extend(email_problem(email.trim()));
    }
    if let Some(password) = &new.password {
        let chars = password.chars().count();
        let found = match chars {
            0 => Some(("ERR_BLANK", "can't be blank")),
            _ if chars < PASSWORD_CHARS_MIN => Some(("ERR_TOO_SHORT", "is too short (minimum is 8 characters)")),
            _ if chars > PASSWORD_CHARS_MAX => Some(("ERR_TOO_LONG", "is too long (maximum is 128 characters)")),
            _ => None,
        };
        problems.extend(found.map(|(code, description)| FieldProblem { field: "password", code, description }));
    }
    problems
}

/// An address is something, an at sign, and a host: more only its owner's mail server knows.
pub(super) fn email_problem(email: &str) -> Option<FieldProblem> {
    let problem = |code, description| Some(FieldProblem { field: "email", code, description });
    if email.is_empty() {
        return problem("ERR_BLANK", "can't be blank");
    }
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';' | '"' | '(' | ')');
    let good = email.len() <= EMAIL_BYTES_MAX
        && email.chars().all(plain)
        && email.rsplit_once('@').is_some_and(|(local, host)| !local.is_empty() && !local.contains('@') && is_host(host));
    if good { None } else { problem("ERR_INVALID", "is invalid") }
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && host.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
}

/// `Username has already been taken, Email is invalid`.
pub(super) fn sentence(problems: &[FieldProblem]) -> String {
    let say = |problem: &FieldProblem| {
        let (first, rest) = problem.field.split_at(1);
        format!("{}{rest} {}", first.to_uppercase(), problem.description)
    };
    problems.iter().map(say).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_checked() {
        let long = "x".repeat(31);
        let much = "p".repeat(129);
        for (username, email, password, expected) in [
            ("ana", "ana@roost.example", "correct horse", &[][..]),
            ("", "", "", &["ERR_BLANK", "ERR_BLANK", "ERR_BLANK"]),
            (&long, "nonsense", "short", &["ERR_TOO_LONG", "ERR_INVALID", "ERR_TOO_SHORT"]),
            ("a b", "a@b@c.d", &much, &["ERR_INVALID", "ERR_INVALID", "ERR_TOO_LONG"]),
            ("admin", "a @b.c", "1234567é", &["ERR_RESERVED", "ERR_INVALID"]),
            ("ana", "a@.b", "12345678", &["ERR_INVALID"]),
            ("ana", "a@localhost", "12345678", &[]),
        ] {
            let new = NewAccount {
                username: username.to_owned(),
                email: Some(email.to_owned()),
                password: Some(password.to_owned()),
                ..NewAccount::default()
            };
            assert_eq!(check(&new).iter().map(|problem| problem.code).collect::<Vec<_>>(), expected, "{username} {email} {password}");
        }
    }

    #[test]
    fn problems_read_as_a_sentence() {
        let problems = [FieldProblem::taken("username"), FieldProblem::taken("email")];
        assert_eq!(sentence(&problems), "Username has already been taken, Email has already been taken");
    }
}
