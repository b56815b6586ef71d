//! Messages of device management, both ways: a member `d`, a member `reqId`, and of answers a member `rc`.

use super::json::{Array, Bad, Elements, Object, Text, Value, Writer};
use super::{Full, Out};
use crate::spec::{REQ_ID_MAX, member};

/// A message that came, as far as it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'t> {
    /// The identifier of the request.
    pub req_id: ReqId<'t>,
    /// The message.
    ///
    /// # Errors
    /// It is no object of JSON. What came before the fault has been looked through for the identifier.
    pub body: Result<Object<'t>, Bad>,
}

/// The identifier of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReqId<'t> {
    /// There is none: no answer is wanted.
    Absent,
    /// It is no string, or too long to be repeated.
    Unreadable,
    /// As it was written.
    Text(Text<'t>),
}

impl<'t> Envelope<'t> {
    /// Reads a payload.
    pub fn parse(payload: &'t [u8]) -> Self {
        let mut req_id = ReqId::Absent;
        let body = Self::read(payload, &mut req_id);
        Self { req_id, body }
    }

    fn read(payload: &'t [u8], req_id: &mut ReqId<'t>) -> Result<Object<'t>, Bad> {
        let (text, whole) = match core::str::from_utf8(payload) {
            Ok(text) => (text, true),
            Err(bad) => {
                let good = payload.get(..bad.valid_up_to()).unwrap_or_default();
                (core::str::from_utf8(good).unwrap_or_default(), false)
            }
        };
        let object = Object::begin(text).ok_or(Bad)?;
        for member in object.members() {
            let (key, value) = member?;
            if key.is(member::REQ_ID) {
                let text = value.string().filter(|text| text.raw().len() <= REQ_ID_MAX);
                *req_id = text.map_or(ReqId::Unreadable, ReqId::Text);
            }
        }
        // Behind the object there may still be something.
        let object = Value::parse(text)?.object().ok_or(Bad)?;
        if whole { Ok(object) } else { Err(Bad) }
    }

    /// The object `d`; `None` if there is none.
    pub fn d(&self) -> Option<Object<'t>> {
        self.body.ok()?.member(member::D).ok()??.object()
    }

    /// The return code of an answer: a number, or a string of its digits, as some write it.
    pub fn rc(&self) -> Option<u16> {
        let value = self.body.ok()?.member(member::RC).ok()??;
        let number = match value {
            Value::String(text) => super::text::unsigned(text.raw()),
            Value::Number(_) | Value::Literal(_) | Value::Array(_) | Value::Object(_) => value.unsigned(),
        };
        number.and_then(|number| u16::try_from(number).ok())
    }

    /// The attributes that it is about. All forms are understood: `d.fields` with objects or names, `d.data` in
    /// place of it, and one attribute as `d.field` and `d.value`.
    ///
    /// # Errors
    /// There are none, or they are not well formed.
    pub fn fields(&self) -> Result<Fields<'t>, Bad> {
        let d = self.d().ok_or(Bad)?;
        let list = match d.member(member::FIELDS)? {
            Some(list) => Some(list),
            None => d.member(member::DATA)?,
        };
        match list {
            Some(list) => {
                let list: Array<'t> = list.array().ok_or(Bad)?;
                let first = list.elements().next();
                first.ok_or(Bad)??;
                Ok(Fields::List(list.elements()))
            }
            None => Attribute::parse(Value::Object(d)).map(|one| Fields::One(Some(one))),
        }
    }
}

/// An attribute, with a value where one is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'t> {
    /// Its name.
    pub name: Text<'t>,
    /// Its value.
    pub value: Option<Value<'t>>,
}

impl<'t> Attribute<'t> {
    fn parse(value: Value<'t>) -> Result<Self, Bad> {
        match value {
            Value::String(name) => Ok(Self { name, value: None }),
            Value::Object(object) => {
                let name = object.member(member::FIELD)?.and_then(Value::string).ok_or(Bad)?;
                Ok(Self { name, value: object.member(member::VALUE)? })
            }
            Value::Literal(_) | Value::Number(_) | Value::Array(_) => Err(Bad),
        }
    }
}

/// The attributes of a message.
#[derive(Clone, Copy, Debug)]
pub enum Fields<'t> {
    /// A list of them.
    List(Elements<'t>),
    /// One alone.
    One(Option<Attribute<'t>>),
}

impl<'t> Iterator for Fields<'t> {
    type Item = Result<Attribute<'t>, Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::List(list) => Some(list.next()?.and_then(Attribute::parse)),
            Self::One(one) => one.take().map(Ok),
        }
    }
}

/// Writes a message: its members by `members`, between braces.
///
/// # Errors
/// The buffer is too small.
pub fn write(out: &mut [u8], members: impl FnOnce(&mut Writer<'_, '_>)) -> Result<usize, Full> {
    let mut out = Out::new(out);
    let mut json = Writer::new(&mut out);
    json.object();
    members(&mut json);
    json.end_object();
    out.finish()
}

/// What the platform sends, in the form of Requests.
pub mod platform {
    use super::{Full, Writer, member, write};

    /// A request without attributes: an initiation. None in `req_id`: no answer is wanted.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn initiate(out: &mut [u8], req_id: Option<&str>) -> Result<usize, Full> {
        write(out, |json| id(json, req_id))
    }

    /// A request about attributes: to observe, or to cancel that.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn names(out: &mut [u8], names: &[&str], req_id: Option<&str>) -> Result<usize, Full> {
        write(out, |json| {
            json.key(member::D).object().key(member::FIELDS).array();
            for name in names {
                json.object().key(member::FIELD).string(name).end_object();
            }
            json.end_array().end_object();
            id(json, req_id);
        })
    }

    /// A write of an attribute, whose value `value` writes.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn update(
        out: &mut [u8],
        name: &str,
        value: impl FnOnce(&mut Writer<'_, '_>),
        req_id: Option<&str>,
    ) -> Result<usize, Full> {
        write(out, |json| {
            json.key(member::D).object().key(member::FIELDS).array().object();
            json.key(member::FIELD).string(name).key(member::VALUE);
            value(json);
            json.end_object().end_array().end_object();
            id(json, req_id);
        })
    }

    /// An answer to a request of the device.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn response(out: &mut [u8], rc: u16, req_id: &str) -> Result<usize, Full> {
        write(out, |json| {
            json.key(member::RC).number(u32::from(rc));
            id(json, Some(req_id));
        })
    }

    fn id(json: &mut Writer<'_, '_>, req_id: Option<&str>) {
        if let Some(req_id) = req_id {
            json.key(member::REQ_ID).string(req_id);
        }
    }
}
