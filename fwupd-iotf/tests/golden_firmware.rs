//! The messages of the documentation (Device Management Requests, Firmware actions: download and update), as they
//! stand there.

use fwupd_iotf::firmware::{Attributes, Change, named};
use fwupd_iotf::spec::{Field, Inbound, Shown, State, UpdateStatus, topic};
use fwupd_iotf::wire::message::{self, Envelope, ReqId, platform};
use fwupd_iotf::wire::text::Short;
use serde_json::Value;

const UPDATE: &str = r#"{
   "reqId" : "f38faafc-53de-47a8-a940-e697552c3194",
   "d" : {
      "fields" : [
         {
            "field" : "mgmt.firmware",
            "value" : {
               "version" : "some firmware version",
               "name" : "some firmware name",
               "uri" : "some uri for firmware location",
               "verifier" : "some validation code",
               "state" : 0,
               "updateStatus" : 0,
               "updatedDateTime" : ""
            }
         }
      ]
   }
}"#;
const OBSERVE: &str = r#"{
   "reqId" : "909b477c-cd37-4bee-83fa-1d568664fbe8",
   "d" : {
      "fields" : [ {
         "field" : "mgmt.firmware"
         }
      ]
   }
}"#;
const INITIATE: &str = r#"{
   "reqId" : "7b244053-c08e-4d89-9ed6-6eb2618a8734"
}"#;
const CANCEL: &str = r#"{
   "reqId" : "d9ca3635-64d5-46e2-93ee-7d1b573fb20f",
   "d" : {
      "fields" : [{
            "field" : "mgmt.firmware"
         }
      ]
   }
}"#;
/// The values of three notifications: downloading, downloaded (without a status in this later form), updated.
const DOWNLOADING: &str = r#"{ "state" : 1 }"#;
const UPDATED: &str = r#"{ "state" : 0, "updateStatus" : 0 }"#;

fn same(ours: &[u8], theirs: &str) {
    assert_eq!(
        serde_json::from_slice::<Value>(ours).unwrap(),
        serde_json::from_str::<Value>(theirs).unwrap()
    );
}

fn id<'t>(envelope: &Envelope<'t>) -> &'t str {
    match envelope.req_id {
        ReqId::Text(text) => text.raw(),
        ReqId::Absent | ReqId::Unreadable => panic!("{envelope:?}"),
    }
}

#[test]
fn the_topics_are_those_of_the_documentation() {
    for (name, inbound) in [
        ("iotdm-1/response", Inbound::Response),
        ("iotdm-1/device/update", Inbound::Update),
        ("iotdm-1/observe", Inbound::Observe),
        ("iotdm-1/cancel", Inbound::Cancel),
        ("iotdm-1/mgmt/initiate/device/reboot", Inbound::Reboot),
        ("iotdm-1/mgmt/initiate/device/factory_reset", Inbound::FactoryReset),
        ("iotdm-1/mgmt/initiate/firmware/download", Inbound::Download),
        ("iotdm-1/mgmt/initiate/firmware/update", Inbound::Install),
    ] {
        assert_eq!(Inbound::from_topic(name), Some(inbound));
        assert_eq!(format!("{}{}", topic::TO_DEVICE, inbound.name().unwrap()), name);
    }
    assert_eq!(topic::MANAGE, "iotdevice-1/mgmt/manage");
    assert_eq!(topic::UNMANAGE, "iotdevice-1/mgmt/unmanage");
    assert_eq!((topic::NOTIFY, topic::RESPONSE), ("iotdevice-1/notify", "iotdevice-1/response"));
}

#[test]
fn the_update_of_the_documentation_is_read_and_written() {
    let envelope = Envelope::parse(UPDATE.as_bytes());
    assert_eq!(id(&envelope), "f38faafc-53de-47a8-a940-e697552c3194");
    let write = Attributes::EMPTY.written(envelope.fields().unwrap()).unwrap();
    let expected = Attributes {
        version: Short::new("some firmware version").unwrap(),
        name: Short::new("some firmware name").unwrap(),
        uri: Short::new("some uri for firmware location").unwrap(),
        verifier: Short::new("some validation code").unwrap(),
    };
    assert_eq!(write.attributes, expected);
    assert_eq!((write.state, write.status), (Some(State::Idle), Some(UpdateStatus::Success)));

    let mut out = [0; 512];
    let length = platform::update(
        &mut out,
        "mgmt.firmware",
        |json| {
            json.object().key("version").string("some firmware version");
            json.key("name").string("some firmware name").key("uri").string("some uri for firmware location");
            json.key("verifier").string("some validation code").key("state").number(0);
            json.key("updateStatus").number(0).key("updatedDateTime").string("").end_object();
        },
        Some("f38faafc-53de-47a8-a940-e697552c3194"),
    );
    same(&out[..length.unwrap()], UPDATE);
}

#[test]
fn the_observation_and_its_end_of_the_documentation_are_read_and_written() {
    for (text, expected) in
        [(OBSERVE, "909b477c-cd37-4bee-83fa-1d568664fbe8"), (CANCEL, "d9ca3635-64d5-46e2-93ee-7d1b573fb20f")]
    {
        let envelope = Envelope::parse(text.as_bytes());
        assert_eq!(id(&envelope), expected);
        assert_eq!(named(envelope.fields().unwrap()), Ok(Field::Firmware.bit()));
        let mut out = [0; 512];
        let length = platform::names(&mut out, &["mgmt.firmware"], Some(expected)).unwrap();
        same(&out[..length], text);
    }
}

#[test]
fn the_initiation_of_the_documentation_is_read_and_written() {
    let envelope = Envelope::parse(INITIATE.as_bytes());
    assert_eq!(id(&envelope), "7b244053-c08e-4d89-9ed6-6eb2618a8734");
    let mut out = [0; 512];
    let length = platform::initiate(&mut out, Some("7b244053-c08e-4d89-9ed6-6eb2618a8734")).unwrap();
    same(&out[..length], INITIATE);
    let length = platform::initiate(&mut out, None).unwrap();
    assert_eq!(Envelope::parse(&out[..length]).req_id, ReqId::Absent);
}

#[test]
fn the_answer_of_the_documentation_is_read_and_written() {
    let text = r#"{ "rc" : 200, "reqId" : "909b477c-cd37-4bee-83fa-1d568664fbe8" }"#;
    let envelope = Envelope::parse(text.as_bytes());
    assert_eq!((envelope.rc(), id(&envelope)), (Some(200), "909b477c-cd37-4bee-83fa-1d568664fbe8"));
    let mut out = [0; 512];
    let length = platform::response(&mut out, 200, "909b477c-cd37-4bee-83fa-1d568664fbe8").unwrap();
    same(&out[..length], text);
}

#[test]
fn the_notifications_of_the_documentation_are_written() {
    let shown = |state, status| Shown { state, status };
    let idle = shown(State::Idle, UpdateStatus::Success);
    let downloading = shown(State::Downloading, UpdateStatus::Success);
    let updating = shown(State::Downloaded, UpdateStatus::InProgress);
    for (before, after, expected) in [(idle, downloading, DOWNLOADING), (updating, idle, UPDATED)] {
        let mut out = [0; 512];
        let write = |json: &mut fwupd_iotf::wire::json::Writer<'_, '_>| {
            json.key("value");
            Change::between(before, after).show(json);
        };
        let length = message::write(&mut out, write).unwrap();
        same(&out[..length], &format!(r#"{{"value":{expected}}}"#));
    }
}
