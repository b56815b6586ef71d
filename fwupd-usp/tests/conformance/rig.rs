//! A device of two slots with the agent, and a controller that speaks to it in Records alone: its requests are made,
//! and the answers read, by another implementation of the schemas.

use std::collections::BTreeMap;

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, Initiator};
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Need, Settled, Updater};
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::{Device, SelfTest, Sim};
use fwupd_testkit::reference::{factory, layout, package};
use fwupd_usp::adapter::{Agent, Config, Handled, SAVED_MAX};
use rusp_lib::usp::mod_AddResp::mod_CreatedObjectResult::mod_OperationStatus::OneOfoper_status as AddStatus;
use rusp_lib::usp::mod_Body::OneOfmsg_body;
use rusp_lib::usp::mod_DeleteResp::mod_DeletedObjectResult::mod_OperationStatus::OneOfoper_status as DeleteStatus;
use rusp_lib::usp::mod_Notify::OneOfnotification;
use rusp_lib::usp::mod_Notify::mod_OperationComplete::OneOfoperation_resp as Completed;
use rusp_lib::usp::mod_OperateResp::mod_OperationResult::OneOfoperation_resp as Operated;
use rusp_lib::usp::mod_Request::OneOfreq_type;
use rusp_lib::usp::mod_Response::OneOfresp_type;
use rusp_lib::usp::mod_SetResp::mod_UpdatedObjectResult::mod_OperationStatus::OneOfoper_status as SetStatus;
use rusp_lib::usp::{Body, Msg};
use rusp_lib::usp_builder::{
    AddBuilder, CreateObjectBuilder, DeleteBuilder, GetBuilder, GetInstancesBuilder, MsgBuilder,
    OperateBuilder, RecordBuilder, SetBuilder, UpdateObjectBuilder,
};
use rusp_lib::usp_record::mod_Record::OneOfrecord_type;

pub(crate) const AGENT: &str = "os::00256D-0123456789";
pub(crate) const CONTROLLER: &str = "oui:00256D:controller";
/// The rows of FirmwareImage.
pub(crate) const IMAGES: &str = "Device.DeviceInfo.FirmwareImage.";
pub(crate) const ROW1: &str = "Device.DeviceInfo.FirmwareImage.1";
pub(crate) const ROW2: &str = "Device.DeviceInfo.FirmwareImage.2";
/// The URL of a good package, newer than the factory's, and its file among the vectors.
pub(crate) const NEW: &str = "https://files.example/new";
pub(crate) const NEW_FILE: &str = "one-integrated.suit";

/// What the application says to `Need::Permit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    Yes,
    /// Not now, each time.
    Later,
    Silent,
}

/// How the application serves `Need::Fetch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetch {
    /// From the device's files.
    Serve,
    /// So many bytes of the file, then nothing.
    Stop(usize),
    /// Not at all.
    Hold,
    /// It fails.
    Fail(Failure),
}

pub(crate) struct Rig {
    pub(crate) device: Device<2>,
    pub(crate) up: Updater<Sim<2>>,
    pub(crate) agent: Agent<'static>,
    config: Config<'static>,
    pub(crate) saved: Vec<u8>,
    pub(crate) permit: Permit,
    pub(crate) fetch: Fetch,
    /// Whether there is a connection to the controller.
    pub(crate) linked: bool,
    /// Whether a reset that is owed is carried out.
    pub(crate) resets: bool,
    pub(crate) boots: usize,
    /// How often a permit was put off.
    pub(crate) asked: usize,
    /// What came without being asked for: notifications, one line each.
    pub(crate) told: Vec<String>,
    /// The parameters of the last event of each name.
    pub(crate) events: BTreeMap<String, BTreeMap<String, String>>,
    /// Every Record that the agent sent.
    pub(crate) sent: Vec<Vec<u8>>,
    /// Status of the second row, each time that it was another one.
    pub(crate) seen: Vec<String>,
    id: u32,
    out: Vec<u8>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config<'static>)) -> Self {
        let mut device = factory(layout((1, 4, 0xFF)));
        device.files.insert(NEW.into(), package(NEW_FILE));
        let mut config = Config::new(AGENT, CONTROLLER, 1_000);
        change(&mut config);
        device.bootloader().unwrap();
        let up = device.updater();
        let mut rig = Self {
            device,
            up,
            agent: Agent::new(config, &[]),
            config,
            saved: Vec::new(),
            permit: Permit::Yes,
            fetch: Fetch::Serve,
            linked: true,
            resets: true,
            boots: 0,
            asked: 0,
            told: Vec::new(),
            events: BTreeMap::new(),
            sent: Vec::new(),
            seen: Vec::new(),
            id: 0,
            out: vec![0; 8192],
        };
        rig.settle();
        rig
    }

    /// A device whose second row holds a good image.
    pub(crate) fn staged() -> Self {
        let mut rig = Self::new();
        rig.download(NEW, &[("AutoActivate", "false")]);
        assert_eq!(rig.status(2), "Available");
        rig.told.clear();
        rig.seen.clear();
        rig
    }

    pub(crate) fn now(&self) -> Now {
        self.device.clock.now()
    }

    /// A Record with a Message of the controller.
    pub(crate) fn record(&mut self, body: Body) -> Vec<u8> {
        self.id += 1;
        let msg = MsgBuilder::new().with_msg_id(format!("m{}", self.id)).with_body(body).build().unwrap();
        wrap(&msg.to_vec().unwrap())
    }

    /// Hands in a Record until it is handled; the Message that goes back, if one does.
    pub(crate) fn deliver(&mut self, record: &[u8]) -> Option<Msg> {
        for _ in 0..20_000 {
            let now = self.now();
            match self.agent.handle(record, now, &mut self.up, &mut self.out) {
                Handled::Done(0) => return None,
                Handled::Done(length) => {
                    let record = self.out[..length].to_vec();
                    let mut room = [0; SAVED_MAX];
                    if let Some(saved) = self.agent.save(&mut room) {
                        self.saved = room[..saved.unwrap()].to_vec();
                    }
                    return Some(self.read(&record));
                }
                Handled::Again => self.turn(),
            }
        }
        panic!("the agent asks for the same Record for ever");
    }

    /// A request and its answer.
    pub(crate) fn ask(&mut self, body: Body) -> Msg {
        let record = self.record(body);
        let answer = self.deliver(&record).expect("an answer");
        assert_eq!(answer.msg_id(), format!("m{}", self.id));
        answer
    }

    /// A Record of the agent: valid, for the controller, and the same when it is written by the other
    /// implementation.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Msg {
        self.sent.push(bytes.to_vec());
        let record = rusp_lib::usp_decoder::try_decode_record(bytes).unwrap();
        record.check_validity().unwrap();
        assert_eq!((record.to_id.as_str(), record.from_id.as_str()), (CONTROLLER, AGENT));
        let OneOfrecord_type::no_session_context(inner) = record.record_type else { panic!("a Message") };
        let msg = Msg::from_bytes(&inner.payload).unwrap();
        msg.check_validity().unwrap();
        let again = msg.to_vec().unwrap();
        assert_eq!(again.len(), inner.payload.len(), "maps may come in another order, and nothing else");
        msg
    }

    /// The parameters that a Get finds: "path value", in order; or an error code in its place.
    pub(crate) fn get_all(&mut self, paths: &[&str], depth: u32) -> Vec<Result<Vec<(String, String)>, u32>> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let msg = self.ask(GetBuilder::new().with_params(paths).with_max_depth(depth).build().unwrap());
        let OneOfresp_type::get_resp(get) = answer(msg) else { panic!("a GetResp") };
        let results = get.req_path_results.into_iter().map(|result| match result.err_code {
            0 => {
                let mut all: Vec<(String, String)> = Vec::new();
                for found in result.resolved_path_results {
                    let mut params: Vec<_> = found.result_params.into_iter().collect();
                    params.sort();
                    let path = |name| format!("{}{name}", found.resolved_path);
                    all.extend(params.into_iter().map(|(name, value)| (path(name), value)));
                }
                Ok(all)
            }
            code => Err(code),
        });
        results.collect()
    }

    /// The value of one parameter.
    pub(crate) fn get(&mut self, path: &str) -> String {
        let [Ok(found)] = &self.get_all(&[path], 0)[..] else { panic!("{path}") };
        let [(_, value)] = &found[..] else { panic!("{path}: {found:?}") };
        value.clone()
    }

    pub(crate) fn image(&mut self, row: u32, param: &str) -> String {
        self.get(&format!("{IMAGES}{row}.{param}"))
    }

    pub(crate) fn status(&mut self, row: u32) -> String {
        self.image(row, "Status")
    }

    /// ActiveFirmwareImage and BootFirmwareImage, as the numbers of their rows.
    pub(crate) fn active_boot(&mut self) -> (String, String) {
        let number = |path: String| path.strip_prefix(IMAGES).expect("a row").to_owned();
        (
            number(self.get("Device.DeviceInfo.ActiveFirmwareImage")),
            number(self.get("Device.DeviceInfo.BootFirmwareImage")),
        )
    }

    /// Sets one parameter, required or not; how that went, in short.
    pub(crate) fn set(
        &mut self,
        partial: bool,
        object: &str,
        param: &str,
        value: &str,
        required: bool,
    ) -> String {
        self.set_many(partial, &[(object, param, value, required)])
    }

    pub(crate) fn set_many(&mut self, partial: bool, all: &[(&str, &str, &str, bool)]) -> String {
        let updates = all
            .iter()
            .map(|(object, param, value, required)| {
                UpdateObjectBuilder::new((*object).into()).with_param_settings(vec![(
                    (*param).into(),
                    (*value).into(),
                    *required,
                )])
            })
            .collect();
        let set = SetBuilder::new().with_allow_partial(partial).with_update_objs(updates).build().unwrap();
        let msg = self.ask(set);
        if let Some(error) = failed(&msg) {
            return error;
        }
        let OneOfresp_type::set_resp(set) = answer(msg) else { panic!("a SetResp") };
        let results =
            set.updated_obj_results.into_iter().map(|result| match result.oper_status.unwrap().oper_status {
                SetStatus::oper_failure(failure) => {
                    let instances = failure.updated_inst_failures.iter().map(|instance| {
                        let errors =
                            instance.param_errs.iter().map(|e| format!("{} {}", e.param, e.err_code));
                        format!("{}[{}]", instance.affected_path, errors.collect::<Vec<_>>().join(","))
                    });
                    format!("failure {} {}", failure.err_code, instances.collect::<Vec<_>>().join(" "))
                }
                SetStatus::oper_success(success) => {
                    let instances = success.updated_inst_results.iter().map(|instance| {
                        let mut good: Vec<_> =
                            instance.updated_params.iter().map(|(k, v)| format!("{k}={v}")).collect();
                        good.sort();
                        let bad = instance.param_errs.iter().map(|e| format!("{} {}", e.param, e.err_code));
                        good.extend(bad);
                        format!("{}[{}]", instance.affected_path, good.join(","))
                    });
                    format!("success {}", instances.collect::<Vec<_>>().join(" "))
                }
                SetStatus::None => panic!("a oneof without a member"),
            });
        results.collect::<Vec<_>>().join("; ")
    }

    /// Calls a command; how that went, in short: the path of its request, "done", a failure, an error.
    pub(crate) fn operate(&mut self, command: &str, key: &str, args: &[(&str, &str)]) -> String {
        self.operate_all(command, key, args).join("; ")
    }

    pub(crate) fn operate_body(command: &str, key: &str, args: &[(&str, &str)], responds: bool) -> Body {
        let args = args.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        OperateBuilder::new(command.into())
            .with_command_key(key.into())
            .with_send_resp(responds)
            .with_input_args(args)
            .build()
            .unwrap()
    }

    /// A Record that calls a command.
    pub(crate) fn record_of(&mut self, command: &str, responds: bool) -> Vec<u8> {
        let body = Self::operate_body(command, "k", &[], responds);
        self.record(body)
    }

    pub(crate) fn operate_all(&mut self, command: &str, key: &str, args: &[(&str, &str)]) -> Vec<String> {
        let msg = self.ask(Self::operate_body(command, key, args, true));
        if let Some(error) = failed(&msg) {
            return vec![error];
        }
        let OneOfresp_type::operate_resp(operate) = answer(msg) else { panic!("an OperateResp") };
        let results = operate.operation_results.into_iter().map(|result| match result.operation_resp {
            Operated::req_obj_path(path) => path,
            Operated::req_output_args(output) => {
                assert!(output.output_args.is_empty());
                "done".into()
            }
            Operated::cmd_failure(failure) => format!("failure {}", failure.err_code),
            Operated::None => panic!("a oneof without a member"),
        });
        results.collect()
    }

    /// Downloads into the second row, to its end.
    pub(crate) fn download(&mut self, url: &str, args: &[(&str, &str)]) {
        let mut all = vec![("URL", url)];
        all.extend(args);
        let command = format!("{ROW2}.Download()");
        let answer = self.operate(&command, "key-d", &all);
        assert!(answer.starts_with("Device.LocalAgent.Request."), "{answer}");
        self.settle();
    }

    /// The rows that GetInstances finds, each with the value of its key.
    pub(crate) fn instances(&mut self, path: &str) -> Result<Vec<(String, String)>, u32> {
        let get = GetInstancesBuilder::new().with_obj_paths(vec![path.to_owned()]).build().unwrap();
        let OneOfresp_type::get_instances_resp(get) = answer(self.ask(get)) else {
            panic!("a GetInstancesResp")
        };
        let [result] = &get.req_path_results[..] else { panic!("one result") };
        if result.err_code != 0 {
            return Err(result.err_code);
        }
        let key = |keys: &std::collections::HashMap<String, String>| {
            keys.get("Alias").or_else(|| keys.get("ID")).expect("a key").clone()
        };
        let rows =
            result.curr_insts.iter().map(|row| (row.instantiated_obj_path.clone(), key(&row.unique_keys)));
        Ok(rows.collect())
    }

    /// Adds a row, with settings all of which are required.
    pub(crate) fn add(&mut self, partial: bool, table: &str, settings: &[(&str, &str)]) -> String {
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned(), true)).collect();
        let object = CreateObjectBuilder::new(table.into()).with_param_settings(settings);
        let add = AddBuilder::new().with_allow_partial(partial).with_create_objs(vec![object]);
        let msg = self.ask(add.build().unwrap());
        if let Some(error) = failed(&msg) {
            return error.split(" Ref").next().unwrap().to_owned();
        }
        let OneOfresp_type::add_resp(add) = answer(msg) else { panic!("an AddResp") };
        let status = add.created_obj_results.into_iter().next().unwrap().oper_status.unwrap().oper_status;
        match status {
            AddStatus::oper_failure(failure) => format!("failure {}", failure.err_code),
            AddStatus::oper_success(success) => format!("success {}", success.instantiated_path),
            AddStatus::None => panic!("a oneof without a member"),
        }
    }

    pub(crate) fn delete(&mut self, partial: bool, path: &str) -> String {
        let delete = DeleteBuilder::new().with_allow_partial(partial).with_obj_paths(vec![path.into()]);
        let msg = self.ask(delete.build().unwrap());
        if let Some(error) = failed(&msg) {
            return error;
        }
        let OneOfresp_type::delete_resp(delete) = answer(msg) else { panic!("a DeleteResp") };
        let status = delete.deleted_obj_results.into_iter().next().unwrap().oper_status.unwrap().oper_status;
        match status {
            DeleteStatus::oper_failure(failure) => format!("failure {}", failure.err_code),
            DeleteStatus::oper_success(success) => format!("success {}", success.affected_paths.join(" ")),
            DeleteStatus::None => panic!("a oneof without a member"),
        }
    }

    /// Subscribes; an ID for each.
    pub(crate) fn subscribe(&mut self, id: &str, kind: &str, reference: &str, persistent: bool) {
        let settings = [
            ("ID", id),
            ("NotifType", kind),
            ("ReferenceList", reference),
            ("Enable", "true"),
            ("Persistent", if persistent { "true" } else { "false" }),
        ];
        let settings = settings.map(|(k, v)| (k.to_owned(), v.to_owned(), true)).to_vec();
        let object =
            CreateObjectBuilder::new("Device.LocalAgent.Subscription.".into()).with_param_settings(settings);
        let msg = self.ask(AddBuilder::new().with_create_objs(vec![object]).build().unwrap());
        assert_eq!(failed(&msg), None, "{id}");
    }

    /// Subscribes to all that an update tells, for good.
    pub(crate) fn subscribe_all(&mut self) {
        self.subscribe("boot", "Event", "Device.Boot!", true);
        self.subscribe("transfer", "Event", "Device.LocalAgent.TransferComplete!", true);
        self.subscribe("complete", "OperationComplete", IMAGES, true);
    }

    /// The notifications since the last call.
    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    pub(crate) fn event(&self, name: &str, param: &str) -> String {
        self.events[name][param].clone()
    }

    /// One round of the application: flash, one step of the updater.
    pub(crate) fn turn(&mut self) {
        self.device.drain(&mut self.up, "the updater").unwrap();
        let now = self.now();
        let _ = self.up.need(now);
        self.poll();
        self.device.clock.advance(1);
    }

    /// Takes all that the agent has to send, if there is anybody to send it to.
    pub(crate) fn poll(&mut self) {
        if !self.linked {
            let now = self.now();
            return self.agent.follow(now, &mut self.up);
        }
        for _ in 0..100 {
            let now = self.now();
            let Some(length) = self.agent.poll(now, &mut self.up, &mut self.out) else { return };
            let record = self.out[..length].to_vec();
            let msg = self.read(&record);
            self.notified(msg);
        }
        panic!("the agent has always something to send");
    }

    fn notified(&mut self, msg: Msg) {
        let OneOfmsg_body::request(request) = msg.body.unwrap().msg_body else { panic!("a request") };
        let OneOfreq_type::notify(notify) = request.req_type else { panic!("a Notify") };
        assert!(!notify.send_resp);
        let line = match notify.notification {
            OneOfnotification::event(event) => {
                self.events.insert(event.event_name.clone(), event.params.into_iter().collect());
                format!("{}{}", event.obj_path, event.event_name)
            }
            OneOfnotification::value_change(change) => {
                format!("{}={}", change.param_path, change.param_value)
            }
            OneOfnotification::oper_complete(complete) => {
                let how = match complete.operation_resp {
                    Completed::req_output_args(output) => {
                        assert!(output.output_args.is_empty());
                        "done".to_owned()
                    }
                    Completed::cmd_failure(failure) => {
                        assert!(!failure.err_msg.is_empty());
                        failure.err_code.to_string()
                    }
                    Completed::None => panic!("a oneof without a member"),
                };
                format!("{}{} {} {how}", complete.obj_path, complete.command_name, complete.command_key)
            }
            OneOfnotification::obj_creation(_) | OneOfnotification::obj_deletion(_) => panic!("not sent"),
            OneOfnotification::on_board_req(_) | OneOfnotification::None => panic!("not sent"),
        };
        self.told.push(line);
    }

    /// Lets the device go on until only the outside can help.
    pub(crate) fn settle(&mut self) {
        let mut still = 0;
        for _ in 0..5_000 {
            self.device.drain(&mut self.up, "the updater").unwrap();
            let now = self.now();
            let moved = match self.up.need(now) {
                Need::Again => true,
                Need::Fetch { ticket, uri, offset, .. } => {
                    let uri = uri.to_owned();
                    self.fetch(ticket, &uri, offset)
                }
                Need::Permit { .. } => match self.permit {
                    Permit::Yes => self.up.permit(now).is_ok(),
                    Permit::Later => {
                        self.asked += 1;
                        self.up.defer(Some(5_000), now).is_ok()
                    }
                    Permit::Silent => false,
                },
                Need::Boot(want) => panic!("the native boot control asks nothing: {want:?}"),
                Need::Reset => {
                    if self.resets && (self.agent.drained() || !self.linked) {
                        self.reset();
                    }
                    self.resets
                }
                Need::Wait(until) => self.wait(until),
                Need::Nothing => {
                    let wanted = self.resets && self.agent.reboot_wanted() && self.agent.drained();
                    if wanted {
                        self.reset();
                    }
                    wanted
                }
            };
            self.poll();
            self.watch();
            self.device.clock.advance(1);
            still = if moved { 0 } else { still + 1 };
            if still > 3 {
                return;
            }
        }
        panic!("the device does not come to rest");
    }

    /// Notes the status of the second row, and that what is Active is what runs.
    fn watch(&mut self) {
        let Some(status) = self.up.status() else { return };
        let shown = |slot| fwupd_usp::spec::project(&status, SlotId(slot)).status.text();
        for slot in 0..2 {
            let runs = self.device.jumped == Some(SlotId(slot));
            assert_eq!(shown(slot) == "Active", runs, "{:?}", status.state);
        }
        let second = shown(1);
        if self.seen.last().map(String::as_str) != Some(second) {
            self.seen.push(second.to_owned());
        }
    }

    fn fetch(&mut self, ticket: fwupd_core::updater::Ticket, uri: &str, offset: u32) -> bool {
        let now = self.now();
        match self.fetch {
            Fetch::Serve => {
                self.device.fetch(&mut self.up, ticket, uri, offset).unwrap();
                true
            }
            Fetch::Hold => false,
            Fetch::Fail(why) => self.up.failed(ticket, why, now).is_ok(),
            Fetch::Stop(bytes) => {
                let whole = self.device.files[uri].clone();
                if offset as usize >= bytes {
                    return false;
                }
                let total = Some(whole.len() as u32);
                if self.up.answered(ticket, offset, total, b"v1").is_err() {
                    return true;
                }
                let mut at = offset as usize;
                for _ in 0..10_000 {
                    if at >= bytes {
                        break;
                    }
                    self.device.drain(&mut self.up, "the updater").unwrap();
                    match self.up.chunk(ticket, at as u32, &whole[at..bytes], now) {
                        Ok(taken) => at += taken,
                        Err(_) => return true,
                    }
                }
                self.device.drain(&mut self.up, "the updater").unwrap();
                self.fetch = Fetch::Hold;
                true
            }
        }
    }

    fn wait(&mut self, until: u64) -> bool {
        let trial = matches!(self.up.status().unwrap().state, State::Trial { .. });
        let now = self.now();
        if !trial {
            self.device.clock.advance(until.saturating_sub(now.mono));
            return true;
        }
        let by = Initiator::APPLICATION;
        match self.device.self_test {
            SelfTest::Pass => self.up.command(by, Command::Confirm, None, now).is_ok(),
            SelfTest::Fail => {
                let reject = Command::Reject { why: Failure::Rejected, detail: b"self-test failed" };
                self.up.command(by, reject, None, now).is_ok()
            }
            SelfTest::Hang => {
                self.device.clock.advance(until.saturating_sub(now.mono));
                true
            }
            SelfTest::Crash => {
                self.reset();
                true
            }
        }
    }

    /// The device resets: what was in RAM is gone.
    pub(crate) fn reset(&mut self) {
        self.boots += 1;
        self.device.clock.reset(WallAfterReset::Lost);
        self.device.bootloader().unwrap();
        self.up = self.device.updater();
        self.config.seed += 1_000;
        self.agent = Agent::new(self.config, &self.saved);
    }

    /// Resets, and settles.
    pub(crate) fn reboot(&mut self) {
        self.reset();
        self.settle();
    }

    /// Lets time pass, and the agent do what is due.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now().mono + millis;
        let boots = self.boots;
        loop {
            self.settle();
            let now = self.now();
            if now.mono >= end || self.boots != boots {
                return;
            }
            let next = self.agent.poll_timeout(now).unwrap_or(end).clamp(now.mono + 1, end);
            self.device.clock.advance(next - now.mono);
        }
    }

    /// Gives a command of somebody else, and has it written.
    pub(crate) fn command(&mut self, by: u8, command: Command<'_>) {
        let now = self.now();
        self.up.command(Initiator(by), command, None, now).unwrap();
        self.device.drain(&mut self.up, "the updater").unwrap();
        assert_eq!(self.up.settled(Initiator(by)), Settled::Written);
    }
}

/// A Record with these bytes as its Message.
pub(crate) fn wrap(payload: &[u8]) -> Vec<u8> {
    let record = RecordBuilder::new()
        .with_to_id(AGENT.into())
        .with_from_id(CONTROLLER.into())
        .with_no_session_context_payload_bytes(payload.to_vec());
    record.build().unwrap().to_vec().unwrap()
}

fn answer(msg: Msg) -> OneOfresp_type {
    let OneOfmsg_body::response(response) = msg.body.unwrap().msg_body else { panic!("a response") };
    response.resp_type
}

/// An Error, in short: its code, and what stands in it of parameters.
pub(crate) fn failed(msg: &Msg) -> Option<String> {
    let OneOfmsg_body::error(error) = &msg.body.as_ref().unwrap().msg_body else { return None };
    let params = error.param_errs.iter().map(|e| format!(" {} {}", e.param_path, e.err_code));
    Some(format!("error {}{}", error.err_code, params.collect::<String>()))
}
