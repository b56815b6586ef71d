//! What a controller asks. Answers and notifications are read with [`Msg`](super::msg::Msg) and the field
//! numbers of [`schema`](crate::spec::schema).

use super::Out;
use super::msg::{Verb, request};
use crate::spec::schema::{
    add, delete, get, get_instances, get_supported_dm, object, operate, set, setting, supported_protocol,
};

/// One value of an object that is set or created: name, value, and whether the whole fails without it.
pub type Setting<'a> = (&'a str, &'a str, bool);
/// An object, and its values.
pub type Object<'a> = (&'a str, &'a [Setting<'a>]);

/// Get. `depth` 0 is the whole tree below.
pub fn get(out: &mut Out<'_>, id: &str, paths: &[&str], depth: u32) {
    request(out, id, Verb::Get, |out| {
        paths.iter().for_each(|path| out.always(get::PARAM_PATHS, path));
        out.fixed32(get::MAX_DEPTH, depth);
    });
}

/// GetInstances.
pub fn get_instances(out: &mut Out<'_>, id: &str, paths: &[&str], first_level_only: bool) {
    request(out, id, Verb::GetInstances, |out| {
        paths.iter().for_each(|path| out.always(get_instances::OBJ_PATHS, path));
        out.flag(get_instances::FIRST_LEVEL_ONLY, first_level_only);
    });
}

/// GetSupportedDM, of all there is.
pub fn get_supported_dm(out: &mut Out<'_>, id: &str, paths: &[&str]) {
    request(out, id, Verb::GetSupportedDm, |out| {
        paths.iter().for_each(|path| out.always(get_supported_dm::OBJ_PATHS, path));
        out.flag(get_supported_dm::RETURN_COMMANDS, true);
        out.flag(get_supported_dm::RETURN_EVENTS, true);
        out.flag(get_supported_dm::RETURN_PARAMS, true);
        out.flag(get_supported_dm::RETURN_UNIQUE_KEY_SETS, true);
    });
}

/// GetSupportedProtocol: the controller's versions, separated by commas.
pub fn get_supported_protocol(out: &mut Out<'_>, id: &str, versions: &str) {
    request(out, id, Verb::GetSupportedProtocol, |out| out.text(supported_protocol::VERSIONS, versions));
}

fn objects(out: &mut Out<'_>, number: u32, objects: &[Object<'_>]) {
    for (path, settings) in objects {
        let one = out.open(number);
        out.text(object::OBJ_PATH, path);
        for (param, value, required) in *settings {
            let inner = out.open(object::PARAM_SETTINGS);
            out.text(setting::PARAM, param);
            out.text(setting::VALUE, value);
            out.flag(setting::REQUIRED, *required);
            out.close(inner);
        }
        out.close(one);
    }
}

/// Set.
pub fn set(out: &mut Out<'_>, id: &str, allow_partial: bool, updates: &[Object<'_>]) {
    request(out, id, Verb::Set, |out| {
        out.flag(set::ALLOW_PARTIAL, allow_partial);
        objects(out, set::UPDATE_OBJS, updates);
    });
}

/// Add.
pub fn add(out: &mut Out<'_>, id: &str, allow_partial: bool, creates: &[Object<'_>]) {
    request(out, id, Verb::Add, |out| {
        out.flag(add::ALLOW_PARTIAL, allow_partial);
        objects(out, add::CREATE_OBJS, creates);
    });
}

/// Delete.
pub fn delete(out: &mut Out<'_>, id: &str, allow_partial: bool, paths: &[&str]) {
    request(out, id, Verb::Delete, |out| {
        out.flag(delete::ALLOW_PARTIAL, allow_partial);
        paths.iter().for_each(|path| out.always(delete::OBJ_PATHS, path));
    });
}

/// Operate.
pub fn operate(
    out: &mut Out<'_>,
    id: &str,
    command: &str,
    key: &str,
    send_resp: bool,
    args: &[(&str, &str)],
) {
    request(out, id, Verb::Operate, |out| {
        out.text(operate::COMMAND, command);
        out.text(operate::COMMAND_KEY, key);
        out.flag(operate::SEND_RESP, send_resp);
        args.iter().for_each(|(key, value)| out.pair(operate::INPUT_ARGS, key, value));
    });
}
