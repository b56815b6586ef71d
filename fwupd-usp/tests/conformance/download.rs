//! Download().

use fwupd_core::outcome::{Ask, Failure};
use fwupd_core::updater::Command;
use fwupd_testkit::device::sha256;
use fwupd_testkit::reference::package;
use fwupd_usp::adapter::Handled;

use crate::rig::{CONTROLLER, Fetch, IMAGES, NEW, NEW_FILE, ROW1, ROW2, Rig, failed};

fn command() -> String {
    format!("{ROW2}.Download()")
}

/// The checksums of the usual package, as coreutils print them.
const SUMS: [(&str, &str); 5] = [
    ("SHA-1", "5cc6410d97d9d248eb27fc74e99e2765b0328429"),
    ("SHA-224", "496666ca3e3595727579a12fb1196cafef4f583e31d8cbaa0fe059d6"),
    ("SHA-256", "0ce77319f1895cb32681ec015fa3bed38384c50fe42f6d84e9ec00454fe34f9a"),
    (
        "SHA-384",
        "c80d19b15754d47f6a116805e688f013b8e2f201f48698e1b3cc655debb37bac819b270e5bd340b7185aefd25f6a67c4",
    ),
    (
        "SHA-512",
        "119d9e618d533d0c22a4008abcecc2d726d9bbd641b967e6f88b0c5b1b7e5ee3\
         b13aef53d54981bb025ae68f1d55c12622a39a99acc16be56654b6987c9fd400",
    ),
];

fn sum(file: &[u8]) -> String {
    sha256(file).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn r26_a_download_makes_an_image_available_and_changes_nothing_else() {
    let mut rig = Rig::new();
    rig.subscribe_all();
    rig.fetch = Fetch::Hold;
    let path = rig.operate(&command(), "key-1", &[("URL", NEW), ("AutoActivate", "false")]);
    assert_eq!(path, "Device.LocalAgent.Request.1.");
    for (param, value) in [
        ("Status", "Active"),
        ("Command", "Device.DeviceInfo.FirmwareImage.2.Download()"),
        ("CommandKey", "key-1"),
        ("Originator", CONTROLLER),
    ] {
        assert_eq!(rig.get(&format!("{path}{param}")), value);
    }
    rig.settle();
    assert_eq!((rig.status(2), rig.take()), ("Downloading".into(), Vec::new()));

    rig.fetch = Fetch::Serve;
    rig.settle();
    assert_eq!(rig.seen, ["NoImage", "Downloading", "Validating", "Available"]);
    assert_eq!(
        rig.take(),
        ["Device.LocalAgent.TransferComplete!", "Device.DeviceInfo.FirmwareImage.2.Download() key-1 done"]
    );
    for (param, value) in [
        ("FaultCode", "0"),
        ("FaultString", ""),
        ("Command", "Device.DeviceInfo.FirmwareImage.2.Download()"),
        ("CommandKey", "key-1"),
        ("Requestor", CONTROLLER),
        ("TransferType", "Download"),
        ("Affected", ROW2),
        ("TransferURL", NEW),
        ("StartTime", "0001-01-01T00:00:00Z"),
        ("CompleteTime", "0001-01-01T00:00:00Z"),
    ] {
        assert_eq!(rig.event("TransferComplete!", param), value, "{param}");
    }
    assert_eq!(rig.image(2, "Available"), "true");
    assert_eq!((rig.image(2, "Version"), rig.image(2, "BootFailureLog")), ("5".into(), String::new()));
    assert_eq!(rig.active_boot(), ("1".into(), "1".into()));
    assert_eq!(rig.get("Device.LocalAgent.RequestNumberOfEntries"), "0");
    assert_eq!(rig.boots, 0);
}

#[test]
fn r26_the_times_of_a_transfer_are_told_where_they_are_known() {
    let mut rig = Rig::new();
    rig.subscribe_all();
    rig.device.clock.set_wall(Some(1_735_689_599));
    rig.download(NEW, &[]);
    assert_eq!(rig.event("TransferComplete!", "StartTime"), "2024-12-31T23:59:59Z");
    assert!(rig.event("TransferComplete!", "CompleteTime").starts_with("202"));
}

#[test]
fn r27_with_autoactivate_both_ends_are_told_before_the_boot() {
    let mut rig = Rig::new();
    rig.subscribe_all();
    rig.download(NEW, &[("AutoActivate", "true")]);
    assert_eq!(
        rig.take(),
        [
            "Device.LocalAgent.TransferComplete!",
            "Device.DeviceInfo.FirmwareImage.2.Download() key-d done",
            "Device.Boot!"
        ]
    );
    for (param, value) in [
        ("CommandKey", "key-d"),
        ("Cause", "RemoteReboot"),
        ("FirmwareUpdated", "true"),
        ("ParameterMap", "{}"),
        ("Reason", "Unknown"),
    ] {
        assert_eq!(rig.event("Boot!", param), value, "{param}");
    }
    assert_eq!((rig.boots, rig.active_boot()), (1, ("2".into(), "2".into())));
    assert_eq!((rig.status(1), rig.status(2)), ("Available".into(), "Active".into()));
    assert_eq!(rig.get("Device.DeviceInfo.SoftwareVersion"), "5");
}

#[test]
fn r28_a_download_without_a_url_is_refused_and_leaves_nothing() {
    let mut rig = Rig::new();
    rig.subscribe_all();
    for args in [&[][..], &[("AutoActivate", "true")], &[("URL", "")]] {
        assert_eq!(rig.operate(&command(), "k", args), "failure 7027");
    }
    rig.settle();
    assert_eq!((rig.status(2), rig.take()), ("NoImage".into(), Vec::new()));
    assert_eq!(rig.get("Device.LocalAgent.RequestNumberOfEntries"), "0");
}

#[test]
fn r29_without_autoactivate_it_is_false_or_refused_by_a_switch() {
    let mut rig = Rig::new();
    rig.download(NEW, &[]);
    assert_eq!((rig.status(2), rig.boots), ("Available".into(), 0));
    let mut strict = Rig::with(|config| config.strict = true);
    assert_eq!(strict.operate(&command(), "k", &[("URL", NEW)]), "failure 7027");
    assert_eq!(strict.operate(&format!("{ROW2}.Activate()"), "k", &[]), "failure 7027");
}

#[test]
fn r30_r31_r32_r37_r38_r39_r40_a_bad_value_of_an_argument_is_refused_before_anything_is_fetched() {
    let mut rig = Rig::new();
    for args in [
        &[("URL", NEW), ("AutoActivate", "maybe")][..],
        &[("URL", "https://me:secret@files.example/new")],
        &[("URL", "https://me@files.example")],
        &[("URL", "ftp://files.example/new")],
        &[("URL", "http://files.example/new")],
        &[("URL", "files.example/new")],
        &[("URL", "https:///new")],
        &[("URL", NEW), ("CheckSum", "00")],
        &[("URL", NEW), ("CheckSumAlgorithm", "MD5"), ("CheckSum", "00")],
        &[("URL", NEW), ("CheckSumAlgorithm", "SHA-1"), ("CheckSum", "000")],
        &[("URL", NEW), ("CheckSumAlgorithm", "SHA-1"), ("CheckSum", "0g")],
        &[("URL", NEW), ("FileSize", "-1")],
    ] {
        assert_eq!(rig.operate(&command(), "k", args), "failure 7004", "{args:?}");
    }
    assert_eq!(rig.operate(&command(), "k", &[("URL", NEW), ("FileSize", "4097")]), "failure 7005");
    rig.settle();
    assert_eq!((rig.device.fetched, rig.status(2)), (0, "NoImage".into()));
}

#[test]
fn r33_r36_r40_what_is_unknown_empty_or_inaccurate_does_no_harm() {
    for args in [
        [("Foo", "bar"), ("FileSize", "0")],
        [("CheckSumAlgorithm", "SHA-256"), ("CheckSum", "")],
        [("FileSize", "1"), ("AutoActivate", "0")],
    ] {
        let mut rig = Rig::new();
        rig.download(NEW, &args);
        assert_eq!(rig.status(2), "Available", "{args:?}");
    }
    let mut rig = Rig::with(|config| config.schemes = &["http", "https"]);
    rig.device.files.insert("http://files.example/new".into(), package(NEW_FILE));
    rig.download("http://files.example/new", &[]);
    assert_eq!(rig.status(2), "Available");
}

#[test]
fn r34_a_wrong_checksum_fails_the_validation_and_nothing_is_activated() {
    for (algorithm, right) in SUMS {
        let mut rig = Rig::new();
        rig.subscribe_all();
        let wrong = right.replace('0', "1");
        let args = [("AutoActivate", "true"), ("CheckSumAlgorithm", algorithm), ("CheckSum", &wrong)];
        rig.download(NEW, &args);
        assert_eq!((rig.status(2), rig.boots), ("ValidationFailed".into(), 0), "{algorithm}");
        assert_eq!(
            rig.take(),
            [
                "Device.LocalAgent.TransferComplete!",
                "Device.DeviceInfo.FirmwareImage.2.Download() key-d 7022"
            ]
        );
        assert_eq!(rig.event("TransferComplete!", "FaultCode"), "7035");
        assert_eq!(rig.event("TransferComplete!", "FaultString"), "integrity check failed");
        assert_eq!((rig.status(1), rig.image(2, "Version")), ("Active".into(), String::new()));
    }
}

#[test]
fn r35_a_right_checksum_is_taken_in_either_case() {
    for (algorithm, right) in SUMS {
        for sum in [right.to_uppercase(), right.to_owned()] {
            let mut rig = Rig::new();
            rig.download(NEW, &[("CheckSumAlgorithm", algorithm), ("CheckSum", &sum)]);
            assert_eq!(rig.status(2), "Available", "{sum}");
        }
    }
}

#[test]
fn r41_what_goes_wrong_with_the_server_is_told_by_its_code() {
    for (why, code, text) in [
        (Failure::HostUnknown, "7033", "host unknown"),
        (Failure::ConnectionLost, "7033", "connection lost"),
        (Failure::TransportStatus(404), "7033", "server answered with status 404"),
        (Failure::TransportStatus(503), "7033", "server answered with status 503"),
        (Failure::PeerNotTrusted, "7034", "server not trusted"),
    ] {
        let mut rig = Rig::new();
        rig.subscribe_all();
        rig.fetch = Fetch::Fail(why);
        rig.download(NEW, &[]);
        assert_eq!(rig.status(2), "DownloadFailed", "{why:?}");
        assert_eq!((rig.image(2, "Name"), rig.image(2, "Version")), (String::new(), String::new()));
        assert_eq!(rig.event("TransferComplete!", "FaultCode"), code, "{why:?}");
        assert_eq!(rig.event("TransferComplete!", "FaultString"), text);
        assert_eq!(rig.take()[1], "Device.DeviceInfo.FirmwareImage.2.Download() key-d 7022");
    }
}

#[test]
fn r42_a_connection_lost_after_the_first_erase_leaves_no_image_until_there_is_a_new_one() {
    for why in [Failure::ConnectionLost, Failure::TransportStatus(503)] {
        let mut rig = Rig::staged();
        rig.fetch = Fetch::Stop(1_000);
        rig.operate(&command(), "k", &[("URL", NEW)]);
        rig.settle();
        assert_eq!((rig.status(2), rig.image(2, "Available")), ("Downloading".into(), "false".into()));
        rig.fetch = Fetch::Fail(why);
        rig.settle();
        let image =
            |rig: &mut Rig| ["Status", "Name", "Version", "Available"].map(|param| rig.image(2, param));
        assert_eq!(image(&mut rig), ["DownloadFailed", "", "", "false"], "{why:?}");
        // All attempts for this image are spent, which the controller cannot change.
        rig.command(0, Command::FactoryReset);
        rig.fetch = Fetch::Serve;
        rig.download(NEW, &[]);
        assert_eq!(image(&mut rig), ["Available", "firmware", "5", "true"], "{why:?}");
    }
}

#[test]
fn r44_an_image_that_is_none_of_this_device_fails_the_validation() {
    for (file, code) in [("wrongkey.suit", "7036"), ("one-seq0.suit", "7035")] {
        let mut rig = Rig::new();
        rig.subscribe_all();
        rig.device.files.insert(NEW.into(), package(file));
        let right = sum(&package(file));
        rig.download(NEW, &[("CheckSumAlgorithm", "SHA-256"), ("CheckSum", &right)]);
        assert_eq!(rig.status(2), "ValidationFailed", "{file}");
        assert_eq!(rig.event("TransferComplete!", "FaultCode"), code, "{file}");
    }
}

#[test]
fn r45_the_active_image_is_not_overwritten_where_there_is_another() {
    let mut rig = Rig::new();
    let answer = rig.operate("Device.DeviceInfo.FirmwareImage.1.Download()", "k", &[("URL", NEW)]);
    assert_eq!(answer, "failure 7002");
}

#[test]
fn r47_the_same_url_is_fetched_again() {
    let mut rig = Rig::staged();
    rig.device.files.insert(NEW.into(), package("one-version.suit"));
    rig.download(NEW, &[]);
    assert_eq!((rig.status(2), rig.image(2, "Version")), ("Available".into(), "1.2.3".into()));
}

#[test]
fn r48_one_download_at_a_time_and_the_first_is_unharmed() {
    let mut rig = Rig::new();
    rig.subscribe_all();
    rig.fetch = Fetch::Hold;
    rig.operate(&command(), "first", &[("URL", NEW)]);
    for row in 1..=2 {
        let command = format!("{IMAGES}{row}.Download()");
        assert_eq!(rig.operate(&command, "second", &[("URL", NEW)]), "failure 7005");
    }
    rig.fetch = Fetch::Serve;
    rig.settle();
    assert_eq!(rig.status(2), "Available");
    assert_eq!(rig.take()[1], "Device.DeviceInfo.FirmwareImage.2.Download() first done");
}

#[test]
fn r48_a_download_beside_an_image_on_trial_is_refused_as_busy_whosever_it_is() {
    for by in [1, 2] {
        let mut rig = Rig::staged();
        rig.resets = false;
        rig.command(by, Command::Activate { slot: None, ask: Ask::No });
        rig.settle();
        rig.reset();
        while rig.up.status().is_none() {
            rig.turn();
        }
        assert_eq!((rig.status(1).as_str(), rig.status(2).as_str()), ("Available", "Active"));
        let command = format!("{ROW1}.Download()");
        assert_eq!(rig.operate(&command, "k", &[("URL", NEW)]), "failure 7005");
    }
}

#[test]
fn r49_a_request_that_comes_again_while_it_is_handled_is_one() {
    let mut rig = Rig::new();
    let body = Rig::operate_body(&command(), "k", &[("URL", NEW)], true);
    let record = rig.record(body);
    let answer = rig.deliver(&record).expect("one answer");
    assert_eq!(failed(&answer), None);
    assert_eq!(rig.get("Device.LocalAgent.RequestNumberOfEntries"), "1");
    assert_eq!(rig.get_all(&["Device.LocalAgent.Request.1.Command"], 0)[0].as_ref().unwrap().len(), 1);
}

#[test]
fn a_request_that_is_read_in_between_does_not_disturb_one_that_waits() {
    let mut rig = Rig::new();
    let body = Rig::operate_body(&command(), "k", &[("URL", NEW)], true);
    let record = rig.record(body);
    let now = rig.now();
    let mut out = [0; 1024];
    let again =
        |rig: &mut Rig, out: &mut [u8]| rig.agent.handle(&record, now, &mut rig.up, out) == Handled::Again;
    assert!(again(&mut rig, &mut out));
    assert_eq!(rig.status(2), "Downloading");
    assert!(again(&mut rig, &mut out), "its frame is not written");
    let answer = rig.deliver(&record).expect("its answer");
    assert_eq!(failed(&answer), None);
    assert_eq!(rig.get("Device.LocalAgent.RequestNumberOfEntries"), "1");

    // An answer that nobody waits for any more does not keep what follows from being told.
    rig.settle();
    rig.subscribe_all();
    let body = Rig::operate_body(&command(), "k", &[("URL", NEW)], true);
    let record = rig.record(body);
    for _ in 0..10 {
        let now = rig.now();
        if rig.up.status().unwrap().state.owner().is_some() {
            break;
        }
        assert_eq!(rig.agent.handle(&record, now, &mut rig.up, &mut out), Handled::Again);
        rig.turn();
    }
    rig.agent.disconnected();
    rig.settle();
    assert_eq!(rig.take().len(), 2, "both ends");
}

#[test]
fn r50_a_search_path_serves_one_row_and_tells_so_of_the_others() {
    let mut rig = Rig::staged();
    assert_eq!(
        rig.operate_all(&format!("{IMAGES}[Alias==\"zz\"].Download()"), "k", &[("URL", NEW)]),
        [""; 0]
    );
    let all = rig.operate_all(&format!("{IMAGES}*.Download()"), "k", &[("URL", NEW)]);
    assert_eq!(all, ["failure 7002", "failure 7005"], "the first row is active");
}

#[test]
fn r51_a_row_that_is_not_there_and_a_command_that_is_none_are_errors() {
    let mut rig = Rig::new();
    let args = [("URL", NEW)];
    assert_eq!(rig.operate("Device.DeviceInfo.FirmwareImage.9.Download()", "k", &args), "error 7016");
    for path in ["Device.DeviceInfo.FirmwareImage.2.Nothing()", "Device.FactoryReset()", ROW2, "x", ""] {
        assert_eq!(rig.operate(path, "k", &args), "error 7026", "{path}");
    }
}

#[test]
fn r61_a_download_can_be_cancelled() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    rig.fetch = Fetch::Hold;
    let request = rig.operate(&command(), "k", &[("URL", NEW)]);
    assert_eq!(rig.operate(&format!("{request}Cancel()"), "", &[]), "done");
    rig.settle();
    assert_eq!(
        rig.take(),
        ["Device.LocalAgent.TransferComplete!", "Device.DeviceInfo.FirmwareImage.2.Download() k 7023"]
    );
    assert_eq!(rig.event("TransferComplete!", "FaultCode"), "7023");
    assert_eq!((rig.image(2, "Available"), rig.image(1, "Status")), ("true".into(), "Active".into()));
    assert_eq!(rig.operate(&format!("{request}Cancel()"), "", &[]), "error 7016");

    rig.fetch = Fetch::Stop(1_000);
    let request = rig.operate(&command(), "k", &[("URL", NEW)]);
    rig.settle();
    assert_eq!(rig.operate(&format!("{request}Cancel()"), "", &[]), "done");
    rig.settle();
    assert_eq!((rig.status(2), rig.image(2, "Available")), ("DownloadFailed".into(), "false".into()));
}

#[test]
fn r63_a_power_cut_ends_a_download_and_that_is_told_after_the_boot() {
    let mut rig = Rig::new();
    rig.subscribe_all();
    rig.fetch = Fetch::Stop(1_000);
    rig.operate(&command(), "k", &[("URL", NEW)]);
    rig.settle();
    rig.reboot();
    assert_eq!(
        rig.take(),
        [
            "Device.Boot!",
            "Device.LocalAgent.TransferComplete!",
            "Device.DeviceInfo.FirmwareImage.2.Download() k 7022"
        ]
    );
    assert_eq!(rig.event("Boot!", "CommandKey"), "");
    assert_eq!((rig.status(2), rig.active_boot()), ("DownloadFailed".into(), ("1".into(), "1".into())));
    assert_eq!(rig.get("Device.LocalAgent.RequestNumberOfEntries"), "0");
    rig.reboot();
    assert_eq!(rig.take(), ["Device.Boot!"], "it is told once");
}

#[test]
fn r86_a_command_key_that_cannot_be_kept_is_refused() {
    let mut rig = Rig::new();
    let key = "k".repeat(33);
    assert_eq!(rig.operate(&command(), &key, &[("URL", NEW)]), "failure 7005");
    assert_eq!(rig.status(2), "NoImage");
}
