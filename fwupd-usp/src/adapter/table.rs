//! Add and Delete: of subscriptions. Nothing else here is made or removed by a controller.

use fwupd_core::status::Status;

use super::Agent;
use super::path::{Rows, Tail};
use super::read::path_of;
use super::set::param_error;
use super::subscription::{Subscription, Subscriptions};
use super::view::View;
use crate::spec::Code;
use crate::spec::model::Object;
use crate::spec::schema::{
    add, add_resp, add_result, delete, delete_resp, delete_result, delete_success, error, instance_result,
    object, oper_status,
};
use crate::wire::msg::{Verb, error as emit_error, failure, response};
use crate::wire::{Node, Out};

/// Makes a subscription of this, if it can be made.
fn create<'m>(
    view: &View<'_>,
    node: &Node<'m>,
    new: &mut Subscription,
    bad: &mut dyn FnMut(super::subscription::Bad<'m>),
) -> Result<(), Code> {
    let path = view.path(node.text(object::OBJ_PATH))?;
    if path.object != Object::Subscription || path.rows != Rows::Table || path.tail != Tail::Object {
        return Err(Code::NotCreatable);
    }
    *new = Subscription::EMPTY;
    new.read(node.nodes(object::PARAM_SETTINGS), view, bad)
}

/// The table whose rows a path deletes.
fn deletes(view: &View<'_>, path: &str) -> Result<(), Code> {
    let path = view.path(path)?;
    if path.tail != Tail::Object || path.rows == Rows::Table {
        return Err(Code::InvalidPath);
    }
    if path.object != Object::Subscription {
        return Err(Code::DeleteFailure);
    }
    view.exists(&path, Code::NoObject)?;
    view.instances(path.object).try_for_each(|number| view.matching(&path, number).map(|_| ()))
}

impl Agent<'_> {
    /// AddResp, or an Error if one of several fails and all were wanted.
    // Apart from the other requests, whose frame would have to hold what this one makes.
    #[inline(never)]
    pub(super) fn add(&mut self, status: &Status<'_>, id: &str, node: &Node<'_>, out: &mut Out<'_>) {
        let mut new = Subscription::EMPTY;
        let Subscriptions { next, unsaved, .. } = self.subscriptions;
        if !node.flag(add::ALLOW_PARTIAL) {
            // Whether all of them can be made is tried out.
            let failed = node.nodes(add::CREATE_OBJS).find_map(|one| {
                let made = create(&self.view(status), &one, &mut new, &mut |_| {});
                let code = made.and_then(|()| self.subscriptions.add(&new)).err()?;
                Some((one, code))
            });
            self.subscriptions.take_back(next, unsaved);
            if let Some((one, code)) = failed {
                let code = if code == Code::RequiredFailed { Code::InvalidArguments } else { code };
                return emit_error(out, id, code, |out| {
                    let mut tell = |(name, code, _): super::subscription::Bad<'_>| {
                        param_error(error::PARAM_ERRS, name, code, out);
                    };
                    let _ = create(&self.view(status), &one, &mut new, &mut tell);
                });
            }
        }
        // What cannot be answered is not made.
        let fits = out.fits(|out| self.added(status, id, node, &mut new, out));
        self.subscriptions.take_back(next, unsaved);
        if fits {
            self.added(status, id, node, &mut new, out);
        } else {
            emit_error(out, id, Code::Resources, |_| {});
        }
    }

    #[inline(never)]
    fn added(
        &mut self,
        status: &Status<'_>,
        id: &str,
        node: &Node<'_>,
        new: &mut Subscription,
        out: &mut Out<'_>,
    ) {
        response(out, id, Verb::Add, |out| {
            for one in node.nodes(add::CREATE_OBJS) {
                let result = out.open(add_resp::CREATED_OBJ_RESULTS);
                out.text(add_result::REQUESTED_PATH, one.text(object::OBJ_PATH));
                let outer = out.open(add_result::OPER_STATUS);
                let made = create(&self.view(status), &one, new, &mut |_| {});
                match made.and_then(|()| self.subscriptions.add(new)) {
                    Ok(number) => {
                        let inner = out.open(oper_status::OPER_SUCCESS);
                        path_of(out, instance_result::AFFECTED_PATH, Object::Subscription, number, "");
                        let mut tell = |(name, code, _): super::subscription::Bad<'_>| {
                            param_error(instance_result::PARAM_ERRS, name, code, out);
                        };
                        let _ = create(&self.view(status), &one, new, &mut tell);
                        self.view(status).keys(
                            instance_result::UPDATED_PARAMS,
                            Object::Subscription,
                            number,
                            out,
                        );
                        out.close(inner);
                    }
                    Err(code) => failure(out, oper_status::OPER_FAILURE, code, ""),
                }
                out.close(outer);
                out.close(result);
            }
        });
    }

    /// DeleteResp, or an Error if one of several fails and all were wanted.
    #[inline(never)]
    pub(super) fn delete(&mut self, status: &Status<'_>, id: &str, node: &Node<'_>, out: &mut Out<'_>) {
        if !node.flag(delete::ALLOW_PARTIAL) {
            for one in node.texts(delete::OBJ_PATHS) {
                if let Err(code) = deletes(&self.view(status), one) {
                    return emit_error(out, id, code, |out| param_error(error::PARAM_ERRS, one, code, out));
                }
            }
        }
        // What cannot be answered is not deleted.
        let fits = out.fits(|out| self.deleted(status, id, node, out));
        self.subscriptions.removed(false);
        if fits {
            self.deleted(status, id, node, out);
            self.subscriptions.removed(true);
        } else {
            emit_error(out, id, Code::Resources, |_| {});
        }
    }

    #[inline(never)]
    fn deleted(&mut self, status: &Status<'_>, id: &str, node: &Node<'_>, out: &mut Out<'_>) {
        response(out, id, Verb::Delete, |out| {
            for one in node.texts(delete::OBJ_PATHS) {
                let result = out.open(delete_resp::DELETED_OBJ_RESULTS);
                out.text(delete_result::REQUESTED_PATH, one);
                let outer = out.open(delete_result::OPER_STATUS);
                match deletes(&self.view(status), one) {
                    Ok(()) => {
                        let inner = out.open(oper_status::OPER_SUCCESS);
                        while let Some(number) = self.first_of(status, one) {
                            path_of(out, delete_success::AFFECTED_PATHS, Object::Subscription, number, "");
                            self.subscriptions.remove(number);
                        }
                        out.close(inner);
                    }
                    Err(code) => failure(out, oper_status::OPER_FAILURE, code, ""),
                }
                out.close(outer);
                out.close(result);
            }
        });
    }

    fn first_of(&self, status: &Status<'_>, text: &str) -> Option<u32> {
        let view = self.view(status);
        let path = view.path(text).ok()?;
        view.instances(path.object).find(|number| view.matching(&path, *number) == Ok(true))
    }
}
