//! JSON against another implementation: what it reads and writes, ours does too, and the other way round.

use fwupd_iotf::wire::Out;
use fwupd_iotf::wire::json::{Array, DEPTH, Object, Value, Writer};
use proptest::prelude::*;
use serde_json::Value as Other;

/// Our reading as the other's value.
fn other(value: Value<'_>) -> Other {
    match value {
        Value::Literal("null") => Other::Null,
        Value::Literal(literal) => Other::Bool(literal == "true"),
        Value::Number(number) => serde_json::from_str(number).expect("a number"),
        Value::String(text) => Other::String(text.chars().collect()),
        Value::Array(array) => Other::Array(elements(array)),
        Value::Object(object) => Other::Object(members(object)),
    }
}

fn elements(array: Array<'_>) -> Vec<Other> {
    array.elements().map(|value| other(value.expect("well formed"))).collect()
}

fn members(object: Object<'_>) -> serde_json::Map<String, Other> {
    let member = |member: Result<_, _>| {
        let (key, value): (fwupd_iotf::wire::json::Text<'_>, _) = member.expect("well formed");
        (key.chars().collect(), other(value))
    };
    object.members().map(member).collect()
}

fn write(value: &Other, json: &mut Writer<'_, '_>) {
    match value {
        Other::Null => unreachable!("nothing here writes null"),
        Other::Bool(on) => _ = json.boolean(*on),
        Other::Number(number) => _ = json.number(number.as_u64().unwrap() as u32),
        Other::String(text) => _ = json.string(text),
        Other::Array(all) => {
            json.array();
            all.iter().for_each(|value| write(value, json));
            json.end_array();
        }
        Other::Object(all) => {
            json.object();
            for (key, value) in all {
                json.key(key);
                write(value, json);
            }
            json.end_object();
        }
    }
}

/// Any value, of scalars of this kind, and names of those characters.
fn values(scalar: BoxedStrategy<Other>, name: &'static str) -> impl Strategy<Value = Other> {
    scalar.prop_recursive(8, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Other::Array),
            prop::collection::hash_map(name, inner, 0..6).prop_map(|all| all.into_iter().collect()),
        ]
    })
}

fn read_values() -> impl Strategy<Value = Other> {
    let scalar = prop_oneof![
        Just(Other::Null),
        any::<bool>().prop_map(Other::Bool),
        any::<i64>().prop_map(Other::from),
        any::<f64>().prop_map(Other::from),
        any::<String>().prop_map(Other::String),
        "[\"\\\\/\u{0}-\u{20}\u{e9}\u{1F600}]{0,8}".prop_map(Other::String),
    ];
    values(scalar.boxed(), ".{0,6}")
}

fn written_values() -> impl Strategy<Value = Other> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Other::Bool),
        any::<u32>().prop_map(Other::from),
        any::<String>().prop_map(Other::String),
    ];
    values(scalar.boxed(), "[a-zA-Z.]{0,6}")
}

/// Text that is JSON, or nearly.
fn nearly_json() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\x\"",
        "\"\t\"",
        "\\",
        "0",
        "-0",
        "01",
        "-",
        "1.5",
        "1.",
        ".5",
        "1e3",
        "1E+2",
        "1e",
        "true",
        "false",
        "null",
        "nul",
        " ",
        "\n",
        "\u{a0}",
        "\u{feff}",
        "\"a\":1",
        "{}",
        "[]",
        "{\"a\":[1,2]}",
    ]);
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

fn agrees(text: &str) -> Result<(), TestCaseError> {
    let theirs = serde_json::from_str::<Other>(text);
    // They keep numbers as floating point, which ours does not care about.
    if theirs.as_ref().is_err_and(|why| why.to_string().starts_with("number out of range")) {
        return Ok(());
    }
    match (Value::parse(text), theirs) {
        (Ok(ours), Ok(theirs)) => prop_assert_eq!(other(ours), theirs),
        (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn what_another_implementation_writes_is_read(value in read_values(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        agrees(&text.unwrap())?;
    }

    #[test]
    fn what_is_written_another_implementation_reads(value in written_values()) {
        let mut bytes = vec![0; 1 << 20];
        let mut out = Out::new(&mut bytes);
        write(&value, &mut Writer::new(&mut out));
        let length = out.finish().unwrap();
        prop_assert_eq!(serde_json::from_slice::<Other>(&bytes[..length]).unwrap(), value);
    }

    #[test]
    fn what_is_json_and_what_is_not_is_the_same_to_both(text in nearly_json()) {
        agrees(&text)?;
    }

    #[test]
    fn a_text_with_a_byte_changed_is_the_same_to_both(value in read_values(), at: prop::sample::Index, byte in 0u8..128) {
        let mut bytes = value.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            agrees(&text)?;
        }
    }
}

#[test]
fn what_nests_deeper_than_the_bound_is_refused_and_no_stack_is_used() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let depth = DEPTH as usize;
    assert!(Value::parse(&nested(depth)).is_ok());
    assert!(Value::parse(&nested(depth + 1)).is_err());
    assert!(Value::parse(&nested(1 << 20)).is_err());
    let objects = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert!(Value::parse(&objects(depth)).is_ok());
    assert!(Value::parse(&objects(depth + 1)).is_err());
    // Side by side there may be any number.
    assert!(Value::parse(&format!("[{}[]]", "[{}],".repeat(100_000))).is_ok());
}

#[test]
fn a_number_is_unsigned_where_it_is_written_in_digits_alone() {
    for (text, number) in [
        ("0", Some(0)),
        ("4294967295", Some(u32::MAX)),
        ("4294967296", None),
        ("-0", None),
        ("1.0", None),
        ("1e0", None),
        ("\"1\"", None),
        ("null", None),
    ] {
        assert_eq!(Value::parse(text).unwrap().unsigned(), number, "{text}");
    }
}

#[test]
fn of_two_members_of_a_name_the_last_counts() {
    let text = r#"{"a":1,"b":2,"\u0061":3}"#;
    let value = Value::parse(text).unwrap().object().unwrap().member("a").unwrap().unwrap();
    assert_eq!(value.unsigned(), Some(3));
    assert_eq!(serde_json::from_str::<Other>(text).unwrap()["a"], 3);
}
