//! W3C trace context of a request (<https://www.w3.org/TR/trace-context/>): taken from the caller, or begun here.

use http::HeaderMap;
use rand::Rng;
use schemas::log::TraceContext;

/// The trace that the request belongs to, with a span id of its own.
pub(super) fn of_request(headers: &HeaderMap) -> TraceContext {
    let span_id = rand::rng().next_u64().max(1);
    let trace_id = headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(trace_id_of);
    TraceContext { trace_id: trace_id.unwrap_or_else(fresh), span_id }
}

/// 128 random bits.
pub(super) fn fresh() -> u128 {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    u128::from_be_bytes(bytes).max(1)
}

/// The same in hexadecimal digits, lower-case.
pub(super) fn fresh_name() -> String {
    hex::encode(fresh().to_be_bytes())
}

/// The trace id of a `traceparent`, if it is well formed.
fn trace_id_of(text: &str) -> Option<u128> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str, len: usize| part.len() == len && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let whole = is_hex(version, 2) && version != "ff" && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    let ids = whole.then(|| (u128::from_str_radix(trace, 16).ok(), u64::from_str_radix(span, 16).ok()));
    match ids {
        Some((Some(trace), Some(span))) if trace != 0 && span != 0 => Some(trace),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_taken_over_if_well_formed() {
        for (text, expected) in [
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c)),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", None),
            ("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None),
            ("00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None),
            ("00-1-2-3", None),
            ("", None),
        ] {
            assert_eq!(trace_id_of(text), expected, "{text}");
        }
    }
}
