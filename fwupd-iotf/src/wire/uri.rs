//! Whether a string is a URI with a host (RFC 3986), which is all that a download can begin with.

use super::text::hex;

/// The scheme of a URI with a host; `None` for what is none. What the application's client makes of the rest is
/// its own.
pub fn scheme(uri: &str) -> Option<&str> {
    let bytes = uri.as_bytes();
    let end = bytes.iter().position(|byte| *byte == b':')?;
    let (scheme, rest) = uri.split_at_checked(end)?;
    let starts = scheme.bytes().next().is_some_and(|c| c.is_ascii_alphabetic());
    if !starts || !scheme.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.')) {
        return None;
    }
    let [b':', b'/', b'/', rest @ ..] = rest.as_bytes() else { return None };
    // The host stands behind a user, and before a port.
    let authority = rest.iter().take_while(|byte| !matches!(byte, b'/' | b'?' | b'#'));
    let host = authority.fold(None, |host, byte| if *byte == b'@' { None } else { host.or(Some(*byte)) });
    (host.is_some_and(|first| first != b':') && spelt(rest)).then_some(scheme)
}

/// Whether it has only the characters of a URI: RFC 3986 section 2.
fn spelt(text: &[u8]) -> bool {
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'%' => {
                let digits = [bytes.next(), bytes.next()];
                digits.into_iter().all(|digit| digit.and_then(hex).is_some())
            }
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
            byte => byte.is_ascii_graphic(),
        };
        if !good {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_has_a_scheme_and_a_host() {
        for (uri, expected) in [
            ("https://example.com/fw.bin", "https"),
            ("HTTP://192.0.2.1:8080/a%20b?c=d#e", "HTTP"),
            ("coap+tcp://[2001:db8::1]/fw", "coap+tcp"),
            ("ftp://user:pass@example.com", "ftp"),
        ] {
            assert_eq!(scheme(uri), Some(expected), "{uri}");
        }
    }

    #[test]
    fn what_is_no_uri_with_a_host_is_none() {
        for uri in [
            "",
            "example.com/fw",
            "https:",
            "https://",
            "https:///fw",
            "https://:80/fw",
            "https://user@/fw",
            "1http://a/",
            "://a/",
            "https://a/b c",
            "https://a/%2",
            "https://a/%zz",
            "https://a/\u{e9}",
            "https://a/\"",
            "urn:example:fw",
        ] {
            assert_eq!(scheme(uri), None, "{uri}");
        }
    }
}
