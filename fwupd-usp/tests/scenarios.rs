//! The stories of every protocol, over this one: Records by another implementation of the schemas.

use fwupd_core::outcome::{Ask, Failure};
use fwupd_core::time::Now;
use fwupd_testkit::scenario::{
    Ability, Arrived, Bench, Case, End, Entry, Handled as Came, Message, Order, Played, PowerLost, Rig,
    Shown, Up, play, table,
};
use fwupd_usp::adapter::{Agent, Config, Handled, SAVED_MAX};
use fwupd_usp::spec::{self, model::ImageStatus};
use rusp_lib::usp::mod_Body::OneOfmsg_body;
use rusp_lib::usp::mod_Notify::OneOfnotification;
use rusp_lib::usp::mod_OperateResp::mod_OperationResult::OneOfoperation_resp as Operated;
use rusp_lib::usp::mod_Request::OneOfreq_type;
use rusp_lib::usp::mod_Response::OneOfresp_type;
use rusp_lib::usp::mod_SetResp::mod_UpdatedObjectResult::mod_OperationStatus::OneOfoper_status as Set;
use rusp_lib::usp::{Body, Msg};
use rusp_lib::usp_builder::{
    AddBuilder, CreateObjectBuilder, GetBuilder, MsgBuilder, OperateBuilder, RecordBuilder, SetBuilder,
    UpdateObjectBuilder,
};
use rusp_lib::usp_record::mod_Record::OneOfrecord_type;

const AGENT: &str = "os::00256D-0123456789";
const CONTROLLER: &str = "oui:00256D:controller";
const IMAGES: &str = "Device.DeviceInfo.FirmwareImage.";

struct Usp {
    ask: Ask,
    agent: Agent<'static>,
    saved: Vec<u8>,
    messages: u32,
    /// The row that is updated, and the request that the controller has begun last.
    row: u8,
    request: String,
    /// FaultCode of the last transfer that has failed.
    fault: Option<String>,
    out: Vec<u8>,
}

type Said<T> = Result<T, PowerLost>;

/// A request of the controller, and its answer.
fn request(bench: &mut Bench<Usp>, body: Body) -> Said<OneOfresp_type> {
    bench.rig.messages += 1;
    let id = format!("m{}", bench.rig.messages);
    let msg = MsgBuilder::new().with_msg_id(id).with_body(body).build().unwrap().to_vec().unwrap();
    let record = RecordBuilder::new().with_to_id(AGENT.into()).with_from_id(CONTROLLER.into());
    let record = record.with_no_session_context_payload_bytes(msg).build().unwrap();
    let answer = bench.ask(&record.to_vec().unwrap().into())?;
    let OneOfmsg_body::response(response) = answer.body.unwrap().msg_body else { panic!("a response") };
    Ok(response.resp_type)
}

fn operate(bench: &mut Bench<Usp>, command: &str, args: &[(&str, &str)]) -> Said<String> {
    let args = args.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let key = format!("key-{}", bench.rig.messages);
    let body = OperateBuilder::new(command.into()).with_command_key(key).with_send_resp(true);
    let OneOfresp_type::operate_resp(operate) = request(bench, body.with_input_args(args).build().unwrap())?
    else {
        panic!("an OperateResp")
    };
    Ok(match operate.operation_results.into_iter().next().unwrap().operation_resp {
        Operated::req_obj_path(path) => {
            bench.rig.request = path;
            "begun".into()
        }
        Operated::req_output_args(_) => "done".into(),
        Operated::cmd_failure(failure) => failure.err_code.to_string(),
        Operated::None => panic!("a oneof without a member"),
    })
}

/// The parameters of the two rows: Status and Available of each.
fn rows(bench: &mut Bench<Usp>) -> Said<[(ImageStatus, bool); 2]> {
    let paths = ["1.Status", "1.Available", "2.Status", "2.Available"];
    let get = GetBuilder::new().with_params(paths.map(|path| format!("{IMAGES}{path}")).to_vec());
    let OneOfresp_type::get_resp(get) = request(bench, get.build().unwrap())? else { panic!("a GetResp") };
    let values = get.req_path_results.into_iter().map(|result| {
        assert_eq!(result.err_code, 0);
        result.resolved_path_results.into_iter().flat_map(|found| found.result_params).next().unwrap().1
    });
    let values: Vec<String> = values.collect();
    let status = |text: &str| ImageStatus::ALL.iter().find(|status| status.text() == text).unwrap();
    Ok([0, 2].map(|n| (*status(&values[n]), values[n + 1] == "true")))
}

/// The row that does not run is the one that is updated.
fn target(bench: &mut Bench<Usp>) -> Said<String> {
    let [(first, _), _] = rows(bench)?;
    bench.rig.row = if first == ImageStatus::Active { 2 } else { 1 };
    bench.rig.fault = None;
    Ok(format!("{IMAGES}{}", bench.rig.row))
}

fn download(bench: &mut Bench<Usp>, url: &str, activates: &str) -> Said<String> {
    let row = target(bench)?;
    operate(bench, &format!("{row}.Download()"), &[("URL", url), ("AutoActivate", activates)])
}

fn activate(bench: &mut Bench<Usp>, after: u32) -> Said<String> {
    let mode = if bench.rig.ask == Ask::User { "ConfirmationNeeded" } else { "AnyTime" };
    let (row, start) = (target(bench)?, after.to_string());
    let window = [("Start", start.as_str()), ("End", "3600"), ("Mode", mode), ("MaxRetries", "3")];
    let window = window.map(|(member, value)| (format!("TimeWindow.1.{member}"), value));
    let window = window.each_ref().map(|(member, value)| (member.as_str(), *value));
    operate(bench, &format!("{row}.Activate()"), &window)
}

/// The image is not to be activated any more.
fn disable(bench: &mut Bench<Usp>) -> Said<String> {
    let object = UpdateObjectBuilder::new(format!("{}.", target(bench)?));
    let object = object.with_param_settings(vec![("Available".into(), "false".into(), false)]);
    let set = SetBuilder::new().with_allow_partial(true).with_update_objs(vec![object]).build().unwrap();
    let OneOfresp_type::set_resp(set) = request(bench, set)? else { panic!("a SetResp") };
    let status = set.updated_obj_results.into_iter().next().unwrap().oper_status.unwrap().oper_status;
    let Set::oper_success(success) = status else { panic!("it is not required") };
    let row = success.updated_inst_results.into_iter().next().unwrap();
    Ok(row.param_errs.first().map_or("done".into(), |error| error.err_code.to_string()))
}

fn agent(seed: u32, saved: &[u8]) -> Agent<'static> {
    Agent::new(Config::new(AGENT, CONTROLLER, 1_000 + seed * 1_000), saved)
}

impl Rig for Usp {
    const NAME: &'static str = "USP";
    const BASE: &'static str = "https://host/";
    const CANNOT: &'static [Entry] = &[
        (Ability::Check, "TR-181, FirmwareImage: only Download() and Activate() (rows 26, 52)"),
        (Ability::Deliver, "TR-181, Download(): from a URL (row 28)"),
        (Ability::Resume, "TR-181, LocalAgent.Request: ends with a reset (row 63)"),
    ];
    type Answer = Msg;

    fn new(ask: Ask) -> Self {
        let (saved, request, out) = (Vec::new(), String::new(), vec![0; 8192]);
        let agent = agent(0, &saved);
        Self { ask, agent, saved, messages: 0, row: 2, request, fault: None, out }
    }

    fn boot(&mut self, boots: u32, _: Now) {
        self.agent = agent(boots, &self.saved);
    }

    fn handle(&mut self, message: &Message, now: Now, up: &mut Up) -> Came {
        let length = match self.agent.handle(&message.bytes, now, up, &mut self.out) {
            Handled::Again => return Came::Again,
            Handled::Done(length) => length,
        };
        let mut room = [0; SAVED_MAX];
        if let Some(saved) = self.agent.save(&mut room) {
            self.saved = room[..saved.unwrap()].to_vec();
        }
        Came::back(&self.out[..length])
    }

    fn poll(&mut self, now: Now, up: &mut Up) -> Option<Message> {
        let length = self.agent.poll(now, up, &mut self.out)?;
        Some(self.out[..length].to_vec().into())
    }

    fn timeout(&self, now: Now) -> Option<u64> {
        self.agent.poll_timeout(now)
    }

    fn drained(&self) -> bool {
        self.agent.drained()
    }

    /// The controller subscribes to the ends of transfers.
    fn meets(bench: &mut Bench<Self>) -> Said<()> {
        let settings = [
            ("ID", "transfers"),
            ("NotifType", "Event"),
            ("ReferenceList", "Device.LocalAgent.TransferComplete!"),
            ("Enable", "true"),
            ("Persistent", "true"),
        ];
        let settings = settings.map(|(k, v)| (k.to_owned(), v.to_owned(), true)).to_vec();
        let object = CreateObjectBuilder::new("Device.LocalAgent.Subscription.".into());
        let add = AddBuilder::new().with_create_objs(vec![object.with_param_settings(settings)]);
        assert!(matches!(request(bench, add.build().unwrap())?, OneOfresp_type::add_resp(_)));
        Ok(())
    }

    fn arrives(&mut self, message: &Message) -> Arrived<Msg> {
        let record = rusp_lib::usp_decoder::try_decode_record(&message.bytes).unwrap();
        let OneOfrecord_type::no_session_context(inner) = record.record_type else { panic!("a Message") };
        let msg = Msg::from_bytes(&inner.payload).unwrap();
        if let OneOfmsg_body::request(request) = &msg.body.as_ref().unwrap().msg_body {
            let OneOfreq_type::notify(notify) = &request.req_type else { panic!("a Notify") };
            if let OneOfnotification::event(event) = &notify.notification {
                self.fault = event.params.get("FaultCode").filter(|code| *code != "0").cloned();
            }
            return Arrived { answer: None, back: None };
        }
        Arrived { answer: Some(msg), back: None }
    }

    fn say(bench: &mut Bench<Self>, order: Order<'_>) -> Said<Option<String>> {
        Ok(Some(match order {
            Order::Check(_) | Order::Deliver(_) => return Ok(None),
            Order::Fetch(url) => download(bench, url, "false")?,
            Order::Install(url) => download(bench, url, "true")?,
            Order::Activate | Order::GoBack => activate(bench, 0)?,
            Order::Schedule(seconds) => activate(bench, seconds)?,
            Order::Cancel | Order::Withdraw => {
                let command = format!("{}Cancel()", bench.rig.request);
                operate(bench, &command, &[])?
            }
            Order::Discard => disable(bench)?,
        }))
    }

    fn read(bench: &mut Bench<Self>) -> Said<Shown> {
        let rows = rows(bench)?;
        let shown = rows.map(|(status, available)| spec::Shown {
            status,
            available,
            version: None,
            log: &[],
            why: None,
        });
        let (status, _) = rows[usize::from(bench.rig.row) - 1];
        let fault = bench.rig.fault.as_ref().map_or(String::new(), |fault| format!(" {fault}"));
        Ok(Shown { text: format!("{}{fault}", status.text()), coarse: spec::coarse(shown) })
    }

    fn answers(order: Order<'_>, case: Case) -> &'static str {
        match (case, order) {
            (Case::Taken, Order::Cancel | Order::Withdraw | Order::Discard) => "done",
            (Case::Taken, _) => "begun",
            (Case::NoUri | Case::NoScheme, _) => "7004",
            (Case::Busy, Order::Discard) => "7014",
            (Case::Busy | Case::Downloading | Case::Installing, _) => "7005",
            (Case::Nothing, _) => "7022",
        }
    }

    fn shows(end: End) -> &'static str {
        match end {
            End::Fresh | End::Nothing | End::NoUri | End::NoScheme => "NoImage",
            End::Newer | End::NothingNewer => panic!("{end:?} has no words"),
            End::Staged | End::Discarded | End::Withdrawn | End::Deferred => "Available",
            End::Installed => "Active",
            End::Received(Failure::NoSpaceInFlash) => "InstallationFailed 7005",
            End::Received(Failure::InstallFailed) => "InstallationFailed 7022",
            End::Received(Failure::OutOfRam) => "DownloadFailed 7005",
            End::Received(Failure::PowerLost) => "DownloadFailed 7022",
            End::CancelledEarly | End::Received(Failure::Cancelled) => "DownloadFailed 7023",
            End::Received(Failure::ConnectionLost | Failure::HostUnknown) => "DownloadFailed 7033",
            End::Received(Failure::TransportStatus(404)) => "DownloadFailed 7033",
            End::Received(Failure::PeerNotTrusted) => "DownloadFailed 7034",
            End::Received(Failure::Integrity | Failure::WrongDevice) => "ValidationFailed 7035",
            End::Received(Failure::UnsupportedPackage | Failure::OlderThanAllowed) => "ValidationFailed 7035",
            End::Received(Failure::Authenticity) => "ValidationFailed 7036",
            End::Given(Failure::Rejected | Failure::NotConfirmed | Failure::BootFailed) => "ActivationFailed",
            End::Kept(Failure::PowerLost) => "InstallationFailed",
            End::Received(why) | End::Given(why) | End::Kept(why) => panic!("no story ends so: {why:?}"),
        }
    }
}

#[test]
fn every_story_goes_as_it_is_told() {
    let played = play::<Usp>();
    fwupd_testkit::tell(format_args!("scenarios usp: {played}"));
    assert_eq!(played, Played { runs: 38, entries: 3 });
    table::check::<Usp>(played);
}
