//! CBOR in diagnostic notation (RFC 8949, section 8; RFC 8610, appendix G).
//!
//! A byte string that is itself the encoding of an array, a map or a tagged item is shown as `<<...>>`, and
//! only if encoding that item again gives the same bytes. A byte string of more than 64 bytes is cut, with
//! its length in a comment.

use ciborium::Value;

use crate::hex;

/// Items in byte strings in byte strings are followed so far; deeper ones are shown as bytes. The reader
/// bounds only the nesting of one item.
const EMBEDDED: u8 = 8;
/// The longest byte string that is shown whole, bytes.
const WHOLE: usize = 64;
/// Arrays and maps up to this width stand on one line.
const WIDTH: usize = 88;

/// The item as lines of text, without an end of line behind the last.
pub fn text(item: &Value) -> String {
    lines(item, 0).join("\n")
}

fn lines(item: &Value, embedded: u8) -> Vec<String> {
    match item {
        Value::Integer(number) => vec![i128::from(*number).to_string()],
        Value::Bytes(bytes) => byte_string(bytes, embedded),
        Value::Text(text) => vec![quoted(text)],
        Value::Float(number) => vec![float(*number)],
        Value::Bool(value) => vec![value.to_string()],
        Value::Null => vec!["null".into()],
        Value::Tag(number, inner) => {
            let inner = vec![lines(inner, embedded)];
            brackets(&format!("{number}("), inner, ")")
        }
        Value::Array(items) => brackets("[", items.iter().map(|i| lines(i, embedded)).collect(), "]"),
        Value::Map(entries) => {
            let entry = |(key, value): &(Value, Value)| pair(lines(key, embedded), lines(value, embedded));
            brackets("{", entries.iter().map(entry).collect(), "}")
        }
        // The enum is open: an item that ciborium may know later has no notation here.
        _ => vec!["/ unknown item / simple(0)".into()],
    }
}

fn byte_string(bytes: &[u8], embedded: u8) -> Vec<String> {
    if embedded < EMBEDDED
        && let Some(item) = item_in(bytes)
    {
        return brackets("<<", vec![lines(&item, embedded.saturating_add(1))], ">>");
    }
    match bytes.get(..WHOLE) {
        Some(start) if bytes.len() > WHOLE => {
            let start = start.get(..16).unwrap_or(start);
            vec![format!("h'{}...' / {} bytes /", hex::text(start), bytes.len())]
        }
        Some(_) | None => vec![format!("h'{}'", hex::text(bytes))],
    }
}

/// The structure that the bytes encode, whole and in the one deterministic way.
fn item_in(bytes: &[u8]) -> Option<Value> {
    // Arrays, maps and tags; the rest is more likely a number that is not CBOR.
    let structure = bytes.first().is_some_and(|first| (4..=6).contains(&(first >> 5)));
    let item = structure.then(|| ciborium::from_reader::<Value, _>(bytes).ok()).flatten()?;
    let mut again = Vec::with_capacity(bytes.len());
    ciborium::into_writer(&item, &mut again).ok()?;
    (again == bytes).then_some(item)
}

fn quoted(text: &str) -> String {
    // JSON strings are strings of the notation.
    serde_json::Value::from(text).to_string()
}

fn float(number: f64) -> String {
    if number.is_nan() {
        "NaN".into()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else {
        format!("{number:?}")
    }
}

/// A key and its value: the value begins on the line on which the key ends.
fn pair(mut key: Vec<String>, value: Vec<String>) -> Vec<String> {
    let last = key.pop().unwrap_or_default();
    let mut value = value.into_iter();
    key.push(format!("{last}: {}", value.next().unwrap_or_default()));
    key.extend(value);
    key
}

fn brackets(open: &str, mut items: Vec<Vec<String>>, close: &str) -> Vec<String> {
    // What wraps one item shares its first and its last line.
    if let [item] = items.as_mut_slice()
        && let Some(first) = item.first_mut()
    {
        first.insert_str(0, open);
        if let Some(last) = item.last_mut() {
            last.push_str(close);
        }
        return items.concat();
    }
    let flat = items.iter().all(|item| item.len() == 1);
    let width: usize = items.iter().flatten().map(|line| line.len().saturating_add(2)).sum();
    if flat && width <= WIDTH {
        let inner = items.concat().join(", ");
        return vec![format!("{open}{inner}{close}")];
    }
    let mut out = vec![open.to_owned()];
    let count = items.len();
    for (n, item) in (1..).zip(items) {
        let end = item.len();
        for (line, text) in (1..).zip(item) {
            let comma = if line == end && n < count { "," } else { "" };
            out.push(format!("  {text}{comma}"));
        }
    }
    out.push(close.to_owned());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &str) -> String {
        text(&ciborium::from_reader(&*hex::bytes(bytes).unwrap()).unwrap())
    }

    #[test]
    fn items_are_shown_as_the_examples_of_rfc_8949_appendix_a() {
        for (bytes, shown) in [
            ("00", "0"),
            ("1bffffffffffffffff", "18446744073709551615"),
            ("3bffffffffffffffff", "-18446744073709551616"),
            ("f93c00", "1.0"),
            ("f97e00", "NaN"),
            ("f9fc00", "-Infinity"),
            ("f4", "false"),
            ("f6", "null"),
            ("c11a514b67b0", "1(1363896240)"),
            ("d74401020304", "23(h'01020304')"),
            ("40", "h''"),
            ("62225c", r#""\"\\""#),
            ("8301820203820405", "[1, [2, 3], [4, 5]]"),
            ("a26161016162820203", r#"{"a": 1, "b": [2, 3]}"#),
        ] {
            assert_eq!(of(bytes), shown, "{bytes}");
        }
    }

    #[test]
    fn an_item_in_a_byte_string_is_shown_only_if_it_is_exactly_those_bytes() {
        assert_eq!(of("4483010203"), "<<[1, 2, 3]>>");
        assert_eq!(of("458301020300"), "h'8301020300'", "a byte too many");
        assert_eq!(of("44821805f6"), "h'821805f6'", "not the shortest form");
        assert_eq!(of("4100"), "h'00'", "a number");
    }

    #[test]
    fn byte_strings_in_byte_strings_are_followed_only_so_far() {
        // Two hundred arrays in each, so that the stack is tried as well.
        let mut bytes = vec![0x80];
        for _ in 0..20 {
            let mut outer = vec![0x81; 200];
            ciborium::into_writer(&Value::Bytes(bytes), &mut outer).unwrap();
            bytes = outer;
        }
        let shown = text(&Value::Bytes(bytes));
        assert_eq!(shown.matches("<<").count(), usize::from(EMBEDDED));
    }

    #[test]
    fn a_long_byte_string_is_cut_and_its_length_told() {
        let shown = text(&Value::Bytes(vec![0xAB; 65]));
        assert_eq!(shown, format!("h'{}...' / 65 bytes /", "ab".repeat(16)));
        assert!(text(&Value::Bytes(vec![0xAB; 64])).ends_with("ab'"));
    }

    #[test]
    fn a_wide_array_is_broken_into_lines() {
        let item = Value::Array(vec![Value::Text("x".repeat(50)), Value::Text("y".repeat(50))]);
        let (x, y) = ("x".repeat(50), "y".repeat(50));
        assert_eq!(text(&item), format!("[\n  \"{x}\",\n  \"{y}\"\n]"));
    }
}
