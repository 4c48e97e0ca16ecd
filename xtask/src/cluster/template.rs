//! Configuration files of the local servers: kept as files in infra/deploy/local, with `@NAME@` where a value goes.

use anyhow::{Result, bail};

/// Puts values in their places.
///
/// # Errors
/// Fails where a place has no value or a value no place: the file and this program have drifted apart.
pub(super) fn fill(template: &str, values: &[(&str, String)]) -> Result<String> {
    let is_name = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let mut places = template.split('@').skip(1).filter(|word| is_name(word));
    if let Some(place) = places.find(|place| !values.iter().any(|(name, _)| name == place)) {
        bail!("the template's @{place}@ got no value");
    }
    let mut text = template.to_owned();
    for (name, value) in values {
        let place = format!("@{name}@");
        if !text.contains(&place) {
            bail!("the template has no {place}");
        }
        text = text.replace(&place, value);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_gets_its_value() {
        let check = |template: &str, values: &[(&str, &str)], expected: Result<&str, &str>| {
            let values: Vec<(&str, String)> = values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            match (fill(template, &values), expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (filled, _) => panic!("{template}: {filled:?}"),
            }
        };
        check("a=@A@,@A@\nb=@B@\n", &[("A", "1"), ("B", "2")], Ok("a=1,1\nb=2\n"));
        check("# between @ and @\na=@A@", &[("A", "1@x,2@y")], Ok("# between @ and @\na=1@x,2@y"));
        check("a=@A@", &[], Err("@A@ got no value"));
        check("a=1", &[("A", "1")], Err("has no @A@"));
    }
}
