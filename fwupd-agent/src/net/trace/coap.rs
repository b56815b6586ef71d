//! What CoAP says, and what it means in LwM2M and in OCF.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use fwupd_coap::message::Message;
use fwupd_coap::spec::{Code, option};
use fwupd_lwm2m::spec::{
    self, DEVICE, DeviceResource, FIRMWARE_UPDATE, Resource, SERVER, ServerResource, State, UpdateResult,
    registration,
};
use fwupd_ocf as ocf;
use fwupd_ocf::wire::pstat;
use fwupd_ocf::wire::software::{Software, Update};

/// What each token asked for.
pub(super) type Asked = HashMap<(SocketAddr, Vec<u8>), String>;

/// No more tokens than this are kept.
const MOST: usize = 256;

/// What a datagram says.
pub(super) fn text_of(asked: &mut Asked, peer: SocketAddr, datagram: &[u8]) -> String {
    match Message::parse(datagram) {
        Ok(message) => format!("{message}{}", meaning(asked, peer, &message)),
        Err(why) => format!("{} bytes: {why}", datagram.len()),
    }
}

/// What it means, behind a bar; nothing where it means nothing.
fn meaning(asked: &mut Asked, peer: SocketAddr, message: &Message<'_>) -> String {
    let key = (peer, message.token.as_slice().to_vec());
    if message.code.is_request() {
        let path: Vec<&str> = message.path().collect();
        if asked.len() >= MOST {
            asked.clear();
        }
        asked.insert(key, path.join("/"));
        let meaning = request(message, &path).or_else(|| asked_of_ocf(message, &path));
        return meaning.map_or(String::new(), |meaning| format!(" | {meaning}"));
    }
    let told = [Code::CONTENT, Code::CHANGED].contains(&message.code);
    let Some(path) = asked.get(&key).filter(|_| told) else { return String::new() };
    let path: Vec<&str> = path.split('/').collect();
    let meaning = match message.code {
        Code::CONTENT => response(&path, message).or_else(|| told_by_ocf(message, &path)),
        _ => told_by_ocf(message, &path),
    };
    meaning.map_or(String::new(), |meaning| format!(" | {meaning}"))
}

/// The resource of OCF with this path.
fn of_ocf(path: &[&str]) -> Option<ocf::spec::Resource> {
    let href = format!("/{}", path.join("/"));
    ocf::spec::Resource::ALL.into_iter().find(|resource| resource.href() == href)
}

fn asked_of_ocf(message: &Message<'_>, path: &[&str]) -> Option<String> {
    match of_ocf(path).filter(|_| message.code == Code::POST)? {
        ocf::spec::Resource::Software => {
            let Update { purl, action, .. } = Update::parse(message.payload).ok()?;
            Some(format!("purl {purl:?}, action {}", action.name()))
        }
        ocf::spec::Resource::Pstat => {
            let tm = pstat::parse_update(message.payload).ok()?;
            Some(format!("tm {tm}"))
        }
        ocf::spec::Resource::Discovery | ocf::spec::Resource::Device | ocf::spec::Resource::Platform => None,
    }
}

fn told_by_ocf(message: &Message<'_>, path: &[&str]) -> Option<String> {
    match of_ocf(path)? {
        ocf::spec::Resource::Software => {
            let Software { state, result, .. } = Software::parse(message.payload).ok()?;
            Some(format!("state {}, result {}", state.name(), result.number()))
        }
        ocf::spec::Resource::Pstat => {
            let (cm, _) = pstat::parse(message.payload).ok()?;
            Some(format!("cm {cm}"))
        }
        ocf::spec::Resource::Discovery | ocf::spec::Resource::Device | ocf::spec::Resource::Platform => None,
    }
}

fn request(message: &Message<'_>, path: &[&str]) -> Option<String> {
    if path.first() == Some(&registration::PATH) {
        let interface = match (message.code, path.len()) {
            (Code::POST, 1) => "Register",
            (Code::POST, _) => "Update of the registration",
            (Code::DELETE, _) => "De-register",
            _ => return None,
        };
        return Some(interface.to_owned());
    }
    let verb = match message.code {
        Code::GET if message.accept() == Some(spec::format::LINK) => "Discover",
        Code::GET => match message.observe() {
            Some(0) => "Observe",
            Some(_) => "Cancel Observation of",
            None => "Read",
        },
        Code::PUT => "Write",
        Code::POST if path.len() == 3 && message.option(option::CONTENT_FORMAT).is_none() => "Execute",
        Code::POST => "Write",
        _ => return None,
    };
    let mut meaning = format!("{verb} {}", target(path)?);
    if verb == "Write" && message.content_format() == Some(spec::format::TEXT) {
        // A String takes whatever is written to it.
        let _ = write!(meaning, " {}", text(message.payload));
    }
    Some(meaning)
}

fn response(path: &[&str], message: &Message<'_>) -> Option<String> {
    let name = target(path)?;
    if message.content_format().is_some_and(|format| format != spec::format::TEXT) {
        return Some(name);
    }
    let number = std::str::from_utf8(message.payload).ok().and_then(|text| text.parse::<u8>().ok());
    let value = match (name.as_str(), number) {
        ("State", Some(n)) => State::from_number(n).map(|state| format!("{n} {state:?}")),
        ("UpdateResult", Some(n)) => UpdateResult::from_number(n).map(|result| format!("{n} {result:?}")),
        _ => None,
    };
    Some(format!("{name} = {}", value.unwrap_or_else(|| text(message.payload))))
}

fn text(payload: &[u8]) -> String {
    format!("\"{}\"", String::from_utf8_lossy(payload))
}

/// The name of a resource, or the path of what has none.
fn target(path: &[&str]) -> Option<String> {
    let numbers: Option<Vec<u16>> = path.iter().map(|part| part.parse().ok()).collect();
    let name = match *numbers?.as_slice() {
        [FIRMWARE_UPDATE, _, resource] => Resource::from_number(resource).map(|known| format!("{known:?}")),
        [DEVICE, _, resource] => DeviceResource::from_number(resource).map(|known| format!("{known:?}")),
        [SERVER, _, resource] => ServerResource::from_number(resource).map(|known| format!("{known:?}")),
        _ => None,
    };
    Some(name.unwrap_or_else(|| format!("/{}", path.join("/"))))
}

#[cfg(test)]
mod tests {
    use super::super::{Way, line};
    use super::*;

    fn told(asked: &mut Asked, datagram: &[u8]) -> String {
        text_of(asked, SocketAddr::from(([192, 0, 2, 1], 5683)), datagram)
    }

    #[test]
    fn a_response_is_explained_by_the_request_with_its_token() {
        let mut asked = Asked::new();
        // GET /5/0/3 with the token 0x71, and its piggybacked response "2": RFC 7252, section 3.
        let get = [0x41, 1, 0, 9, 0x71, 0xB1, b'5', 1, b'0', 1, b'3'];
        assert!(told(&mut asked, &get).ends_with("| Read State"));
        let content = [0x61, 0x45, 0, 9, 0x71, 0xFF, b'2'];
        assert!(told(&mut asked, &content).ends_with("| State = 2 Downloaded"));
        let other = [0x61, 0x45, 0, 9, 0x72, 0xFF, b'2'];
        assert!(!told(&mut asked, &other).contains('|'), "nobody asked with this token");
    }

    #[test]
    fn what_is_no_message_is_one_line_too() {
        let mut asked = Asked::new();
        assert_eq!(told(&mut asked, b"\n"), "1 bytes: this is no CoAP");
        let mut put = vec![0x40, 3, 0, 1, 0xB1, b'5', 1, b'0', 1, b'1', 0x10, 0xFF];
        put.extend(b"a\x1b[2J\nb");
        let line = line(Way::In, "192.0.2.1:5683", told(&mut asked, &put));
        assert!(line.ends_with("| Write PackageUri \"a\\u{1b}[2J\\nb\""), "{line}");
    }
}
