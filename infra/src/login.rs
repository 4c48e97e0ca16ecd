//! Names and passwords in URLs, where signs that mean something else are written as `%40`.

/// A name or a password as it is meant.
pub(crate) fn decoded(text: &str) -> String {
    // The parser of forms takes a plus for a space.
    let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_decoded_once() {
        for (text, expected) in [("me", "me"), ("p%40%3Ass+1", "p@:ss+1"), ("a&b=c", "a&b=c"), ("%2540", "%40"), ("", "")] {
            assert_eq!(decoded(text), expected, "{text}");
        }
    }
}
