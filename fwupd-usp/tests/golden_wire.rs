//! What a controller writes, byte for byte as another implementation of the schemas writes it.

use fwupd_usp::spec::schema::{get, header, operate};
use fwupd_usp::wire::msg::{Body, Msg, Verb, notify_response};
use fwupd_usp::wire::record::{Carries, Record, emit, emit_disconnect, emit_websocket_connect};
use fwupd_usp::wire::{Malformed, Out, controller};
use rusp_lib::usp_builder::{
    AddBuilder, CreateObjectBuilder, DeleteBuilder, GetBuilder, GetInstancesBuilder,
    GetSupportedProtocolBuilder, MsgBuilder, NotifyRespBuilder, OperateBuilder, RecordBuilder, SetBuilder,
    UpdateObjectBuilder,
};

const ID: &str = "41";

fn ours(write: impl FnOnce(&mut Out<'_>)) -> Vec<u8> {
    let mut room = vec![0; 2048];
    let mut out = Out::new(&mut room);
    write(&mut out);
    let length = out.finish().unwrap();
    room.truncate(length);
    room
}

fn theirs(body: rusp_lib::usp::Body) -> Vec<u8> {
    MsgBuilder::new().with_msg_id(ID.into()).with_body(body).build().unwrap().to_vec().unwrap()
}

#[test]
fn every_request_of_a_controller_is_the_same_in_another_implementation() {
    let image = "Device.DeviceInfo.FirmwareImage.";
    let long = "x".repeat(300);
    let cases = [
        (
            Verb::Get,
            ours(|out| controller::get(out, ID, &[image, &long], 2)),
            theirs(
                GetBuilder::new()
                    .with_params(vec![image.into(), long.clone()])
                    .with_max_depth(2)
                    .build()
                    .unwrap(),
            ),
        ),
        (
            Verb::Set,
            ours(|out| controller::set(out, ID, true, &[(image, &[("A", "1", true), ("B", "", false)])])),
            theirs(
                SetBuilder::new()
                    .with_allow_partial(true)
                    .with_update_objs(vec![UpdateObjectBuilder::new(image.into()).with_param_settings(vec![
                        ("A".into(), "1".into(), true),
                        ("B".into(), String::new(), false),
                    ])])
                    .build()
                    .unwrap(),
            ),
        ),
        (
            Verb::Add,
            ours(|out| controller::add(out, ID, false, &[(image, &[("A", "1", false)])])),
            theirs(
                AddBuilder::new()
                    .with_create_objs(vec![
                        CreateObjectBuilder::new(image.into()).with_param_settings(vec![(
                            "A".into(),
                            "1".into(),
                            false,
                        )]),
                    ])
                    .build()
                    .unwrap(),
            ),
        ),
        (
            Verb::Delete,
            ours(|out| controller::delete(out, ID, false, &[image])),
            theirs(DeleteBuilder::new().with_obj_paths(vec![image.into()]).build().unwrap()),
        ),
        (
            Verb::Operate,
            ours(|out| controller::operate(out, ID, "Device.Reboot()", "key", true, &[("Reason", "why")])),
            theirs(
                OperateBuilder::new("Device.Reboot()".into())
                    .with_command_key("key".into())
                    .with_send_resp(true)
                    .with_input_args(vec![("Reason".into(), "why".into())])
                    .build()
                    .unwrap(),
            ),
        ),
        (
            Verb::GetInstances,
            ours(|out| controller::get_instances(out, ID, &[image], true)),
            theirs(
                GetInstancesBuilder::new()
                    .with_first_level_only(true)
                    .with_obj_paths(vec![image.into()])
                    .build()
                    .unwrap(),
            ),
        ),
        (
            Verb::GetSupportedProtocol,
            ours(|out| controller::get_supported_protocol(out, ID, "1.0,1.4")),
            theirs(GetSupportedProtocolBuilder::new("1.0,1.4".into()).build().unwrap()),
        ),
    ];
    for (verb, ours, theirs) in cases {
        assert_eq!(ours, theirs, "{verb:?}");
        let msg = Msg::parse(&theirs).unwrap();
        assert_eq!(msg.id, ID);
        assert!(matches!(msg.body, Body::Request(what, _) if what == verb), "{verb:?}");
    }
    let answer = ours(|out| notify_response(out, ID, "sub-1"));
    assert_eq!(answer, theirs(NotifyRespBuilder::new("sub-1".into()).build().unwrap()));
}

#[test]
fn a_record_is_the_same_in_another_implementation() {
    let made = || RecordBuilder::new().with_to_id("os::to".into()).with_from_id("os::from".into());
    let theirs = made().with_no_session_context_payload_bytes(b"payload".to_vec()).build().unwrap();
    let bytes = ours(|out| emit(out, "os::to", "os::from", |out| out.part("payload")));
    assert_eq!(bytes, theirs.to_vec().unwrap());
    let read = Record::parse(&bytes).unwrap();
    assert_eq!(read, Record { to: "os::to", from: "os::from", carries: Carries::Message(b"payload") });

    let theirs = made().as_websocket_connect_record().build().unwrap().to_vec().unwrap();
    assert_eq!(ours(|out| emit_websocket_connect(out, "os::to", "os::from")), theirs);
    assert_eq!(Record::parse(&theirs).unwrap().carries, Carries::Connect);

    let why = fwupd_usp::spec::RecordError::SessionNotAllowed;
    let theirs = made().as_disconnect_record(why.text().into(), 7106).build().unwrap().to_vec().unwrap();
    assert_eq!(ours(|out| emit_disconnect(out, "os::to", "os::from", why)), theirs);
    assert_eq!(Record::parse(&theirs).unwrap().carries, Carries::Disconnect(why.text(), 7106));
}

#[test]
fn what_the_schema_does_not_know_is_skipped_and_the_last_of_a_scalar_counts() {
    let mut bytes = ours(|out| controller::get(out, ID, &["Device."], 0));
    // Fields 100 (varint), 101 (bytes), 102 (fixed32), 103 (fixed64) and 104 (group) of usp.Msg.
    bytes.extend([0xA0, 6, 1, 0xAA, 6, 1, 0xFF, 0xB5, 6, 1, 2, 3, 4, 0xB9, 6, 1, 2, 3, 4, 5, 6, 7, 8]);
    bytes.extend([0xC3, 6, 8, 1, 0xC4, 6]);
    let Body::Request(Verb::Get, node) = Msg::parse(&bytes).unwrap().body else { panic!("a Get") };
    assert!(node.texts(get::PARAM_PATHS).eq(["Device."]));

    let twice = ours(|out| {
        let head = out.open(1);
        out.text(header::MSG_ID, "first");
        out.text(header::MSG_ID, "last");
        out.close(head);
        let body = out.open(2);
        let request = out.open(1);
        let operate = out.open(7);
        out.text(operate::COMMAND, "Device.Reboot()");
        out.pair(operate::INPUT_ARGS, "Reason", "first");
        out.pair(operate::INPUT_ARGS, "Reason", "last");
        out.close(operate);
        out.close(request);
        out.close(body);
    });
    let msg = Msg::parse(&twice).unwrap();
    assert_eq!(msg.id, "last");
    let Body::Request(Verb::Operate, node) = msg.body else { panic!("an Operate") };
    assert_eq!(node.pair(operate::INPUT_ARGS, "Reason"), Some("last"));
}

#[test]
fn a_oneof_has_one_member() {
    let header = [10, 4, 10, 2, b'4', b'1'];
    let with = |body: &[u8]| Msg::parse(&[&header[..], body].concat()).map(|_| ());
    assert_eq!(with(&[18, 4, 10, 2, 10, 0]), Ok(()), "a Get of nothing");
    for body in
        [&[][..], &[18, 0], &[18, 2, 10, 0], &[18, 6, 10, 4, 10, 0, 10, 0], &[18, 6, 10, 4, 10, 0, 34, 0]]
    {
        assert_eq!(with(body), Err(Malformed::Oneof), "{body:?}");
    }
    assert_eq!(with(&[18, 4, 10, 2, 13, 0]), Err(Malformed::Syntax));
    let no_text = [10, 6, 10, 4, 0xC0, 0x80, b'4', b'1', 18, 4, 10, 2, 10, 0];
    assert_eq!(Msg::parse(&no_text), Err(Malformed::Syntax));
}

/// By hand, from usp-record-1-5.proto: originator_id is field 14 and destination_id field 15, both strings.
#[test]
fn a_record_of_usp_1_5_may_say_where_it_comes_from_and_goes_to_beyond_its_forwarder() {
    let record = ours(|out| emit(out, "os::to", "os::from", |_| {}));
    let with = |fields: &[u8]| {
        Record::parse(&[&record[..], fields].concat()).map(|read| (read.to.to_owned(), read.from.to_owned()))
    };
    assert_eq!(with(&[0x72, 1, b'o', 0x7A, 1, b'd']), Ok(("os::to".to_owned(), "os::from".to_owned())));
    for bad in [&[0x70, 1][..], &[0x72, 1, 0xFF], &[0x7A, 2, b'd']] {
        assert_eq!(with(bad), Err(Malformed::Syntax), "{bad:?}");
    }
}
