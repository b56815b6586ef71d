//! A USP controller.

use fwupd_core::outcome::Initiator;
use fwupd_core::status::Status;
use fwupd_usp::adapter::{Agent, Config, Handled};
use rusp_lib::usp::mod_Body::OneOfmsg_body;
use rusp_lib::usp::mod_Notify::OneOfnotification;
use rusp_lib::usp::mod_Notify::mod_OperationComplete::OneOfoperation_resp as Completed;
use rusp_lib::usp::mod_OperateResp::mod_OperationResult::OneOfoperation_resp as Operated;
use rusp_lib::usp::mod_Request::OneOfreq_type;
use rusp_lib::usp::mod_Response::OneOfresp_type;
use rusp_lib::usp::{Body, Msg};
use rusp_lib::usp_builder::{
    AddBuilder, CreateObjectBuilder, DeleteBuilder, GetBuilder, GetInstancesBuilder, GetSupportedDMBuilder,
    MsgBuilder, OperateBuilder, RecordBuilder, SetBuilder, UpdateObjectBuilder,
};
use rusp_lib::usp_record::mod_Record::OneOfrecord_type;

use super::{Board, Message, Peer};
use crate::search::SLOTS;

const AGENT: &str = "os::00256D-0123456789";
const CONTROLLER: &str = "oui:00256D:controller";
/// Where packages come from.
pub(crate) const URL: &str = "https://v/f";

pub(crate) struct Usp {
    agent: Agent<'static>,
    config: Config<'static>,
    saved: Vec<u8>,
    id: u32,
    answer: Option<String>,
    /// What was notified, a line each.
    pub(crate) told: Vec<String>,
}

impl Usp {
    pub(crate) fn new(by: Initiator, seed: u32) -> Self {
        let mut config = Config::new(AGENT, CONTROLLER, seed);
        config.by = by;
        let agent = Agent::new(config, &[]);
        Self { agent, config, saved: Vec::new(), id: 0, answer: None, told: Vec::new() }
    }

    pub(crate) fn reset(&mut self) {
        self.config.seed += 1_000;
        self.agent = Agent::new(self.config, &self.saved);
    }

    pub(crate) fn drained(&self) -> bool {
        self.agent.drained()
    }

    pub(crate) fn reboot_wanted(&self) -> bool {
        self.agent.reboot_wanted()
    }

    fn message(&mut self, body: Body) -> Message {
        self.id += 1;
        self.answer = None;
        let msg = MsgBuilder::new().with_msg_id(format!("m{}", self.id)).with_body(body).build().unwrap();
        let record = RecordBuilder::new()
            .with_to_id(AGENT.into())
            .with_from_id(CONTROLLER.into())
            .with_no_session_context_payload_bytes(msg.to_vec().unwrap());
        Message { topic: String::new(), bytes: record.build().unwrap().to_vec().unwrap() }
    }

    pub(crate) fn operate(&mut self, command: &str, args: &[(&str, &str)]) -> Message {
        let args = args.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let operate = OperateBuilder::new(command.into()).with_command_key("key".into());
        self.message(operate.with_send_resp(true).with_input_args(args).build().unwrap())
    }

    /// Sets one parameter that is required.
    pub(crate) fn set(&mut self, object: &str, param: &str, value: &str) -> Message {
        let setting = vec![(param.to_owned(), value.to_owned(), true)];
        let update = UpdateObjectBuilder::new(object.into()).with_param_settings(setting);
        self.message(SetBuilder::new().with_update_objs(vec![update]).build().unwrap())
    }

    pub(crate) fn get(&mut self, path: &str) -> Message {
        self.message(GetBuilder::new().with_params(vec![path.to_owned()]).build().unwrap())
    }

    pub(crate) fn instances(&mut self, path: &str) -> Message {
        self.message(GetInstancesBuilder::new().with_obj_paths(vec![path.to_owned()]).build().unwrap())
    }

    pub(crate) fn supported_dm(&mut self, path: &str) -> Message {
        self.message(GetSupportedDMBuilder::new().with_obj_paths(vec![path.to_owned()]).build().unwrap())
    }

    pub(crate) fn add(&mut self, table: &str) -> Message {
        let object = CreateObjectBuilder::new(table.into());
        self.message(AddBuilder::new().with_create_objs(vec![object]).build().unwrap())
    }

    pub(crate) fn delete(&mut self, path: &str) -> Message {
        self.message(DeleteBuilder::new().with_obj_paths(vec![path.to_owned()]).build().unwrap())
    }

    /// Subscribes, for good.
    pub(crate) fn subscribe(&mut self, id: &str, kind: &str, reference: &str) -> Message {
        let settings = [
            ("ID", id),
            ("NotifType", kind),
            ("ReferenceList", reference),
            ("Enable", "true"),
            ("Persistent", "true"),
        ];
        let settings = settings.map(|(k, v)| (k.to_owned(), v.to_owned(), true)).to_vec();
        let object =
            CreateObjectBuilder::new("Device.LocalAgent.Subscription.".into()).with_param_settings(settings);
        self.message(AddBuilder::new().with_create_objs(vec![object]).build().unwrap())
    }

    fn arrives(&mut self, bytes: &[u8]) {
        let record = rusp_lib::usp_decoder::try_decode_record(bytes).unwrap();
        let OneOfrecord_type::no_session_context(inner) = record.record_type else { panic!("a Message") };
        let msg = Msg::from_bytes(&inner.payload).unwrap();
        let mine = msg.msg_id() == format!("m{}", self.id);
        match msg.body.unwrap().msg_body {
            OneOfmsg_body::request(request) => {
                let OneOfreq_type::notify(notify) = request.req_type else { panic!("a Notify") };
                self.told.push(line(notify.notification));
            }
            OneOfmsg_body::error(error) => {
                assert!(mine);
                let params = error.param_errs.iter().map(|error| format!(" {}", error.err_code));
                self.answer = Some(format!("error {}{}", error.err_code, params.collect::<String>()));
            }
            OneOfmsg_body::response(response) => {
                assert!(mine);
                self.answer = Some(short(response.resp_type));
            }
            OneOfmsg_body::None => panic!("a body"),
        }
    }
}

/// A notification.
fn line(notification: OneOfnotification) -> String {
    match notification {
        OneOfnotification::event(event) => {
            let mut line = event.event_name;
            let fault = event.params.into_iter().find(|(name, _)| name == "FaultCode");
            fault.into_iter().for_each(|(_, value)| line = format!("{line} {value}"));
            line
        }
        OneOfnotification::value_change(change) => {
            let (_, name) =
                change.param_path.rsplit_once("FirmwareImage.").unwrap_or(("", &change.param_path));
            format!("{name}={}", change.param_value)
        }
        OneOfnotification::oper_complete(complete) => match complete.operation_resp {
            Completed::req_output_args(_) => format!("{} done", complete.command_name),
            Completed::cmd_failure(failure) => format!("{} {}", complete.command_name, failure.err_code),
            Completed::None => panic!("a oneof without a member"),
        },
        OneOfnotification::obj_creation(_) | OneOfnotification::obj_deletion(_) => panic!("not sent"),
        OneOfnotification::on_board_req(_) | OneOfnotification::None => panic!("not sent"),
    }
}

/// An answer, in short.
fn short(response: OneOfresp_type) -> String {
    match response {
        OneOfresp_type::operate_resp(operate) => {
            let one = operate.operation_results.into_iter().next().unwrap();
            match one.operation_resp {
                Operated::req_obj_path(_) => "begun".to_owned(),
                Operated::req_output_args(_) => "done".to_owned(),
                Operated::cmd_failure(failure) => failure.err_code.to_string(),
                Operated::None => panic!("a oneof without a member"),
            }
        }
        OneOfresp_type::get_resp(get) => {
            let one = get.req_path_results.into_iter().next().unwrap();
            let found = one.resolved_path_results.into_iter().flat_map(|found| found.result_params);
            let mut values: Vec<String> = found.map(|(_, value)| value.to_string()).collect();
            values.sort_unstable();
            format!("{} {}", one.err_code, values.join(","))
        }
        OneOfresp_type::set_resp(_) => "set".to_owned(),
        OneOfresp_type::add_resp(_) => "added".to_owned(),
        OneOfresp_type::get_instances_resp(get) => {
            let rows = get.req_path_results.into_iter().flat_map(|result| result.curr_insts).count();
            format!("{rows} rows")
        }
        OneOfresp_type::get_supported_dm_resp(_) => panic!("not supported"),
        OneOfresp_type::delete_resp(_) | OneOfresp_type::notify_resp(_) => panic!("not asked for"),
        OneOfresp_type::get_supported_protocol_resp(_) => panic!("not asked for"),
        OneOfresp_type::register_resp(_) | OneOfresp_type::deregister_resp(_) => panic!("not asked for"),
        OneOfresp_type::None => panic!("a oneof without a member"),
    }
}

impl Peer for Usp {
    fn by(&self) -> Initiator {
        self.config.by
    }

    fn hand(&mut self, message: &Message, board: &mut Board) -> bool {
        let now = board.now();
        match self.agent.handle(&message.bytes, now, &mut board.up, &mut board.out) {
            Handled::Again => false,
            Handled::Done(length) => {
                let record = board.out[..length].to_vec();
                let mut room = [0; 2700];
                if let Some(saved) = self.agent.save(&mut room) {
                    self.saved = room[..saved.unwrap()].to_vec();
                }
                if length > 0 {
                    self.arrives(&record);
                }
                true
            }
        }
    }

    fn answer(&mut self) -> Option<String> {
        self.answer.take()
    }

    fn poll(&mut self, board: &mut Board) {
        for _ in 0..100 {
            let now = board.now();
            let Some(length) = self.agent.poll(now, &mut board.up, &mut board.out) else { return };
            let record = board.out[..length].to_vec();
            self.arrives(&record);
        }
        panic!("the agent has always something to send");
    }

    fn shows(status: &Status<'_>, _: &[u8]) -> String {
        SLOTS.map(|slot| fwupd_usp::spec::project(status, slot).status.text()).join(",")
    }
}
