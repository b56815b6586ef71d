//! Links (RFC 6690): the payload of a registration, and the answer to a Discover.

use super::Out;

/// Writes links, one behind the other.
#[derive(Debug)]
pub struct Links<'o, 'b> {
    out: &'o mut Out<'b>,
    first: bool,
}

impl<'o, 'b> Links<'o, 'b> {
    /// Writes to `out`.
    pub fn new(out: &'o mut Out<'b>) -> Self {
        Self { out, first: true }
    }

    /// Begins a link to a path of numbers: none is the root.
    pub fn path(&mut self, path: &[u16]) -> &mut Self {
        self.out.put(if self.first { b"<" } else { b",<" });
        self.first = false;
        if path.is_empty() {
            self.out.put(b"/");
        }
        for id in path {
            self.out.put(b"/");
            self.out.decimal(u32::from(*id));
        }
        self.out.put(b">");
        self
    }

    /// An attribute of the link that was begun last, its value as it is, quotes included.
    pub fn attribute(&mut self, name: &str, value: &str) -> &mut Self {
        for part in [";", name, "=", value] {
            self.out.put(part.as_bytes());
        }
        self
    }

    /// An attribute that is a number.
    pub fn number(&mut self, name: &str, value: u32) -> &mut Self {
        self.attribute(name, "");
        self.out.decimal(value);
        self
    }
}

/// One link: its target, and its attributes as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'t> {
    /// What stands between the angle brackets.
    pub target: &'t str,
    attributes: &'t str,
}

impl<'t> Link<'t> {
    /// The value of an attribute, without its quotes; empty where it has none. `None` if it is not there.
    pub fn attribute(&self, name: &str) -> Option<&'t str> {
        let mut rest = self.attributes;
        while let Some((attribute, after)) = until(rest, b';') {
            rest = after;
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            if key.trim() == name {
                let value = value.trim();
                let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                return Some(unquoted.unwrap_or(value));
            }
        }
        None
    }
}

/// The links of a document. An element that is no link ends them with an error.
#[derive(Clone, Copy, Debug)]
pub struct Parsed<'t>(&'t str);

/// What stands there is no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoLink;

/// Reads the links of a document.
pub fn parse(text: &str) -> Parsed<'_> {
    Parsed(text)
}

impl<'t> Iterator for Parsed<'t> {
    type Item = Result<Link<'t>, NoLink>;

    fn next(&mut self) -> Option<Self::Item> {
        let (element, rest) = until(self.0, b',')?;
        self.0 = rest;
        let inner = element.trim().strip_prefix('<').and_then(|element| element.split_once('>'));
        let link = inner.and_then(|(target, attributes)| {
            let attributes = attributes.trim();
            let good = attributes.is_empty() || attributes.starts_with(';');
            good.then_some(Link { target, attributes: attributes.strip_prefix(';').unwrap_or_default() })
        });
        if link.is_none() {
            self.0 = "";
        }
        Some(link.ok_or(NoLink))
    }
}

/// The text up to a separator that stands neither in quotes nor in a target, and what comes behind it. `None`
/// when there is no text.
fn until(text: &str, separator: u8) -> Option<(&str, &str)> {
    if text.is_empty() {
        return None;
    }
    let (mut quoted, mut escaped, mut target) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if !target => quoted = !quoted,
            b'<' if !quoted => target = true,
            b'>' if !quoted => target = false,
            _ if byte == separator && !quoted && !target => {
                return Some((text.get(..at)?, text.get(at.saturating_add(1)..)?));
            }
            _ => {}
        }
    }
    Some((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6690, section 5, second and third example.
    #[test]
    fn the_examples_of_rfc_6690_are_read() {
        let text = "</sensors>;ct=40;title=\"Sensor Index\",</sensors/temp>;rt=\"temperature-c\";if=\"sensor\",\
            </sensors/light>;rt=\"light-lux\";if=\"sensor\",\
            <http://www.example.com/sensors/t123>;anchor=\"/sensors/temp\";rel=\"describedby\",\
            </t>;anchor=\"/sensors/temp\";rel=\"alternate\"";
        let links: Vec<_> = parse(text).map(Result::unwrap).collect();
        assert_eq!(links.len(), 5);
        assert_eq!(
            (links[0].target, links[0].attribute("ct"), links[0].attribute("title")),
            ("/sensors", Some("40"), Some("Sensor Index"))
        );
        assert_eq!(links[3].target, "http://www.example.com/sensors/t123");
        assert_eq!(links[3].attribute("rel"), Some("describedby"));
        assert_eq!(links[4].attribute("rt"), None);
    }

    #[test]
    fn a_separator_in_quotes_or_in_a_target_separates_nothing() {
        let text = r#"</a,b;c>;title="x, \"y\"; z";sz=1,</d>"#;
        let links: Vec<_> = parse(text).map(Result::unwrap).collect();
        assert_eq!(links.len(), 2);
        assert_eq!(links[0].target, "/a,b;c");
        assert_eq!(links[0].attribute("title"), Some(r#"x, \"y\"; z"#));
        assert_eq!(links[0].attribute("sz"), Some("1"));
        assert_eq!(links[1].target, "/d");
    }

    #[test]
    fn what_is_no_link_ends_the_document() {
        for text in ["5/0", "</5", "</5>ver=1.1", "</1>,,</2>"] {
            assert!(parse(text).any(|link| link == Err(NoLink)), "{text}");
        }
        assert_eq!(parse("").count(), 0);
    }
}
