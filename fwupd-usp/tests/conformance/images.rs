//! What there is to read and to set.

use std::time::{Duration, Instant};

use fwupd_core::outcome::Initiator;
use fwupd_core::updater::Command;
use fwupd_usp::adapter::{Handled, SAVED_MAX};
use fwupd_usp::wire::Full;
use rusp_lib::usp_builder::{AddBuilder, CreateObjectBuilder, SetBuilder, UpdateObjectBuilder};

use crate::rig::{AGENT, Fetch, IMAGES, NEW, ROW1, ROW2, Rig, failed};

const INFO: &str = "Device.DeviceInfo.";

fn values(found: &[(String, String)]) -> Vec<&str> {
    found.iter().map(|(_, value)| value.as_str()).collect()
}

#[test]
fn r01_the_active_image_has_the_version_of_the_software_and_an_empty_row_has_none() {
    let mut rig = Rig::new();
    let [Ok(all)] = &rig.get_all(&[IMAGES], 0)[..] else { panic!("both rows") };
    let expected = [
        (1, "Alias", "cpe-1"),
        (1, "Available", "true"),
        (1, "BootFailureLog", ""),
        (1, "Name", "firmware"),
        (1, "Status", "Active"),
        (1, "Version", "4"),
        (2, "Alias", "cpe-2"),
        (2, "Available", "false"),
        (2, "BootFailureLog", ""),
        (2, "Name", ""),
        (2, "Status", "NoImage"),
        (2, "Version", ""),
    ];
    let expected = expected.map(|(row, name, value)| (format!("{IMAGES}{row}.{name}"), value.to_owned()));
    assert_eq!(all[..], expected);
    assert_eq!(rig.get("Device.DeviceInfo.SoftwareVersion"), "4");
    assert_eq!(rig.get("Device.DeviceInfo.FirmwareImageNumberOfEntries"), "2");
}

#[test]
fn r02_references_are_paths_of_rows_without_a_last_dot() {
    let mut rig = Rig::new();
    assert_eq!(rig.get("Device.DeviceInfo.ActiveFirmwareImage"), ROW1);
    assert_eq!(rig.get("Device.DeviceInfo.BootFirmwareImage"), ROW1);
}

#[test]
fn r03_search_paths_find_rows_and_a_quoted_boolean_is_no_expression() {
    let mut rig = Rig::new();
    let paths = [
        format!("{IMAGES}*.Status"),
        format!("{IMAGES}[Status==\"NoImage\"].Alias"),
        format!("{IMAGES}[Available==true]."),
        format!("{IMAGES}[Available==\"true\"]."),
        format!("{IMAGES}[Available != true && Alias == \"cpe-2\"].Alias"),
    ];
    let found = rig.get_all(&paths.each_ref().map(String::as_str), 0);
    assert_eq!(values(found[0].as_ref().unwrap()), ["Active", "NoImage"]);
    assert_eq!(values(found[1].as_ref().unwrap()), ["cpe-2"]);
    assert_eq!(found[2].as_ref().unwrap().len(), 6);
    assert_eq!(found[3], Err(7008));
    assert_eq!(values(found[4].as_ref().unwrap()), ["cpe-2"]);
}

#[test]
fn r04_a_row_that_is_not_there_is_an_invalid_path_and_the_others_are_found() {
    let mut rig = Rig::new();
    let found = rig.get_all(&["Device.DeviceInfo.FirmwareImage.9.Status", "Device.LocalAgent.EndpointID"], 0);
    assert_eq!(found[0], Err(7026));
    assert_eq!(values(found[1].as_ref().unwrap()), [AGENT]);
}

#[test]
fn r05_a_search_that_finds_nothing_is_no_error() {
    let path = format!("{IMAGES}[Alias==\"zz\"].");
    assert_eq!(Rig::new().get_all(&[&path], 0), [Ok(Vec::new())]);
}

#[test]
fn r06_a_reference_can_be_followed() {
    let mut rig = Rig::new();
    let [Ok(found)] = &rig.get_all(&["Device.DeviceInfo.ActiveFirmwareImage+.Version"], 0)[..] else {
        panic!("a version")
    };
    assert_eq!(found[..], [(format!("{ROW1}.Version"), "4".to_owned())]);
}

#[test]
fn r07_the_depth_says_how_far_down_a_get_goes() {
    let mut rig = Rig::new();
    let mut rows = |depth| {
        let [Ok(found)] = &rig.get_all(&[INFO], depth)[..] else { panic!("the object") };
        assert!(found.iter().any(|(path, _)| path == "Device.DeviceInfo.SoftwareVersion"));
        found.iter().filter(|(path, _)| path.starts_with(IMAGES)).count()
    };
    assert_eq!((rows(1), rows(2), rows(0)), (0, 12, 12));
}

#[test]
fn r11_r12_what_the_agent_says_of_an_image_cannot_be_set() {
    let mut rig = Rig::new();
    for param in ["Alias", "Status", "Name", "Version", "BootFailureLog"] {
        let path = format!("{ROW2}.");
        let is = format!("error 7004 {ROW2}.{param} 7013");
        assert_eq!(rig.set(false, &path, param, "x", true), is);
    }
    assert_eq!(rig.image(2, "Alias"), "cpe-2");
}

#[test]
fn r13_the_active_image_stays_available() {
    let mut rig = Rig::new();
    let row = format!("{ROW1}.");
    assert_eq!(rig.set(true, &row, "Available", "false", false), format!("success {row}[Available 7014]"));
    assert_eq!(rig.image(1, "Available"), "true");
}

#[test]
fn r14_an_image_that_boots_next_stays_available_and_one_that_is_not_available_does_not_boot() {
    let mut rig = Rig::staged();
    let row = format!("{ROW2}.");
    assert_eq!(
        rig.set(false, INFO, "BootFirmwareImage", ROW2, true),
        format!("success {INFO}[BootFirmwareImage={ROW2}]")
    );
    let refused = format!("success {row}[Available 7014]");
    assert_eq!(rig.set(false, &row, "Available", "false", false), refused);
    rig.set(false, INFO, "BootFirmwareImage", ROW1, true);
    assert_eq!(rig.active_boot(), ("1".into(), "1".into()));

    let window =
        [("TimeWindow.1.Start", "100"), ("TimeWindow.1.End", "200"), ("TimeWindow.1.Mode", "AnyTime")];
    let activate = format!("{ROW2}.Activate()");
    assert!(rig.operate(&activate, "k", &window).starts_with("Device.LocalAgent.Request."));
    assert_eq!(rig.set(false, &row, "Available", "false", false), refused, "it is about to be activated");
    assert_eq!(rig.operate("Device.LocalAgent.Request.*.Cancel()", "", &[]), "done");
    rig.settle();

    assert_eq!(rig.set(false, &row, "Available", "0", true), format!("success {row}[Available=0]"));
    assert_eq!((rig.image(2, "Available"), rig.status(2)), ("false".into(), "Available".into()));
    assert_eq!(rig.operate(&activate, "k", &[]), "failure 7022");
    let refused = format!("success {INFO}[BootFirmwareImage 7012]");
    assert_eq!(rig.set(false, INFO, "BootFirmwareImage", ROW2, false), refused);
}

#[test]
fn r15_r16_r17_what_boots_next_is_a_row_with_an_image() {
    let mut rig = Rig::new();
    for value in [ROW2, "", "Device.DeviceInfo.FirmwareImage.9", "Device.DeviceInfo.", "nonsense", IMAGES] {
        let refused = format!("success {INFO}[BootFirmwareImage 7012]");
        assert_eq!(rig.set(false, INFO, "BootFirmwareImage", value, false), refused, "{value}");
    }
    assert_eq!(rig.active_boot(), ("1".into(), "1".into()));
}

#[test]
fn r18_r19_a_reference_may_be_by_key_or_have_a_last_dot_and_reads_back_by_number() {
    let mut rig = Rig::staged();
    for value in [format!("{IMAGES}[Alias==\"cpe-2\"]"), format!("{ROW2}."), ROW2.to_owned()] {
        rig.set(false, INFO, "BootFirmwareImage", ROW1, true);
        let good = format!("success {INFO}[BootFirmwareImage={ROW2}]");
        assert_eq!(rig.set(false, INFO, "BootFirmwareImage", &value, true), good, "{value}");
        assert_eq!(rig.get("Device.DeviceInfo.BootFirmwareImage"), ROW2);
    }
}

#[test]
fn r20_a_bad_setting_fails_the_message_the_object_or_itself() {
    let mut rig = Rig::new();
    let bad = ("BootFirmwareImage", "Device.DeviceInfo.FirmwareImage.9");
    let mut set = |partial, required| rig.set(partial, INFO, bad.0, bad.1, required);
    assert_eq!(set(false, true), format!("error 7004 {INFO}{} 7012", bad.0));
    assert_eq!(set(true, true), format!("failure 7021 {INFO}[{} 7012]", bad.0));
    assert_eq!(set(true, false), format!("success {INFO}[{} 7012]", bad.0));
    assert_eq!(set(false, false), format!("success {INFO}[{} 7012]", bad.0));
    assert_eq!(rig.set(true, INFO, "Nothing", "1", false), format!("success {INFO}[Nothing 7010]"));
    let absent = format!("{IMAGES}9.");
    assert_eq!(rig.set(true, &absent, "Available", "1", true), "failure 7016 ");
    assert_eq!(rig.set(false, &absent, "Available", "1", true), "error 7016");
    assert_eq!(
        rig.set(true, &format!("{ROW2}."), "Available", "maybe", false),
        format!("success {ROW2}.[Available 7011]")
    );
}

#[test]
fn r21_nothing_is_set_where_one_of_all_is_bad() {
    let mut rig = Rig::staged();
    let row = format!("{ROW1}.");
    let all = [(INFO, "BootFirmwareImage", ROW2, true), (row.as_str(), "Available", "false", true)];
    assert_eq!(rig.set_many(false, &all), format!("error 7004 {ROW1}.Available 7014"));
    assert_eq!(rig.active_boot(), ("1".into(), "1".into()));
    let both = format!("success {INFO}[BootFirmwareImage={ROW2}]; failure 7021 {row}[Available 7014]");
    assert_eq!(rig.set_many(true, &all), both);
    assert_eq!(rig.active_boot(), ("1".into(), "2".into()));
}

#[test]
fn r85_while_another_is_at_work_commands_are_refused_and_the_true_status_is_shown() {
    let mut rig = Rig::new();
    rig.fetch = Fetch::Hold;
    rig.command(
        2,
        Command::Fetch(fwupd_core::updater::Job {
            uri: Some(NEW),
            reach: fwupd_core::outcome::Reach::Stage,
            target: None,
            after: fwupd_core::lifecycle::AfterReset::Fail,
            file_check: None,
        }),
    );
    assert_eq!(rig.status(2), "Downloading");
    assert_eq!(rig.operate(&format!("{ROW2}.Download()"), "k", &[("URL", NEW)]), "failure 7005");
    assert_eq!(rig.operate(&format!("{ROW2}.Activate()"), "k", &[]), "failure 7005");
    assert_eq!(
        rig.set(false, INFO, "BootFirmwareImage", ROW1, false),
        format!("success {INFO}[BootFirmwareImage 7012]")
    );
    assert_eq!(rig.status(2), "Downloading");
    rig.command(Initiator::APPLICATION.0, Command::Cancel);
    rig.settle();
    assert_eq!(rig.status(2), "DownloadFailed");
}

#[test]
fn r08_the_rows_of_a_table_are_listed_with_their_keys() {
    let mut rig = Rig::new();
    let expected = [(format!("{ROW1}."), "cpe-1".to_owned()), (format!("{ROW2}."), "cpe-2".to_owned())];
    assert_eq!(rig.instances(IMAGES), Ok(expected.to_vec()));
    assert_eq!(rig.instances("Device.DeviceInfo.SoftwareVersion"), Err(7018));
    assert_eq!(rig.instances(&format!("{IMAGES}9.")), Err(7016));
}

#[test]
fn r10_rows_of_images_are_neither_made_nor_removed() {
    let mut rig = Rig::new();
    assert_eq!(rig.add(false, IMAGES, &[]), "error 7019");
    assert_eq!(rig.add(true, IMAGES, &[]), "failure 7019");
    assert_eq!(rig.delete(false, &format!("{ROW2}.")), format!("error 7024 {ROW2}. 7024"));
    assert_eq!(rig.delete(true, &format!("{ROW2}.")), "failure 7024");
}

#[test]
fn r74_r75_a_subscription_covers_what_is_below_and_its_references_stay() {
    let mut rig = Rig::new();
    let table = "Device.LocalAgent.Subscription.";
    rig.subscribe("all", "OperationComplete", IMAGES, false);
    rig.download(NEW, &[]);
    rig.operate(&format!("{ROW2}.Activate()"), "k", &[]);
    rig.settle();
    let told = ["Download() key-d", "Activate() k"].map(|of| format!("{ROW2}.{of} done"));
    assert_eq!(rig.take(), told);
    assert_eq!(rig.instances(table), Ok(Vec::new()), "it was for that boot alone");

    rig.subscribe("again", "OperationComplete", IMAGES, true);
    let row = rig.instances(table).unwrap()[0].0.clone();
    assert_eq!(
        rig.set(false, &row, "ReferenceList", "Device.", true),
        format!("error 7004 {row}ReferenceList 7004")
    );
    assert_eq!(rig.set(false, &row, "Enable", "false", true), format!("success {row}[Enable=false]"));
    assert_eq!(rig.get(&format!("{row}Enable")), "false");
    let again = [("ID", "again"), ("ReferenceList", "Device.")];
    assert_eq!(rig.add(false, table, &again), "error 7025");
    assert_eq!(rig.add(true, table, &[("ID", "x"), ("ReferenceList", "Device.Nothing")]), "failure 7021");
    assert_eq!(rig.delete(false, &format!("{table}*.")), format!("success {row}"));
    assert_eq!(rig.instances(table), Ok(Vec::new()));
}

#[test]
fn what_could_not_be_saved_is_still_to_be_saved() {
    let mut rig = Rig::new();
    rig.subscribe("s", "Event", "Device.Boot!", false);
    assert_eq!(rig.agent.save(&mut [0; SAVED_MAX]), None);
    let settings = [("ID", "t"), ("Persistent", "true"), ("NotifType", "Event")];
    let settings = settings.map(|(k, v)| (k.to_owned(), v.to_owned(), true)).to_vec();
    let object = CreateObjectBuilder::new("Device.LocalAgent.Subscription.".into());
    let add = AddBuilder::new().with_create_objs(vec![object.with_param_settings(settings)]);
    let record = rig.record(add.build().unwrap());
    let now = rig.now();
    assert!(matches!(rig.agent.handle(&record, now, &mut rig.up, &mut [0; 4096]), Handled::Done(1..)));
    for _ in 0..2 {
        assert_eq!(rig.agent.save(&mut [0; 8]), Some(Err(Full)));
    }
    assert!(matches!(rig.agent.save(&mut [0; SAVED_MAX]), Some(Ok(8..))));
    assert_eq!(rig.agent.save(&mut [0; SAVED_MAX]), None);
}

#[test]
fn an_object_that_fails_enables_nothing() {
    let mut rig = Rig::new();
    rig.subscribe("s", "Event", "Device.Boot!", false);
    let row = "Device.LocalAgent.Subscription.1.";
    let enabled = |rig: &mut Rig| rig.get(&format!("{row}Enable"));
    let settings = |all: &[(&str, &str)]| {
        let all = all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned(), *k == "ID"));
        let object = UpdateObjectBuilder::new(row.into()).with_param_settings(all.collect());
        SetBuilder::new().with_allow_partial(true).with_update_objs(vec![object]).build().unwrap()
    };
    let answer = rig.ask(settings(&[("Enable", "false"), ("ID", "t")]));
    assert_eq!((failed(&answer), enabled(&mut rig).as_str()), (None, "true"));
    rig.ask(settings(&[("Enable", "false"), ("Alias", "t")]));
    assert_eq!(enabled(&mut rig), "false");
}

#[test]
fn a_long_path_with_many_settings_is_read_once() {
    let mut rig = Rig::new();
    (0..8).for_each(|n| rig.subscribe(&format!("s{n}"), "Event", "Device.Boot!", false));
    let path = format!("Device.LocalAgent.Subscription.[{}].", vec!["Enable==true"; 2_000].join("&&"));
    let all = |count| vec![("Enable".to_owned(), "true".to_owned(), false); count];
    let [few, many] = [1, 2_500].map(|count| {
        let object = UpdateObjectBuilder::new(path.clone()).with_param_settings(all(count));
        let set = SetBuilder::new().with_allow_partial(true).with_update_objs(vec![object]).build().unwrap();
        let (record, now, mut out) = (rig.record(set), rig.now(), vec![0; 1 << 20]);
        let start = Instant::now();
        assert!(matches!(rig.agent.handle(&record, now, &mut rig.up, &mut out), Handled::Done(1..)));
        start.elapsed()
    });
    assert!(many < few * 100 + Duration::from_millis(100), "{few:?} {many:?}");
}
