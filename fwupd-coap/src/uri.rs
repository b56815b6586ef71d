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
    let (scheme, _) = cut(uri, b':');
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let starts = scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    (scheme.len() < uri.len() && starts && scheme.bytes().all(good)).then_some(scheme)
}

impl<'u> Uri<'u> {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`BadUri`], by its variants.
    pub fn parse(uri: &'u str) -> Result<Self, BadUri> {
        let scheme = scheme(uri).ok_or(BadUri::NoHost)?;
        let rest = uri.get(scheme.len()..).and_then(|rest| rest.strip_prefix("://"));
        let (rest, fragment) = cut(rest.ok_or(BadUri::NoHost)?, b'#');
        let (rest, query) = cut(rest, b'?');
        let (authority, _) = cut(rest, b'/');
        let path = rest.get(authority.len()..).unwrap_or_default();
        let (user, place) = match cut(authority, b'@') {
            (user, Some(place)) => (Some(user), place),
            (place, None) => (None, place),
        };
        let (host, port) = host_and_port(place)?;
        for (text, also) in [(user, ":"), (Some(path), ":@/"), (query, ":@/?"), (fragment, ":@/?")] {
            check(text.unwrap_or_default(), also.as_bytes())?;
        }
        let uri = Self { scheme, host, port, path, query };
        if (uri.is(COAP) || uri.is(COAPS)) && (user.is_some() || fragment.is_some()) {
            return Err(BadUri::NotCoap);
        }
        uri.segments().try_for_each(Part::check)?;
        uri.arguments().try_for_each(Part::check)?;
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
        let mut rest = self.query;
        core::iter::from_fn(move || {
            let (argument, then) = cut(rest?, b'&');
            rest = then;
            Some(Part(argument))
        })
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
            let (segment, then) = cut(self.rest?, b'/');
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
        let (segment, then) = cut(text, b'/');
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

/// What is before a character of ASCII, and what is after it if it is there.
fn cut(text: &str, at: u8) -> (&str, Option<&str>) {
    let found = text.bytes().position(|byte| byte == at);
    let before = found.and_then(|at| text.get(..at)).unwrap_or(text);
    (before, found.and_then(|at| text.get(at.saturating_add(1)..)))
}

fn host_and_port(place: &str) -> Result<(Host<'_>, Option<u16>), BadUri> {
    let (host, port) = match place.strip_prefix('[') {
        Some(literal) => {
            let (address, after) = cut(literal, b']');
            let (none, port) = cut(after.ok_or(BadUri::Syntax)?, b':');
            let address = v6(address).filter(|_| none.is_empty()).ok_or(BadUri::Syntax)?;
            (Host::V6(address), port)
        }
        None => {
            let (name, port) = cut(place, b':');
            check(name, b"")?;
            Part(name).check()?;
            (v4(name).map_or(Host::Name(name), |address| Host::V4(address.into())), port)
        }
    };
    if host == Host::Name("") {
        return Err(BadUri::NoHost);
    }
    let port = match port {
        None | Some("") => None,
        Some(port) => {
            let port = number(port, 10).and_then(|port| u16::try_from(port).ok());
            Some(port.filter(|port| *port != 0).ok_or(BadUri::Port)?)
        }
    };
    Ok((host, port))
}

/// A number of at most eight digits and nothing else.
fn number(digits: &str, base: u32) -> Option<u32> {
    let fold = |value: u32, digit: u8| {
        let digit = (digit as char).to_digit(base)?;
        Some(value.wrapping_mul(base).wrapping_add(digit))
    };
    (!digits.is_empty() && digits.len() <= 8).then(|| digits.bytes().try_fold(0, fold)).flatten()
}

/// `IPv4address` of RFC 3986 section 3.2.2: four numbers without leading zeros. The parser of `core::net` takes
/// the same, and three times the room.
fn v4(text: &str) -> Option<[u8; 4]> {
    let (mut rest, mut address) = (Some(text), [0; 4]);
    for byte in &mut address {
        let (word, then) = cut(rest?, b'.');
        let zeros = word.len() > 1 && word.starts_with('0');
        *byte = number(word, 10).filter(|_| !zeros)?.try_into().ok()?;
        rest = then;
    }
    rest.is_none().then_some(address)
}

/// `IPv6address` of RFC 3986 section 3.2.2.
fn v6(text: &str) -> Option<Ipv6Addr> {
    let (mut words, mut count) = ([0u16; 8], 0usize);
    let mut gap = None;
    let mut rest = Some(text);
    if let Some(after) = text.strip_prefix("::") {
        gap = Some(0);
        rest = Some(after).filter(|after| !after.is_empty());
    }
    while let Some(text) = rest {
        let (word, then) = cut(text, b':');
        rest = then;
        if let Some([a, b, c, d]) = v4(word) {
            *words.get_mut(count)? = u16::from_be_bytes([a, b]);
            *words.get_mut(count.saturating_add(1))? = u16::from_be_bytes([c, d]);
            count = count.saturating_add(2);
            if rest.is_some() {
                return None;
            }
        } else {
            *words.get_mut(count)? = number(word, 16).filter(|_| word.len() <= 4)? as u16;
            count = count.saturating_add(1);
        }
        if let Some(after) = rest.and_then(|rest| rest.strip_prefix(':')) {
            if gap.replace(count).is_some() {
                return None;
            }
            rest = Some(after).filter(|after| !after.is_empty());
        }
    }
    let gap = match gap {
        None if count == 8 => 8,
        Some(gap) if count < 8 => gap,
        None | Some(_) => return None,
    };
    // The words behind the gap go to the end, the last one first.
    let mut to = 8usize;
    while count > gap {
        count = count.saturating_sub(1);
        to = to.saturating_sub(1);
        let word = core::mem::take(words.get_mut(count)?);
        *words.get_mut(to)? = word;
    }
    Some(words.into())
}

/// Whether all is unreserved, percent-encoded, a delimiter of parts, or one of `also`. RFC 3986 section 2.
fn check(text: &str, also: &[u8]) -> Result<(), BadUri> {
    let mut rest = text.as_bytes();
    while let Some((byte, then)) = decoded(rest) {
        let first = rest.first().copied().unwrap_or_default();
        let encoded = first == b'%' && rest.len().saturating_sub(then.len()) == 3;
        let plain =
            byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".iter().chain(also).any(|good| *good == byte);
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
    fn addresses_are_those_that_the_standard_library_reads() {
        let mut state = 7u64;
        let mut random = |end: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % end
        };
        let words =
            ["0", "1", "ffff", "0001", "12345", "g", "", ":", "::", "1.2.3.4", "01.2.3.4", "1.2.3", ".5"];
        let (mut six, mut four) = (0, 0);
        for _ in 0..200_000 {
            let mut text = String::new();
            for _ in 0..random(10) {
                text += words[random(words.len() as u64) as usize];
                if random(3) > 0 {
                    text += if random(8) > 0 { ":" } else { "." };
                }
            }
            six += usize::from(v6(&text).is_some());
            four += usize::from(v4(&text).is_some());
            assert_eq!(v6(&text), text.parse().ok(), "{text}");
            assert_eq!(v4(&text).map(Ipv4Addr::from), text.parse().ok(), "{text}");
        }
        assert!(six > 1_000 && four > 500, "{six} and {four} were addresses");
        for a in 0..=300 {
            let text = format!("{a}.0.00.{a}");
            assert_eq!(v4(&text), None);
            let text = text.replace("00", "0");
            assert_eq!(v4(&text).map(Ipv4Addr::from), text.parse().ok());
        }
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
