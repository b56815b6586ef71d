//! Records and Messages as such.

use fwupd_usp::adapter::Handled;
use rusp_lib::usp::Body;
use rusp_lib::usp_builder::{
    AddBuilder, CreateObjectBuilder, DeleteBuilder, GetBuilder, GetSupportedProtocolBuilder, RecordBuilder,
    SessionContextBuilder, SetBuilder, UpdateObjectBuilder,
};
use rusp_lib::usp_record::mod_Record::OneOfrecord_type;

use crate::rig::{AGENT, CONTROLLER, Fetch, NEW, ROW2, Rig, failed, wrap};

fn get() -> rusp_lib::usp::Body {
    GetBuilder::new().with_params(vec!["Device.DeviceInfo.SoftwareVersion".into()]).build().unwrap()
}

#[test]
fn r76_a_message_that_is_none_gets_7004_or_silence() {
    let mut rig = Rig::new();
    let header = [10, 6, 10, 2, b'4', b'1', 16, 1];
    for body in [
        &[][..],
        // A body without a member, a request without one, and with two; a value of the wrong type.
        &[18, 0],
        &[18, 2, 10, 0],
        &[18, 6, 10, 4, 10, 0, 34, 0],
        &[18, 5, 10, 3, 10, 1, 8],
        // An entry of a map that breaks off, and a length of five megabytes.
        &[18, 8, 10, 6, 58, 4, 34, 2, 10, 5],
        &[18, 0x80, 0x80, 0xB0, 2],
    ] {
        let record = wrap(&[&header[..], body].concat());
        let answer = rig.deliver(&record).unwrap_or_else(|| panic!("{body:?}"));
        assert_eq!((answer.msg_id(), failed(&answer)), ("41", Some("error 7004".into())), "{body:?}");
    }
    for silent in [
        // An unknown type, no identifier, and what cannot be read at all.
        &[10, 6, 10, 2, b'4', b'1', 16, 99, 18, 4, 10, 2, 10, 0][..],
        &[10, 0, 18, 4, 10, 2, 10, 0],
        &[18, 4, 10, 2, 10, 0],
        &[0xFF; 40],
        &[],
        // A response that is broken is not answered.
        &[10, 4, 10, 2, b'4', b'1', 18, 3, 18, 1, 66],
    ] {
        assert_eq!(rig.deliver(&wrap(silent)), None, "{silent:?}");
    }
    // The entry of a map without a value has the default one.
    let empty = [18, 10, 10, 8, 58, 6, 24, 1, 34, 2, 10, 0];
    let answer = rig.deliver(&wrap(&[&header[..], &empty].concat())).unwrap();
    assert_eq!(failed(&answer).as_deref(), Some("error 7026"), "the command has no name");
    assert_eq!(rig.get("Device.DeviceInfo.SoftwareVersion"), "4", "and goes on");
}

#[test]
fn r77_a_record_that_is_not_for_this_agent_or_not_from_its_controller_is_ignored() {
    let mut rig = Rig::new();
    let good = rig.record(get());
    for (to, from) in [("os::other", CONTROLLER), (AGENT, AGENT), (AGENT, "os::stranger"), ("", CONTROLLER)] {
        let payload = b"\x0A\x04\x0A\x0241\x12\x04\x0A\x02\x0A\x00".to_vec();
        let record = RecordBuilder::new()
            .with_to_id(to.into())
            .with_from_id(from.into())
            .with_no_session_context_payload_bytes(payload);
        assert_eq!(rig.deliver(&record.build().unwrap().to_vec().unwrap()), None, "{to} {from}");
    }
    // Fields 14 and 15 of the schema 1.5.
    let with_new_fields = [&good[..], b"\x72\x05os::a\x7A\x05os::b"].concat();
    assert!(rig.deliver(&with_new_fields).is_some());
    // A Record that violates its oneof is discarded: R-ENC.4.
    assert_eq!(rig.deliver(&[&good[..], &[74, 0]].concat()), None);
    assert_eq!(rig.deliver(&[&good[..], &[0x80]].concat()), None);
}

#[test]
fn r77_a_session_is_not_allowed() {
    let mut rig = Rig::new();
    let session = SessionContextBuilder::new()
        .with_session_id(1)
        .with_sequence_id(1)
        .with_expected_id(1)
        .with_payload(vec![1, 2, 3]);
    let record = RecordBuilder::new()
        .with_to_id(AGENT.into())
        .with_from_id(CONTROLLER.into())
        .with_session_context_builder(session);
    let record = record.build().unwrap().to_vec().unwrap();
    let mut out = [0; 512];
    let now = rig.now();
    let Handled::Done(length) = rig.agent.handle(&record, now, &mut rig.up, &mut out) else {
        panic!("at once")
    };
    let back = rusp_lib::usp_decoder::try_decode_record(&out[..length]).unwrap();
    let OneOfrecord_type::disconnect(disconnect) = back.record_type else { panic!("a Disconnect") };
    assert_eq!(disconnect.reason_code, 7106);
}

#[test]
fn r78_every_kind_of_message_is_read_by_another_implementation() {
    // Each Record that a test's device sends is read so: see `Rig::read`. Here, all kinds of them at once.
    let mut rig = Rig::new();
    rig.subscribe_all();
    rig.subscribe("change", "ValueChange", "Device.DeviceInfo.SoftwareVersion", true);
    rig.download(NEW, &[("AutoActivate", "true")]);
    assert_eq!(
        rig.set(false, "Device.DeviceInfo.", "Nothing", "1", true),
        "error 7004 Device.DeviceInfo.Nothing 7010"
    );
    let protocol = rig.ask(GetSupportedProtocolBuilder::new("1.0,1.4".into()).build().unwrap());
    assert_eq!(failed(&protocol), None);
    assert!(rig.take().len() >= 4, "all kinds of notifications");
    assert!(rig.sent.len() >= 10);
}

#[test]
fn an_answer_that_does_not_fit_is_an_error_and_nothing_is_cut() {
    let mut rig = Rig::new();
    let record = rig.record(GetBuilder::new().with_params(vec!["Device.".into()]).build().unwrap());
    let now = rig.now();
    let mut small = [0; 200];
    let Handled::Done(length) = rig.agent.handle(&record, now, &mut rig.up, &mut small) else {
        panic!("at once")
    };
    let back = rusp_lib::usp_decoder::try_decode_record(&small[..length]).unwrap();
    let OneOfrecord_type::no_session_context(inner) = back.record_type else { panic!("a Message") };
    let msg = rusp_lib::usp::Msg::from_bytes(&inner.payload).unwrap();
    assert_eq!(failed(&msg).as_deref(), Some("error 7005"));
}

/// Hands in a Record with more and more room for its answer, until that is no Error. Till then nothing changes.
fn until_it_fits(rig: &mut Rig, body: Body, what: &str) {
    let record = rig.record(body);
    let shown = |rig: &mut Rig| format!("{:?}", rig.get_all(&["Device."], 0));
    let before = shown(rig);
    for room in 0..2_000 {
        let mut out = vec![0; room];
        let length = loop {
            let now = rig.now();
            match rig.agent.handle(&record, now, &mut rig.up, &mut out) {
                Handled::Done(length) => break length,
                Handled::Again => rig.turn(),
            }
        };
        if length > 0 && failed(&rig.read(&out[..length])).is_none() {
            assert!(room > 40 && shown(rig) != before, "{what}: {room}");
            return;
        }
        assert_eq!(shown(rig), before, "{what}: {room}");
    }
    panic!("{what} is never answered");
}

#[test]
fn what_there_is_no_room_to_answer_is_not_done() {
    let mut rig = Rig::staged();
    let settings = [("ID", "t"), ("NotifType", "Event"), ("ReferenceList", "Device.Boot!")];
    let settings = settings.map(|(k, v)| (k.to_owned(), v.to_owned(), false)).to_vec();
    let object = CreateObjectBuilder::new("Device.LocalAgent.Subscription.".into());
    let add = AddBuilder::new().with_allow_partial(true);
    let add = add.with_create_objs(vec![object.with_param_settings(settings)]);
    until_it_fits(&mut rig, add.build().unwrap(), "Add");
    let update = |path: &str, name: &str, value: &str| {
        let setting = (name.to_owned(), value.to_owned(), true);
        UpdateObjectBuilder::new(path.into()).with_param_settings(vec![setting])
    };
    let row = format!("{ROW2}.");
    let all =
        vec![update("Device.LocalAgent.Subscription.*.", "Enable", "true"), update(&row, "Available", "0")];
    let set = SetBuilder::new().with_allow_partial(true).with_update_objs(all);
    until_it_fits(&mut rig, set.build().unwrap(), "Set");
    let paths = vec!["Device.LocalAgent.Subscription.1.".into(), "Device.LocalAgent.Subscription.*.".into()];
    let delete = DeleteBuilder::new().with_allow_partial(true).with_obj_paths(paths);
    until_it_fits(&mut rig, delete.build().unwrap(), "Delete");
    rig.fetch = Fetch::Hold;
    let body = Rig::operate_body(&format!("{ROW2}.Download()"), "k", &[("URL", NEW)], true);
    until_it_fits(&mut rig, body, "Operate");
}
