//! URIs of CoAP resources, and how they become options. RFC 7252 sections 6.1 to 6.4, over RFC 3986.
//!
//! Nothing is allocated: a [`Uri`] borrows from its text, was checked as a whole when it was parsed, and is
//! decoded while its options are written.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::message::Writer;
use crate::spec::{COAP, COAP_PORT, COAPS, COAPS_PORT, TEXT_MAX, option};

/// A URI with an authority, as `coap://host:port/path?query`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'u> {
    /// Its scheme, as it is written: schemes compare without case, see [`is`](Self::is).
    pub scheme: &'u str,
    /// Where the resource is.
    pub host: Host<'u>,
    /// The port, if it names one.
    pub port: Option<u16>,
    path: &'u str,
    query: Option<&'u str>,
}

/// Where a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'u> {
    /// A name to be resolved, as it is written: it may have percent-encoded bytes.
    Name(&'u str),
    /// An address.
    V4(Ipv4Addr),
    /// An address.
    V6(Ipv6Addr),
}

/// What is no URI of a CoAP resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUri {
    /// It has no scheme, or no `//` and host after it.
    #[error("the URI names no host")]
    NoHost,
    /// A character that RFC 3986 does not allow there, or a `%` without two hexadecimal digits.
    #[error("the URI is not one of RFC 3986")]
    Syntax,
    /// A port that is no number up to 65535, or 0.
    #[error("the URI's port is none")]
    Port,
    /// A fragment or user information, which no CoAP URI has: RFC 7252 sections 6.1 and 6.4.
    #[error("a CoAP URI has neither fragment nor user")]
    NotCoap,
    /// A host, segment or argument that is longer than 255 bytes, or not UTF-8, once decoded: no option holds it.
    #[error("a part of the URI fits no option")]
    NoOption,
}

/// The scheme of a URI, even of one without an authority (`urn:..`).
pub fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    let mut bytes = scheme.bytes();
    let starts = bytes.next()?.is_ascii_alphabetic();
    let goes_on = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    (starts && goes_on).then_some(scheme)
}

impl<'u> Uri<'u> {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`BadUri`], by its variants.
    pub fn parse(uri: &'u str) -> Result<Self, BadUri> {
        let scheme = scheme(uri).ok_or(BadUri::NoHost)?;
        let rest = uri.get(scheme.len().saturating_add(1)..).and_then(|rest| rest.strip_prefix("//"));
        let rest = rest.ok_or(BadUri::NoHost)?;
        let (rest, fragment) = cut(rest, '#');
        let (rest, query) = cut(rest, '?');
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let (host, port) = host_and_port(place)?;
        for (text, also) in [
            (user.unwrap_or_default(), ":"),
            (path, ":@/"),
            (query.unwrap_or_default(), ":@/?"),
            (fragment.unwrap_or_default(), ":@/?"),
        ] {
            check(text, also.as_bytes())?;
        }
        let uri = Self { scheme, host, port, path, query };
        if (uri.is(COAP) || uri.is(COAPS)) && (user.is_some() || fragment.is_some()) {
            return Err(BadUri::NotCoap);
        }
        uri.segments().chain(uri.arguments()).try_for_each(Part::check)?;
        Ok(uri)
    }

    /// Whether its scheme is this one, which is given in small letters.
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The port that is meant: the one that is named, or that of the scheme.
    pub fn port(&self) -> u16 {
        let secure = self.is(COAPS);
        self.port.unwrap_or(if secure { COAPS_PORT } else { COAP_PORT })
    }

    /// The segments of its path, with `.` and `..` resolved. RFC 7252 section 6.4, steps 2 and 8.
    pub fn segments(&self) -> Segments<'u> {
        let rest = self.path.strip_prefix('/').filter(|rest| !rest.is_empty());
        Segments { rest, some: false }
    }

    /// The arguments of its query. RFC 7252 section 6.4, step 9.
    pub fn arguments(&self) -> impl Iterator<Item = Part<'u>> + Clone + use<'u> {
        self.query.into_iter().flat_map(|query| query.split('&')).map(Part)
    }

    /// Writes Uri-Host where the host is a name, in small letters. Uri-Port is not written: the request goes to
    /// the port that the URI means. RFC 7252 section 6.4, steps 5 to 7.
    pub fn write_host(&self, to: &mut Writer<'_>) {
        if let Host::Name(name) = self.host {
            let name = Part(name);
            let mut small = name.bytes().map(|byte| byte.to_ascii_lowercase());
            to.option_of(option::URI_HOST, name.bytes().count(), &mut small);
        }
    }

    /// Writes a Uri-Path for each segment.
    pub fn write_path(&self, to: &mut Writer<'_>) {
        for part in self.segments() {
            part.write(option::URI_PATH, to);
        }
    }

    /// Writes a Uri-Query for each argument.
    pub fn write_query(&self, to: &mut Writer<'_>) {
        for part in self.arguments() {
            part.write(option::URI_QUERY, to);
        }
    }
}

/// A segment of a path, or an argument of a query, as it is written in the URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'u>(pub &'u str);

impl<'u> Part<'u> {
    /// Its bytes, percent-decoded.
    pub fn bytes(self) -> impl Iterator<Item = u8> + Clone + use<'u> {
        let mut rest = self.0.as_bytes();
        core::iter::from_fn(move || {
            let (byte, then) = decoded(rest)?;
            rest = then;
            Some(byte)
        })
    }

    fn write(self, number: u16, to: &mut Writer<'_>) {
        to.option_of(number, self.bytes().count(), &mut self.bytes());
    }

    /// Whether an option can hold it.
    fn check(self) -> Result<(), BadUri> {
        let (mut bytes, mut length) = (self.bytes(), 0usize);
        while let Some(first) = bytes.next() {
            // One character after the other, for there is no room for them all.
            let more = usize::from(first >= 0xC0) + usize::from(first >= 0xE0) + usize::from(first >= 0xF0);
            let mut one = [first, 0, 0, 0];
            for byte in one.iter_mut().skip(1).take(more) {
                *byte = bytes.next().ok_or(BadUri::NoOption)?;
            }
            length = length.saturating_add(more).saturating_add(1);
            let one = one.get(..=more).unwrap_or_default();
            core::str::from_utf8(one).map_err(|_| BadUri::NoOption)?;
        }
        if length > TEXT_MAX { Err(BadUri::NoOption) } else { Ok(()) }
    }
}

/// The segments of a path, see [`Uri::segments`].
#[derive(Clone, Debug)]
pub struct Segments<'u> {
    rest: Option<&'u str>,
    some: bool,
}

impl<'u> Iterator for Segments<'u> {
    type Item = Part<'u>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (segment, then) = cut(self.rest?, '/');
            self.rest = then;
            match dots(segment) {
                0 if !taken_back(then) => {
                    self.some = true;
                    return Some(Part(segment));
                }
                // "/a/b/.." is "/a/", and so ends with an empty segment; "/a/.." is the root, which has none.
                1 | 2 if then.is_none() && self.some => return Some(Part("")),
                _ => {}
            }
        }
    }
}

/// Whether a later `..` takes back the segment before these.
fn taken_back(mut rest: Option<&str>) -> bool {
    let mut depth = 1u32;
    while let Some(text) = rest {
        let (segment, then) = cut(text, '/');
        rest = then;
        match dots(segment) {
            0 => depth = depth.saturating_add(1),
            1 => {}
            _ => depth = depth.saturating_sub(1),
        }
        if depth == 0 {
            return true;
        }
    }
    false
}

/// 1 for `.`, 2 for `..`, 0 for all else. A percent-encoded dot is one: no Uri-Path may be either of them, RFC
/// 7252 section 5.10.1.
fn dots(segment: &str) -> usize {
    let mut bytes = Part(segment).bytes();
    match (bytes.next(), bytes.next(), bytes.next()) {
        (Some(b'.'), None, None) => 1,
        (Some(b'.'), Some(b'.'), None) => 2,
        _ => 0,
    }
}

/// The next byte of a percent-encoded text, and what follows it.
fn decoded(text: &[u8]) -> Option<(u8, &[u8])> {
    if let [b'%', high, low, rest @ ..] = text
        && let (Some(high), Some(low)) = (hex(*high), hex(*low))
    {
        return Some((high << 4 | low, rest));
    }
    text.split_first().map(|(byte, rest)| (*byte, rest))
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|digit| digit as u8)
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn host_and_port(place: &str) -> Result<(Host<'_>, Option<u16>), BadUri> {
    let (host, port) = if let Some(literal) = place.strip_prefix('[') {
        let (address, after) = literal.split_once(']').ok_or(BadUri::Syntax)?;
        let address = address.parse().map_err(|_| BadUri::Syntax)?;
        let port = match after.strip_prefix(':') {
            None if !after.is_empty() => return Err(BadUri::Syntax),
            port => port,
        };
        (Host::V6(address), port)
    } else {
        let (name, port) = cut(place, ':');
        check(name, b"")?;
        Part(name).check()?;
        (name.parse().map_or(Host::Name(name), Host::V4), port)
    };
    if host == Host::Name("") {
        return Err(BadUri::NoHost);
    }
    let port = match port {
        None | Some("") => None,
        // "+5683" is a number for `parse`, and not for RFC 3986.
        Some(port) if !port.bytes().all(|byte| byte.is_ascii_digit()) => return Err(BadUri::Port),
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0).ok_or(BadUri::Port)?),
    };
    Ok((host, port))
}

/// Whether all is unreserved, percent-encoded, a delimiter of parts, or one of `also`. RFC 3986 section 2.
fn check(text: &str, also: &[u8]) -> Result<(), BadUri> {
    let mut rest = text.as_bytes();
    while let Some((byte, then)) = decoded(rest) {
        let first = rest.first().copied().unwrap_or_default();
        let encoded = first == b'%' && rest.len().saturating_sub(then.len()) == 3;
        let plain =
            byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) || also.contains(&byte);
        if !(encoded || plain) {
            return Err(BadUri::Syntax);
        }
        rest = then;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Kind, Message, Token};
    use crate::spec::Code;

    /// The options that a URI becomes, as (number, value).
    fn options(uri: &str) -> Vec<(u16, String)> {
        let uri = Uri::parse(uri).unwrap();
        let mut out = [0; 600];
        let mut writer = Writer::new(&mut out, Kind::Confirmable, Code::GET, 0, Token::EMPTY);
        uri.write_host(&mut writer);
        uri.write_path(&mut writer);
        uri.write_query(&mut writer);
        let length = writer.finish().unwrap();
        let message = Message::parse(&out[..length]).unwrap();
        message.options().map(|(n, value)| (n, String::from_utf8(value.to_vec()).unwrap())).collect()
    }

    fn owned(options: &[(u16, &str)]) -> Vec<(u16, String)> {
        options.iter().map(|(n, value)| (*n, (*value).to_owned())).collect()
    }

    #[test]
    fn the_three_equivalent_uris_of_rfc_7252_section_6_3_become_the_same_options() {
        let want = owned(&[(3, "example.com"), (11, "~sensors"), (11, "temp.xml")]);
        for uri in [
            "coap://example.com:5683/~sensors/temp.xml",
            "coap://EXAMPLE.com/%7Esensors/temp.xml",
            "coap://EXAMPLE.com:/%7esensors/temp.xml",
        ] {
            assert_eq!(options(uri), want, "{uri}");
            assert_eq!(Uri::parse(uri).unwrap().port(), 5683);
        }
    }

    #[test]
    fn the_examples_of_rfc_7252_appendix_b_become_their_options() {
        assert_eq!(options("coap://example.net/"), owned(&[(3, "example.net")]));
        assert_eq!(
            options("coap://example.net/.well-known/core"),
            owned(&[(3, "example.net"), (11, ".well-known"), (11, "core")])
        );
        let uri = "coap://xn--18j4d.example/%E3%81%93%E3%82%93%E3%81%AB%E3%81%A1%E3%81%AF";
        assert_eq!(options(uri), owned(&[(3, "xn--18j4d.example"), (11, "こんにちは")]));
        let uri = "coap://198.51.100.1:61616//%2F//?%2F%2F&?%26";
        assert_eq!(options(uri), owned(&[(11, ""), (11, "/"), (11, ""), (11, ""), (15, "//"), (15, "?&")]));
        let uri = Uri::parse(uri).unwrap();
        assert_eq!((uri.host, uri.port()), (Host::V4(Ipv4Addr::new(198, 51, 100, 1)), 61_616));
    }

    #[test]
    fn an_address_is_read_and_a_secure_scheme_has_its_own_port() {
        let uri = Uri::parse("CoAPs://[2001:db8::2:1]/x").unwrap();
        assert_eq!(uri.host, Host::V6("2001:db8::2:1".parse().unwrap()));
        assert_eq!((uri.port(), uri.port, uri.is("coaps"), uri.is("coap")), (5684, None, true, false));
        assert_eq!(Uri::parse("coap://[::1]:77").unwrap().port(), 77);
        assert_eq!(Uri::parse("coap://1.2.3.4.5").unwrap().host, Host::Name("1.2.3.4.5"), "a name");
    }

    #[test]
    fn dots_are_resolved_as_rfc_3986_says() {
        let segments = |path: &str| -> Vec<String> {
            options(&format!("coap://[::1]{path}")).into_iter().map(|(_, value)| value).collect()
        };
        // RFC 3986 section 5.2.4.
        assert_eq!(segments("/a/b/c/./../../g"), ["a", "g"]);
        assert_eq!(segments("/mid/content=5/../6"), ["mid", "6"]);
        // Section 5.4, against the base /b/c/d;p.
        assert_eq!(segments("/b/c/."), ["b", "c", ""]);
        assert_eq!(segments("/b/c/.."), ["b", ""]);
        assert_eq!(segments("/b/c/../.."), [""; 0]);
        assert_eq!(segments("/b/c/../../../../g"), ["g"]);
        assert_eq!(segments("/b/c/g."), ["b", "c", "g."]);
        assert_eq!(segments("/b/c/..g"), ["b", "c", "..g"]);
        assert_eq!(segments("/b/c/g;x=1/../y"), ["b", "c", "y"]);
        assert_eq!(segments("/a/%2E%2e/b"), ["b"]);
        assert_eq!(segments("/a/%252e%252e/b"), ["a", "%2e%2e", "b"], "decoded once");
        assert_eq!(segments(""), [""; 0]);
        assert_eq!(segments("?"), [""], "an argument that is empty");
    }

    #[test]
    fn what_is_none_is_refused_by_its_reason() {
        let long = format!("coap://h/{}", "a".repeat(256));
        let encoded = format!("coap://h/{}", "%61".repeat(256));
        for (uri, why) in [
            ("", BadUri::NoHost),
            ("no-scheme/path", BadUri::NoHost),
            ("1coap://h", BadUri::NoHost),
            ("coap:/h", BadUri::NoHost),
            ("coap://", BadUri::NoHost),
            ("coap:///path", BadUri::NoHost),
            ("coap://:5683/path", BadUri::NoHost),
            ("coap://h h/", BadUri::Syntax),
            ("coap://h/a b", BadUri::Syntax),
            ("coap://h/%4", BadUri::Syntax),
            ("coap://h/%zz", BadUri::Syntax),
            ("coap://h/%", BadUri::Syntax),
            ("coap://h/ü", BadUri::Syntax),
            ("coap://h/a|b", BadUri::Syntax),
            ("coap://h/\0", BadUri::Syntax),
            ("coap://h/?[", BadUri::Syntax),
            ("coap://[::1", BadUri::Syntax),
            ("coap://[::1]x", BadUri::Syntax),
            ("coap://[v1.a]/", BadUri::Syntax),
            ("coap://h:1:2/", BadUri::Port),
            ("coap://h:65536/", BadUri::Port),
            ("coap://h:0/", BadUri::Port),
            ("coap://h:+1/", BadUri::Port),
            ("coap://h:x/", BadUri::Port),
            ("coap://h/#", BadUri::NotCoap),
            ("coap://u:p@h/", BadUri::NotCoap),
            ("coap://h/%FF", BadUri::NoOption),
            ("coap://h/%E3%81", BadUri::NoOption),
            ("coap://h/?%C0%80", BadUri::NoOption),
            (&long, BadUri::NoOption),
            (&encoded, BadUri::NoOption),
        ] {
            assert_eq!(Uri::parse(uri), Err(why), "{uri}");
        }
        assert!(Uri::parse(&long[..long.len() - 1]).is_ok(), "255 bytes");
        assert!(Uri::parse(&encoded[..encoded.len() - 3]).is_ok(), "255 bytes when decoded");
        let http = Uri::parse("http://u:p@h/path?query#fragment").unwrap();
        assert_eq!((http.host, http.is("http")), (Host::Name("h"), true), "other schemes may have both");
        assert_eq!(scheme("urn:oma:x"), Some("urn"), "a scheme can be told without an authority");
    }
}
