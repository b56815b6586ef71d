//! Path names of TR-369: which objects they mean, and what of them.

use crate::spec::Code;
use crate::spec::model::{Command, Event, Object, Param};
use crate::wire::text::{is_digits, split, split_once, unsigned};

/// Which rows of a table a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows<'p> {
    /// It names none: all of them.
    Table,
    /// The one with this instance number.
    Number(u32),
    /// `*`.
    Any,
    /// Those for which the expression between the brackets holds.
    Where(&'p str),
}

/// What of the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// All.
    Object,
    Param(Param),
    Command(Command),
    Event(Event),
}

/// A path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path<'p> {
    pub(super) object: Object,
    pub(super) rows: Rows<'p>,
    pub(super) tail: Tail,
}

/// What a path may follow: which row of FirmwareImage a reference names.
pub(super) trait References {
    fn follow(&self, param: Param) -> Option<u32>;
}

impl<'p> Path<'p> {
    /// Reads a path.
    ///
    /// # Errors
    /// 7008 for what is no path, 7026 for one that names nothing of the data model.
    pub(super) fn parse(path: &'p str, references: &dyn References) -> Result<Self, Code> {
        let rest = path.strip_prefix(Object::Device.path()).ok_or(Code::InvalidPath)?;
        let mut object = Object::Device;
        let mut rows = Rows::Table;
        let mut tokens = Tokens { rest };
        while let Some((token, last)) = tokens.next()? {
            if last {
                let tail = tail(object, token).ok_or(Code::InvalidPath)?;
                return Ok(Self { object, rows, tail });
            }
            if object.is_table() && rows == Rows::Table {
                rows = row(token)?;
            } else if let Some(param) = token.strip_suffix('+').and_then(|name| object.param(name)) {
                let number = references.follow(param).ok_or(Code::InvalidPath)?;
                (object, rows) = (Object::FirmwareImage, Rows::Number(number));
            } else {
                let mut all = Object::ALL.into_iter();
                let child = all.find(|child| child.parent() == Some(object) && child.name() == token);
                object = child.ok_or(Code::InvalidPath)?;
            }
        }
        Ok(Self { object, rows, tail: Tail::Object })
    }

    /// Whether it may mean any number of objects.
    pub(super) fn is_search(&self) -> bool {
        match self.rows {
            Rows::Any | Rows::Where(_) => true,
            Rows::Table | Rows::Number(_) => false,
        }
    }
}

fn tail(object: Object, token: &str) -> Option<Tail> {
    let command = || Command::of(object, token).map(Tail::Command);
    let event = || Event::of(object, token).map(Tail::Event);
    object.param(token).map(Tail::Param).or_else(command).or_else(event)
}

fn row(token: &str) -> Result<Rows<'_>, Code> {
    if token == "*" {
        return Ok(Rows::Any);
    }
    if let Some(expression) = token.strip_prefix('[') {
        return expression.strip_suffix(']').map(Rows::Where).ok_or(Code::PathSyntax);
    }
    // A number that is too large is that of no row.
    let number = is_digits(token).then(|| Rows::Number(unsigned(token).unwrap_or(0)));
    number.ok_or(Code::InvalidPath)
}

/// The parts of a path between its dots, those in brackets and quotes aside.
struct Tokens<'p> {
    rest: &'p str,
}

impl<'p> Tokens<'p> {
    /// The next one, and whether no dot follows it.
    fn next(&mut self) -> Result<Option<(&'p str, bool)>, Code> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (mut quoted, mut bracket) = (false, false);
        for (at, byte) in self.rest.bytes().enumerate() {
            match byte {
                b'"' => quoted = !quoted,
                b'[' if !quoted && !bracket => bracket = true,
                b'[' if !quoted => return Err(Code::PathSyntax),
                b']' if !quoted => bracket = false,
                b'.' if !quoted && !bracket => {
                    let (token, rest) = self.rest.split_at_checked(at).ok_or(Code::PathSyntax)?;
                    self.rest = rest.get(1..).unwrap_or_default();
                    if token.is_empty() {
                        return Err(Code::PathSyntax);
                    }
                    return Ok(Some((token, false)));
                }
                _ => {}
            }
        }
        if quoted || bracket {
            return Err(Code::PathSyntax);
        }
        let token = self.rest;
        self.rest = "";
        Ok(Some((token, true)))
    }
}

/// One comparison of an expression: parameter, whether it is to be equal, and the constant as it is written.
pub(super) type Term<'p> = (&'p str, bool, &'p str);

/// The comparisons of an expression, all of which have to hold. 7008 for what is none: `==` and `!=` are all
/// that strings and booleans have.
pub(super) fn terms(expression: &str) -> impl Iterator<Item = Result<Term<'_>, Code>> {
    let mut rest = Some(expression);
    core::iter::from_fn(move || {
        let all = rest.take()?;
        let mut quoted = false;
        let mut end = all.len();
        for (at, byte) in all.bytes().enumerate() {
            quoted ^= byte == b'"';
            if !quoted && all.get(at..).is_some_and(|rest| rest.starts_with("&&")) {
                end = at;
                break;
            }
        }
        let (term, behind) = all.split_at_checked(end)?;
        rest = behind.strip_prefix("&&");
        Some(term_of(term).ok_or(Code::PathSyntax))
    })
}

fn term_of(term: &str) -> Option<Term<'_>> {
    let ((name, constant), equal) = match (split_once(term, "=="), split_once(term, "!=")) {
        (Some(eq), Some(ne)) if ne.0.len() < eq.0.len() => (ne, false),
        (Some(eq), _) => (eq, true),
        (None, ne) => (ne?, false),
    };
    let (name, constant) = (name.trim_ascii(), constant.trim_ascii());
    (!name.is_empty() && !constant.is_empty()).then_some((name, equal, constant))
}

/// Whether a reference of a subscription covers the path of something that changed or happened: it names it, with
/// or without wildcards, or an object above it.
pub(super) fn covers(reference: &str, path: &str) -> bool {
    let mut parts = split(path, ".");
    let (object, whole) = match reference.strip_suffix('.') {
        Some(object) => (object, false),
        None => (reference, true),
    };
    for token in split(object, ".") {
        match parts.next() {
            Some(part) if part == token => {}
            Some(part) if token == "*" && is_digits(part) => {}
            Some(_) | None => return false,
        }
    }
    parts.next().is_none() == whole
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Second;
    impl References for Second {
        fn follow(&self, param: Param) -> Option<u32> {
            (param == Param::ActiveFirmwareImage).then_some(2)
        }
    }

    #[test]
    fn a_path_names_objects_rows_and_what_of_them() {
        let path = |text| Path::parse(text, &Second).map(|path| (path.object, path.rows, path.tail));
        let image = Object::FirmwareImage;
        for (text, is) in [
            ("Device.", (Object::Device, Rows::Table, Tail::Object)),
            ("Device.Reboot()", (Object::Device, Rows::Table, Tail::Command(Command::Reboot))),
            ("Device.DeviceInfo.FirmwareImage.", (image, Rows::Table, Tail::Object)),
            ("Device.DeviceInfo.FirmwareImage.2.", (image, Rows::Number(2), Tail::Object)),
            ("Device.DeviceInfo.FirmwareImage.*.Status", (image, Rows::Any, Tail::Param(Param::Status))),
            (
                "Device.DeviceInfo.FirmwareImage.[Alias==\"a.]b\"].Name",
                (image, Rows::Where("Alias==\"a.]b\""), Tail::Param(Param::Name)),
            ),
            (
                "Device.DeviceInfo.ActiveFirmwareImage+.Version",
                (image, Rows::Number(2), Tail::Param(Param::Version)),
            ),
            ("Device.Boot!", (Object::Device, Rows::Table, Tail::Event(Event::Boot))),
        ] {
            assert_eq!(path(text), Ok(is), "{text}");
        }
        for (text, code) in [
            ("", Code::InvalidPath),
            ("Device", Code::InvalidPath),
            ("Device.Nothing.", Code::InvalidPath),
            ("Device.DeviceInfo.Nothing", Code::InvalidPath),
            ("Device.DeviceInfo.BootFirmwareImage+.Name", Code::InvalidPath),
            ("Device.DeviceInfo.FirmwareImage.x.", Code::InvalidPath),
            ("Device.DeviceInfo.FirmwareImage.1.Reboot()", Code::InvalidPath),
            ("Device..", Code::PathSyntax),
            ("Device.DeviceInfo.FirmwareImage.[Alias==\"a\".", Code::PathSyntax),
            ("Device.DeviceInfo.FirmwareImage.[[", Code::PathSyntax),
            ("Device.DeviceInfo.FirmwareImage.[a]x.", Code::PathSyntax),
        ] {
            assert_eq!(path(text), Err(code), "{text}");
        }
    }

    #[test]
    fn an_expression_has_terms() {
        let all = |text| terms(text).collect::<Result<Vec<_>, _>>();
        assert_eq!(all("Alias==\"a&&b\""), Ok(vec![("Alias", true, "\"a&&b\"")]));
        assert_eq!(all("A == \"x\" && B!=true"), Ok(vec![("A", true, "\"x\""), ("B", false, "true")]));
        for text in ["", "A", "A==", "==1", "A>1", "A==1&&", "A==1&&&&B==1"] {
            assert_eq!(all(text), Err(Code::PathSyntax), "{text}");
        }
    }

    #[test]
    fn a_reference_covers_what_it_names_and_what_is_below() {
        let path = "Device.DeviceInfo.FirmwareImage.2.Download()";
        for (reference, does) in [
            (path, true),
            ("Device.DeviceInfo.FirmwareImage.*.Download()", true),
            ("Device.DeviceInfo.FirmwareImage.", true),
            ("Device.DeviceInfo.FirmwareImage.2.", true),
            ("Device.", true),
            ("Device.DeviceInfo.FirmwareImage.1.Download()", false),
            ("Device.DeviceInfo.FirmwareImage.2", false),
            ("Device.*.FirmwareImage.2.Download()", false),
            ("Device.DeviceInfo.FirmwareImage.2.Download().", false),
            ("", false),
        ] {
            assert_eq!(covers(reference, path), does, "{reference}");
        }
    }
}
