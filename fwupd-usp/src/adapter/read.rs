//! Get and GetInstances.

use super::path::{Path, Rows, Tail};
use super::view::View;
use crate::spec::Code;
use crate::spec::model::{Object, Param};
use crate::spec::schema::{get, get_instances, get_instances_resp, get_resp, path_result, resolved};
use crate::wire::{Node, Out};

/// Appends the path of a row, or of an object that is no table, with its last dot.
pub(super) fn path(out: &mut Out<'_>, object: Object, number: u32) {
    out.part(object.path());
    if object.is_table() {
        out.decimal(number);
        out.part(".");
    }
}

/// A string with the path of a row, and a name in it.
pub(super) fn path_of(out: &mut Out<'_>, field: u32, object: Object, number: u32, name: &str) {
    let mark = out.open(field);
    path(out, object, number);
    out.part(name);
    out.close(mark);
}

/// How many names an object's path has behind another one's, an instance number not counted; `None` if it is not
/// in it.
fn depth(inner: Object, outer: Object) -> Option<u32> {
    let (mut at, mut depth) = (inner, 0u32);
    while at != outer {
        at = at.parent()?;
        depth = depth.saturating_add(1);
    }
    Some(depth)
}

/// Why nothing was found on a path.
fn fails(out: &mut Out<'_>, code: Code) {
    out.fixed32(path_result::ERR_CODE, code as u32);
    out.text(path_result::ERR_MSG, code.text());
}

impl View<'_> {
    /// GetResp.
    pub(super) fn get(&self, node: &Node<'_>, out: &mut Out<'_>) {
        let depth = match node.number(get::MAX_DEPTH) {
            0 => u32::MAX,
            depth => depth,
        };
        for requested in node.texts(get::PARAM_PATHS) {
            let result = out.open(get_resp::REQ_PATH_RESULTS);
            out.always(path_result::REQUESTED_PATH, requested);
            if let Err(code) = self.path(requested).and_then(|path| self.get_path(&path, depth, out)) {
                fails(out, code);
            }
            out.close(result);
        }
    }

    fn get_path(&self, path: &Path<'_>, depth: u32, out: &mut Out<'_>) -> Result<(), Code> {
        let only = match path.tail {
            Tail::Object => None,
            Tail::Param(param) => Some(param),
            Tail::Command(_) | Tail::Event(_) => return Err(Code::InvalidPath),
        };
        self.exists(path, Code::InvalidPath)?;
        for number in self.instances(path.object) {
            if self.matching(path, number)? {
                self.object(path.object, number, only, out);
            }
        }
        if only.is_none() && depth > 1 {
            self.below(path, depth, out);
        }
        Ok(())
    }

    /// The objects that are in an object. No table here is in a row of another.
    fn below(&self, path: &Path<'_>, most: u32, out: &mut Out<'_>) {
        if path.object.is_table() {
            return;
        }
        for inner in Object::ALL {
            if depth(inner, path.object).is_some_and(|depth| depth > 0 && depth < most) {
                self.instances(inner).for_each(|number| self.object(inner, number, None, out));
            }
        }
    }

    fn object(&self, object: Object, number: u32, only: Option<Param>, out: &mut Out<'_>) {
        let result = out.open(path_result::RESULTS);
        path_of(out, resolved::PATH, object, number, "");
        for param in object.params().iter().filter(|param| only.is_none_or(|only| only == **param)) {
            self.pair(resolved::PARAMS, object, number, *param, out);
        }
        out.close(result);
    }

    fn pair(&self, field: u32, object: Object, number: u32, param: Param, out: &mut Out<'_>) {
        let pair = out.open_pair(field, param.name());
        self.value(object, number, param).parts(&mut |part| out.raw(part));
        out.close_pair(pair);
    }

    /// The parameters of a row's unique key.
    pub(super) fn keys(&self, field: u32, object: Object, number: u32, out: &mut Out<'_>) {
        object.key().iter().for_each(|param| self.pair(field, object, number, *param, out));
    }

    /// Whether the row of a path that names one is there.
    ///
    /// # Errors
    /// The code for one that is not.
    pub(super) fn exists(&self, path: &Path<'_>, code: Code) -> Result<(), Code> {
        match path.rows {
            Rows::Number(wanted) if !self.instances(path.object).any(|number| number == wanted) => Err(code),
            Rows::Number(_) | Rows::Table | Rows::Any | Rows::Where(_) => Ok(()),
        }
    }

    /// GetInstancesResp.
    pub(super) fn get_instances(&self, node: &Node<'_>, out: &mut Out<'_>) {
        let first = node.flag(get_instances::FIRST_LEVEL_ONLY);
        for requested in node.texts(get_instances::OBJ_PATHS) {
            let result = out.open(get_instances_resp::REQ_PATH_RESULTS);
            out.always(path_result::REQUESTED_PATH, requested);
            if let Err(code) = self.path(requested).and_then(|path| self.instances_of(&path, first, out)) {
                fails(out, code);
            }
            out.close(result);
        }
    }

    fn instances_of(&self, path: &Path<'_>, first: bool, out: &mut Out<'_>) -> Result<(), Code> {
        if path.tail != Tail::Object {
            return Err(Code::NotATable);
        }
        self.exists(path, Code::NoObject)?;
        for object in Object::ALL.into_iter().filter(|object| object.is_table()) {
            let here = object == path.object;
            // Without further levels, only the tables right in an object.
            let inside = depth(object, path.object).is_some_and(|depth| depth > 0 && !(first && depth > 1));
            for number in self.instances(object) {
                if inside || (here && self.matching(path, number)?) {
                    let instance = out.open(path_result::RESULTS);
                    path_of(out, resolved::PATH, object, number, "");
                    self.keys(resolved::PARAMS, object, number, out);
                    out.close(instance);
                }
            }
        }
        Ok(())
    }
}
