//! What a package URL has to have: RFC 3986, sections 2 and 3, as far as it is looked at here.

/// The scheme of a URI, and whether a host follows it.
pub fn parts(url: &str) -> Option<(&str, bool)> {
    let scheme = fwupd_coap::uri::scheme(url)?;
    // No space, control character, or any of those that section 2 leaves out.
    let good = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    if !url.bytes().all(good) {
        return None;
    }
    let behind = url.get(scheme.len().saturating_add(1)..)?;
    let authority = behind.strip_prefix("//").unwrap_or_default();
    // A host begins the authority, or follows the user; the port follows the host.
    let (mut host, mut begins) = (false, true);
    for byte in authority.bytes() {
        match byte {
            b'/' | b'?' | b'#' => break,
            b'@' => (host, begins) = (false, true),
            _ if begins => (host, begins) = (byte != b':', false),
            _ => {}
        }
    }
    Some((scheme, host))
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
            ("https://user@:443/f", Some(("https", false))),
            ("https://user:password@h", Some(("https", true))),
            ("https://?a=@b", Some(("https", false))),
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
