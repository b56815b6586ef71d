//! Bytes that nobody means well with: 10,000 random and mutated Records.

use fwupd_core::outcome::Initiator;
use fwupd_testkit::random::Random;
use fwupd_usp::wire::{Out, controller};
use rusp_lib::usp::Msg;
use rusp_lib::usp::mod_Body::OneOfmsg_body;
use rusp_lib::usp::mod_Request::OneOfreq_type;
use rusp_lib::usp_record::mod_Record::OneOfrecord_type;

use crate::rig::{AGENT, CONTROLLER, Fetch, NEW, ROW1, ROW2, Rig, failed, wrap};

fn message(write: impl FnOnce(&mut Out<'_>)) -> Vec<u8> {
    let mut room = vec![0; 1024];
    let mut out = Out::new(&mut room);
    write(&mut out);
    let length = out.finish().unwrap();
    room.truncate(length);
    room
}

/// Good requests of all kinds.
fn good() -> Vec<Vec<u8>> {
    let download = format!("{ROW2}.Download()");
    let activate = format!("{ROW2}.Activate()");
    let window = [("TimeWindow.1.Start", "1"), ("TimeWindow.1.End", "9"), ("TimeWindow.1.Mode", "AnyTime")];
    let url = [("URL", NEW), ("AutoActivate", "false"), ("CheckSumAlgorithm", "SHA-1"), ("CheckSum", "00ff")];
    let subscription =
        [("ID", "s", true), ("NotifType", "Event", true), ("ReferenceList", "Device.Boot!", true)];
    vec![
        message(|out| controller::get(out, "1", &["Device.", "Device.DeviceInfo.FirmwareImage.*.Status"], 0)),
        message(|out| {
            controller::get(
                out,
                "2",
                &["Device.DeviceInfo.FirmwareImage.[Alias==\"cpe-2\"&&Available==true]."],
                1,
            );
        }),
        message(|out| controller::get_instances(out, "3", &["Device."], false)),
        message(|out| controller::get_supported_dm(out, "4", &["Device."])),
        message(|out| controller::get_supported_protocol(out, "5", "1.4")),
        message(|out| {
            let object = ("Device.DeviceInfo.", &[("BootFirmwareImage", ROW1, true)][..]);
            controller::set(out, "6", true, &[object]);
        }),
        message(|out| controller::operate(out, "7", &download, "key", true, &url)),
        message(|out| controller::operate(out, "8", &activate, "key", true, &window)),
        message(|out| controller::operate(out, "9", "Device.LocalAgent.Request.*.Cancel()", "", true, &[])),
        message(|out| {
            controller::add(out, "10", false, &[("Device.LocalAgent.Subscription.", &subscription)])
        }),
        message(|out| controller::delete(out, "11", true, &["Device.LocalAgent.Subscription.*."])),
        message(|out| {
            let other =
                [("ID", "o", true), ("NotifType", "Event", true), ("ReferenceList", "Device.Boot!", true)];
            let table = "Device.LocalAgent.Subscription.";
            controller::add(out, "12", false, &[(table, &other), (table, &subscription)]);
        }),
        message(|out| {
            let enable = ("Device.LocalAgent.Subscription.*.", &[("Enable", "true", true)][..]);
            let available = (&*format!("{ROW2}."), &[("Available", "false", true)][..]);
            controller::set(out, "13", false, &[enable, available]);
        }),
    ]
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.byte(),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, random.byte()),
            // A length of gigabytes.
            4 => drop(bytes.splice(at..at, [0xFF, 0xFF, 0xFF, 0xFF, 0x7F])),
            _ => {
                let again = bytes[at / 2..at].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

/// One message in another, a thousand times.
fn nested(tag: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1_000 {
        let mut length = bytes.len();
        let mut outer = vec![tag];
        while length > 0x7F {
            outer.push(length as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(&bytes);
        bytes = outer;
    }
    bytes
}

/// Whether another implementation can read it as a request for this agent, and one that may change something. Its
/// reader overflows at some lengths: it cannot read those.
fn judge(record: &[u8]) -> (bool, bool) {
    let read = || {
        let record = rusp_lib::usp_decoder::try_decode_record(record).ok()?;
        record.check_validity().ok()?;
        let OneOfrecord_type::no_session_context(inner) = record.record_type else { return None };
        let msg = Msg::from_bytes(&inner.payload).ok()?;
        msg.check_validity().ok()?;
        let mine = record.to_id == AGENT && record.from_id == CONTROLLER;
        let OneOfmsg_body::request(request) = msg.body?.msg_body else { return None };
        let changes = matches!(
            request.req_type,
            OneOfreq_type::operate(_)
                | OneOfreq_type::set(_)
                | OneOfreq_type::add(_)
                | OneOfreq_type::delete(_)
        );
        mine.then_some(changes)
    };
    let read = std::panic::catch_unwind(read).unwrap_or(None);
    (read.is_some(), read.unwrap_or(false))
}

/// All that a request can change: the lifecycle, the slots, what boots, the note, and the subscriptions, kept and
/// not.
fn stands(rig: &mut Rig) -> String {
    let subscriptions = rig.get_all(&["Device.LocalAgent.Subscription."], 0);
    let status = rig.up.status().unwrap();
    let lifecycle = (status.state, status.run, status.slots, status.next_boot);
    format!("{lifecycle:?} {:?} {:?} {subscriptions:?}", rig.up.recall(Initiator(1)), rig.saved)
}

#[test]
fn ten_thousand_random_and_mutated_records_get_the_right_code_or_silence_and_change_nothing() {
    let good = good();
    let mut random = Random(0xF00D);
    let (mut silent, mut refused, mut answered, mut stricter) = (0, 0, 0, 0);
    for device in 0..20 {
        let mut rig = Rig::staged();
        rig.resets = false;
        rig.fetch = Fetch::Hold;
        for n in 0..500u64 {
            let record = match n % 5 {
                0 => (0..random.below(200)).map(|_| random.byte()).collect(),
                1 => {
                    let mut record = wrap(&good[random.below(good.len() as u64) as usize]);
                    mutate(&mut record, &mut random);
                    record
                }
                2 if n < 10 => wrap(&nested([10, 18, 26, 34, 11][device % 5])),
                // One letter is another one.
                3 => {
                    let mut payload = good[random.below(good.len() as u64) as usize].clone();
                    let letters = (0..payload.len()).filter(|at| payload[*at].is_ascii_alphabetic());
                    let letters: Vec<_> = letters.collect();
                    payload[letters[random.below(letters.len() as u64) as usize]] =
                        b'a' + random.below(26) as u8;
                    wrap(&payload)
                }
                _ => {
                    let mut payload = good[random.below(good.len() as u64) as usize].clone();
                    mutate(&mut payload, &mut random);
                    wrap(&payload)
                }
            };
            // What the one before has begun is done.
            rig.turn();
            let before = stands(&mut rig);
            let (is_request, changes) = judge(&record);
            match rig.deliver(&record) {
                None => silent += 1,
                Some(answer) => match failed(&answer) {
                    Some(error) => {
                        let codes = ["7001", "7004", "7005", "7008", "7016", "7019", "7024", "7025", "7026"];
                        assert!(codes.iter().any(|code| error.contains(code)), "{error}");
                        assert_eq!(stands(&mut rig), before, "{error}");
                        refused += 1;
                    }
                    None => {
                        // It also refuses an entry of a map with a field that it does not know.
                        stricter += usize::from(!is_request);
                        answered += 1;
                        if !is_request {
                            continue;
                        }
                    }
                },
            }
            if !changes {
                assert_eq!(stands(&mut rig), before, "{record:02x?}");
            }
        }
        rig.resets = true;
        rig.fetch = Fetch::Serve;
        rig.settle();
        assert!(["4", "5"].contains(&rig.get("Device.DeviceInfo.SoftwareVersion").as_str()), "and goes on");
        let _ = rig.operate("Device.LocalAgent.Request.*.Cancel()", "", &[]);
        rig.settle();
        rig.reboot();
        assert_eq!(rig.operate("Device.Reboot()", "", &[]), "done");
    }
    assert_eq!(silent + refused + answered, 10_000);
    assert!(stricter * 50 < answered, "{stricter} of {answered}");
    assert!(refused > 1_000 && answered > 1_000, "{silent} {refused} {answered}");
}
