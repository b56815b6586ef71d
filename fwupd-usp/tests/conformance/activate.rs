//! Activate(), Reboot(), and what boots tell.

use fwupd_core::flash::Planner as _;
use fwupd_core::outcome::Initiator;
use fwupd_core::updater::Settled;
use fwupd_testkit::device::SelfTest;

use crate::rig::{IMAGES, NEW, Permit, ROW1, ROW2, Rig};

const INFO: &str = "Device.DeviceInfo.";

fn command() -> String {
    format!("{ROW2}.Activate()")
}

fn window(start: &'static str, end: &'static str, mode: &'static str) -> [(&'static str, &'static str); 3] {
    [("TimeWindow.1.Start", start), ("TimeWindow.1.End", end), ("TimeWindow.1.Mode", mode)]
}

fn boot(rig: &Rig) -> [String; 4] {
    ["CommandKey", "Cause", "Reason", "FirmwareUpdated"].map(|param| rig.event("Boot!", param))
}

#[test]
fn r22_a_reboot_boots_what_is_to_boot_and_is_answered_before() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    rig.set(false, INFO, "BootFirmwareImage", ROW2, true);
    assert_eq!(rig.active_boot(), ("1".into(), "2".into()));
    assert_eq!(rig.operate("Device.Reboot()", "key-r", &[]), "done");
    assert_eq!(rig.boots, 0);
    rig.settle();
    assert_eq!(rig.take(), ["Device.Boot!"]);
    assert_eq!(boot(&rig), ["key-r", "RemoteReboot", "Unknown", "true"]);
    assert_eq!((rig.boots, rig.active_boot()), (1, ("2".into(), "2".into())));
    assert_eq!(rig.get("Device.DeviceInfo.SoftwareVersion"), rig.image(2, "Version"));
}

#[test]
fn r23_a_reboot_without_a_switch_updates_nothing() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    assert_eq!(rig.operate("Device.Reboot()", "key-r", &[]), "done");
    rig.settle();
    assert_eq!((rig.boots, rig.take()), (1, vec!["Device.Boot!".to_owned()]));
    assert_eq!(boot(&rig), ["key-r", "RemoteReboot", "Unknown", "false"]);
    rig.reboot();
    assert_eq!(boot(&rig), ["", "LocalReboot", "Unknown", "false"], "the next one is nobody's");
}

#[test]
fn r24_cause_and_reason_of_a_reboot_come_back() {
    let mut rig = Rig::new();
    rig.subscribe_all();
    assert_eq!(rig.operate("Device.Reboot()", "k", &[("Cause", "Bogus")]), "failure 7004");
    assert_eq!(rig.operate("Device.Reboot()", "k", &[("Cause", "LocalReboot"), ("Reason", "x")]), "done");
    rig.settle();
    assert_eq!(boot(&rig), ["k", "LocalReboot", "x", "false"]);
}

#[test]
fn r25_a_reboot_that_wants_no_answer_gets_none_and_is_done() {
    let mut rig = Rig::new();
    let record = rig.record_of("Device.Reboot()", false);
    assert_eq!(rig.deliver(&record), None);
    rig.settle();
    assert_eq!(rig.boots, 1);
}

#[test]
fn r52_r57_an_activation_at_once_is_told_done_and_then_boots() {
    for args in [&window("1", "100", "Immediately")[..], &window("0", "120", "AnyTime"), &[]] {
        let mut rig = Rig::staged();
        rig.subscribe_all();
        let answer = rig.operate(&command(), "key-a", args);
        assert!(answer.starts_with("Device.LocalAgent.Request."), "{answer}");
        rig.pass(1_500);
        assert_eq!(rig.take(), ["Device.DeviceInfo.FirmwareImage.2.Activate() key-a done", "Device.Boot!"]);
        assert_eq!(boot(&rig), ["key-a", "RemoteReboot", "Unknown", "true"]);
        assert_eq!((rig.boots, rig.active_boot()), (1, ("2".into(), "2".into())));
    }
}

#[test]
fn r53_r54_windows_that_are_none_are_refused_and_nothing_is_scheduled() {
    let mut rig = Rig::staged();
    for args in [window("5", "4", "AnyTime"), window("0", "1", "Now")] {
        assert_eq!(rig.operate(&command(), "k", &args), "failure 7004", "{args:?}");
    }
    let [start, end, mode] = window("0", "1", "AnyTime");
    for args in [[start, end], [end, mode], [start, mode]] {
        assert_eq!(rig.operate(&command(), "k", &args), "failure 7027", "{args:?}");
    }
    rig.pass(10_000);
    assert_eq!((rig.boots, rig.status(2)), (0, "Available".into()));
}

#[test]
fn r55_an_idle_window_that_never_comes_is_not_used() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    rig.permit = Permit::Silent;
    rig.operate(&command(), "k", &window("1", "10", "WhenIdle"));
    rig.pass(5_000);
    assert_eq!((rig.take(), rig.get("Device.LocalAgent.RequestNumberOfEntries")), (Vec::new(), "1".into()));
    rig.pass(10_000);
    assert_eq!(rig.take(), ["Device.DeviceInfo.FirmwareImage.2.Activate() k 7022"]);
    assert_eq!((rig.boots, rig.status(2)), (0, "Available".into()));
}

#[test]
fn r52_r55_a_window_comes_and_goes_while_the_controller_is_away() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    rig.operate(&command(), "key-a", &window("10", "100", "Immediately"));
    rig.linked = false;
    rig.pass(20_000);
    assert_eq!((rig.boots, rig.active_boot(), rig.take()), (1, ("2".into(), "2".into()), Vec::new()));
    rig.linked = true;
    rig.settle();
    assert_eq!(rig.take(), ["Device.Boot!", "Device.DeviceInfo.FirmwareImage.2.Activate() key-a done"]);
    assert_eq!(boot(&rig), ["key-a", "RemoteReboot", "Unknown", "true"]);
    rig.reboot();
    assert_eq!((rig.take(), boot(&rig)[0].as_str()), (vec!["Device.Boot!".to_owned()], ""), "once");
}

#[test]
fn r55_how_it_ended_outlives_a_reset_until_the_controller_is_back() {
    for resets in [false, true] {
        let mut rig = Rig::staged();
        rig.subscribe("complete", "OperationComplete", IMAGES, true);
        rig.permit = Permit::Silent;
        rig.operate(&command(), "k", &window("1", "10", "WhenIdle"));
        rig.linked = false;
        rig.pass(20_000);
        rig.permit = Permit::Yes;
        if resets {
            rig.reboot();
            rig.reboot();
        }
        rig.pass(20_000);
        rig.linked = true;
        rig.settle();
        assert_eq!(rig.take(), ["Device.DeviceInfo.FirmwareImage.2.Activate() k 7022"], "{resets}");
        assert_eq!((rig.active_boot().0.as_str(), rig.status(2)), ("1", "Available".into()));
        rig.reboot();
        assert_eq!(rig.take(), [""; 0], "once");
    }
}

#[test]
fn r52_r53_a_window_that_is_seen_when_it_is_over_is_not_used() {
    for mode in ["AnyTime", "Immediately", "WhenIdle", "ConfirmationNeeded"] {
        let mut rig = Rig::staged();
        rig.subscribe_all();
        rig.operate(&command(), "k", &window("1", "100", mode));
        rig.device.clock.advance(100_000);
        rig.settle();
        assert_eq!(rig.take(), ["Device.DeviceInfo.FirmwareImage.2.Activate() k 7022"], "{mode}");
        assert_eq!((rig.boots, rig.status(2)), (0, "Available".into()), "{mode}");
    }
    // The next one is used.
    let mut rig = Rig::staged();
    let next = [("TimeWindow.2.Start", "200"), ("TimeWindow.2.End", "300"), ("TimeWindow.2.Mode", "AnyTime")];
    rig.operate(&command(), "k", &[window("1", "100", "Immediately"), next].concat());
    rig.device.clock.advance(150_000);
    rig.settle();
    assert_eq!((rig.boots, rig.status(2)), (0, "Available".into()));
    rig.pass(60_000);
    assert_eq!((rig.boots, rig.status(2)), (1, "Active".into()));
    // An instant is never seen in time.
    let mut rig = Rig::staged();
    rig.operate(&command(), "k", &window("1", "1", "Immediately"));
    rig.device.clock.advance(2_000);
    rig.settle();
    assert_eq!((rig.boots, rig.status(2)), (1, "Active".into()));
}

#[test]
fn r55_a_command_that_ended_while_the_controller_was_away_and_nobody_asks_about_makes_room() {
    let mut rig = Rig::staged();
    rig.permit = Permit::Silent;
    rig.operate(&command(), "k", &window("1", "10", "WhenIdle"));
    rig.linked = false;
    rig.pass(20_000);
    assert_eq!(rig.operate(&command(), "k", &window("1", "10", "AnyTime")), "Device.LocalAgent.Request.3.");
}

#[test]
fn r58_an_image_that_is_none_is_not_activated_and_the_log_says_why() {
    let mut rig = Rig::new();
    assert_eq!(rig.operate(&command(), "k", &[]), "failure 7022");
    assert_eq!(rig.image(2, "BootFailureLog"), "there is no good image");
    rig.settle();
    assert_eq!((rig.boots, rig.status(2)), (0, "NoImage".into()));
    rig.download(NEW, &[]);
    assert_eq!(rig.image(2, "BootFailureLog"), "", "cleared with the new image");
    rig.set(false, &format!("{ROW2}."), "Available", "false", true);
    assert_eq!(rig.operate(&command(), "k", &[]), "failure 7022");
    assert_eq!(rig.image(2, "BootFailureLog"), "the image is not available");
}

#[test]
fn r59_the_active_image_is_not_activated() {
    let mut rig = Rig::new();
    assert_eq!(rig.operate(&format!("{ROW1}.Activate()"), "k", &[]), "failure 7002");
    rig.settle();
    assert_eq!(rig.boots, 0);
}

#[test]
fn r60_an_activation_that_waits_can_be_cancelled() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    let request = rig.operate(&command(), "k", &window("120", "500", "AnyTime"));
    rig.settle();
    assert_eq!(rig.operate(&format!("{request}Cancel()"), "", &[]), "done");
    rig.pass(600_000);
    assert_eq!(rig.take(), ["Device.DeviceInfo.FirmwareImage.2.Activate() k 7023"]);
    assert_eq!((rig.boots, rig.status(2)), (0, "Available".into()));
    assert_eq!(rig.get("Device.LocalAgent.RequestNumberOfEntries"), "0");
}

#[test]
fn r63_a_power_cut_drops_the_windows() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    rig.operate(&command(), "k", &window("120", "500", "AnyTime"));
    rig.settle();
    rig.reboot();
    assert_eq!(rig.take(), ["Device.Boot!", "Device.DeviceInfo.FirmwareImage.2.Activate() k 7022"]);
    rig.pass(600_000);
    assert_eq!(
        (rig.boots, rig.status(2), rig.active_boot()),
        (1, "Available".into(), ("1".into(), "1".into()))
    );
}

#[test]
fn r64_a_failed_boot_leaves_what_was_to_boot_and_says_why() {
    for (self_test, log) in
        [(SelfTest::Crash, "trial boots spent"), (SelfTest::Hang, "not confirmed in time")]
    {
        let mut rig = Rig::staged();
        rig.subscribe_all();
        rig.device.self_test = self_test;
        rig.operate(&command(), "k", &[]);
        rig.settle();
        assert_eq!(rig.active_boot(), ("1".into(), "2".into()), "{self_test:?}");
        assert_eq!(rig.status(2), "ActivationFailed");
        assert_eq!(rig.image(2, "Available"), "false");
        assert_eq!(rig.image(2, "Version"), "5");
        let told = rig.image(2, "BootFailureLog");
        assert!(!told.is_empty(), "{self_test:?}: {log}");
        // The slot that runs is compared with that of the last Boot! that was sent.
        let _ = rig.take();
        rig.reboot();
        assert_eq!(boot(&rig)[3], "false");
        assert_eq!(rig.active_boot(), ("1".into(), "2".into()));
    }
}

#[test]
fn r64_a_fallback_before_the_new_image_said_anything_is_no_update() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    rig.resets = false;
    rig.operate(&command(), "k", &[]);
    rig.settle();
    assert_eq!(rig.take(), ["Device.DeviceInfo.FirmwareImage.2.Activate() k done"]);
    // Three trial boots that get nowhere, and the bootloader goes back.
    (0..3).for_each(|_| assert_eq!(rig.device.bootloader(), Ok(fwupd_core::image::SlotId(1))));
    rig.resets = true;
    rig.reboot();
    assert_eq!(rig.take(), ["Device.Boot!"]);
    assert_eq!(boot(&rig)[3], "false");
    assert_eq!((rig.status(2), rig.active_boot()), ("ActivationFailed".into(), ("1".into(), "2".into())));
}

#[test]
fn r68_a_good_boot_has_no_log_and_a_new_image_clears_it() {
    let mut rig = Rig::staged();
    rig.device.self_test = SelfTest::Fail;
    rig.operate(&command(), "k", &[]);
    rig.settle();
    assert_eq!(rig.image(2, "BootFailureLog"), "self-test failed");
    rig.device.files.insert(NEW.into(), fwupd_testkit::reference::package("one-seqmax.suit"));
    rig.device.self_test = SelfTest::Pass;
    rig.download(NEW, &[]);
    assert_eq!((rig.status(2), rig.image(2, "BootFailureLog")), ("Available".into(), String::new()));
    rig.operate(&command(), "k", &[]);
    rig.settle();
    assert_eq!((rig.status(2), rig.image(2, "BootFailureLog")), ("Active".into(), String::new()));
}

#[test]
fn r70_a_change_of_the_version_is_told_after_the_boot_where_that_was_asked_for_good() {
    let mut rig = Rig::staged();
    rig.subscribe("for-good", "ValueChange", "Device.DeviceInfo.SoftwareVersion", true);
    rig.subscribe("for-now", "ValueChange", &format!("{IMAGES}*.Status"), false);
    rig.operate(&command(), "k", &[]);
    rig.settle();
    assert_eq!(rig.take(), ["Device.DeviceInfo.SoftwareVersion=5"]);
    assert_eq!(rig.get("Device.LocalAgent.SubscriptionNumberOfEntries"), "1");
    rig.reboot();
    assert_eq!(rig.take(), [""; 0], "once");
}

#[test]
fn r70_changes_are_told_as_they_happen() {
    let mut rig = Rig::new();
    rig.subscribe("status", "ValueChange", &format!("{IMAGES}*.Status"), false);
    rig.subscribe("below", "ValueChange", &format!("{ROW2}."), false);
    rig.download(NEW, &[]);
    let told = rig.take();
    let status = |value| format!("{ROW2}.Status={value}");
    for value in ["Downloading", "Validating", "Available"] {
        assert_eq!(told.iter().filter(|line| **line == status(value)).count(), 2, "{value}: {told:?}");
    }
    assert!(told.contains(&format!("{ROW2}.Version=5")), "{told:?}");
    rig.set(false, INFO, "BootFirmwareImage", ROW2, true);
    rig.settle();
    assert_eq!(rig.take(), [""; 0], "nobody asked for that");
}

#[test]
fn r56_without_a_confirmation_the_window_is_not_used_and_retries_count_for_no_other_mode() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    rig.permit = Permit::Later;
    let mut args = window("1", "100", "ConfirmationNeeded").to_vec();
    args.push(("TimeWindow.1.MaxRetries", "2"));
    rig.operate(&command(), "k", &args);
    rig.pass(200_000);
    assert_eq!(rig.asked, 3, "once, and two times more");
    assert_eq!(rig.take(), ["Device.DeviceInfo.FirmwareImage.2.Activate() k 7022"]);
    assert_eq!((rig.boots, rig.status(2)), (0, "Available".into()));
    rig.permit = Permit::Yes;
    rig.operate(&command(), "k", &args);
    rig.pass(5_000);
    assert_eq!((rig.boots, rig.status(2)), (1, "Active".into()));
}

#[test]
fn r69_another_slot_is_an_update_whatever_its_version_is() {
    let mut rig = Rig::new();
    rig.subscribe_all();
    rig.device.files.insert(NEW.into(), fwupd_testkit::reference::package("one-seq4.suit"));
    rig.download(NEW, &[("AutoActivate", "true")]);
    assert_eq!((boot(&rig)[3].as_str(), rig.get("Device.DeviceInfo.SoftwareVersion")), ("true", "4".into()));
}

#[test]
fn r81_what_was_activated_is_what_boots_also_after_it_failed() {
    let mut rig = Rig::staged();
    rig.resets = false;
    rig.operate(&command(), "k", &[]);
    rig.settle();
    assert_eq!(rig.active_boot(), ("1".into(), "2".into()));
    rig.resets = true;
    rig.device.self_test = SelfTest::Fail;
    rig.settle();
    assert_eq!((rig.active_boot(), rig.status(2)), (("1".into(), "2".into()), "ActivationFailed".into()));
}

#[test]
fn r82_the_way_back_is_a_boot_like_another() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    rig.operate(&command(), "k", &[]);
    rig.settle();
    let _ = rig.take();
    rig.set(false, INFO, "BootFirmwareImage", ROW1, true);
    assert_eq!(rig.operate("Device.Reboot()", "back", &[]), "done");
    rig.settle();
    assert_eq!((rig.take(), rig.active_boot()), (vec!["Device.Boot!".to_owned()], ("1".into(), "1".into())));
    assert_eq!(boot(&rig), ["back", "RemoteReboot", "Unknown", "true"]);
}

#[test]
fn r69_a_note_that_the_flash_does_not_take_is_written_again() {
    let mut rig = Rig::new();
    rig.subscribe_all();
    rig.device.files.insert(NEW.into(), fwupd_testkit::reference::package("one-seq4.suit"));
    rig.resets = false;
    rig.download(NEW, &[("AutoActivate", "true")]);
    rig.resets = true;
    rig.linked = false;
    rig.settle();
    let _ = rig.take();
    // Boot! is sent, and that it was is not written.
    rig.linked = true;
    rig.poll();
    assert_eq!(rig.take(), ["Device.Boot!"]);
    rig.poll();
    assert_eq!(rig.up.settled(Initiator(1)), Settled::Pending);
    assert!(rig.up.next_op().is_some(), "an operation is owed, and dropped");
    rig.settle();
    rig.reboot();
    assert_eq!(boot(&rig)[3], "false", "once");
}

#[test]
fn r84_what_is_to_boot_boots_whoever_causes_it() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    rig.set(false, INFO, "BootFirmwareImage", ROW2, true);
    rig.reboot();
    assert_eq!(rig.active_boot(), ("2".into(), "2".into()));
    assert_eq!(boot(&rig), ["", "LocalReboot", "Unknown", "true"]);
}

#[test]
fn r79_a_confirmed_image_that_no_longer_boots_is_fallen_back_from() {
    let mut rig = Rig::staged();
    rig.subscribe_all();
    rig.subscribe("version", "ValueChange", "Device.DeviceInfo.SoftwareVersion", true);
    rig.operate(&command(), "k", &[]);
    rig.settle();
    let _ = rig.take();
    // The second slot of the reference device begins there.
    rig.device.flash.fill(0, 4096, &[0; 16]).unwrap();
    rig.reboot();
    assert_eq!(rig.take(), ["Device.Boot!", "Device.DeviceInfo.SoftwareVersion=4"]);
    assert_eq!((boot(&rig)[3].as_str(), rig.active_boot()), ("true", ("1".into(), "2".into())));
    assert_eq!(rig.status(2), "ActivationFailed");
    assert!(!rig.image(2, "BootFailureLog").is_empty());
}
