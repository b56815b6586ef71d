//! What a package URL has to have: RFC 3986, sections 2 and 3, as far as it is looked at here.

/// The scheme of a URI, and whether a host follows it.
pub fn parts(url: &str) -> Option<(&str, bool)> {
    let (scheme, rest) = url.split_once(':')?;
    let mut letters = scheme.bytes();
    let starts = letters.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let goes_on = letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    // No space, control character, or any of those that section 2 leaves out.
    let printable = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
    if !(starts && goes_on && printable) {
        return None;
    }
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
    let host = authority.and_then(|authority| authority.rsplit('@').next());
    // What precedes the port; an address in brackets has colons of its own.
    let host = host.and_then(|host| if host.starts_with('[') { Some(host) } else { host.split(':').next() });
    Some((scheme, host.is_some_and(|host| !host.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn a_url_has_a_scheme_and_may_have_a_host() {
        for (url, expected) in [
            ("https://v/f", Some(("https", true))),
            ("coap+tcp://[::1]:5683/f?a=b", Some(("coap+tcp", true))),
            ("https://user@host:8443/f", Some(("https", true))),
            ("https://", Some(("https", false))),
            ("https://:443/f", Some(("https", false))),
            ("https:///f", Some(("https", false))),
            ("https:f", Some(("https", false))),
            ("urn:x", Some(("urn", false))),
            ("not a url", None),
            ("not a url:", None),
            ("https://a b", None),
            ("https://\u{e4}", None),
            ("/rel", None),
            ("1a://v", None),
            ("://v", None),
            ("", None),
        ] {
            assert_eq!(parts(url), expected, "{url}");
        }
    }
}
