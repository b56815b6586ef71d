//! The tables of `docs/mapping.md`: what the adapters show and answer, as they do it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, Failure, Initiator, Outcome, Phase, Reach, Refused, Run, What};
use fwupd_core::status::Coarse;
use fwupd_lwm2m::spec::State as Lwm2mState;
use fwupd_testkit::tell;

use crate::search::{At, FAILURES, Reached, SLOTS, status};
use crate::sheet;
use crate::steps::{iotf, iotf_notes, lwm2m, ocf, usp};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/mapping.md");

const PHASES: [Phase; 3] = [Phase::Download, Phase::Staged, Phase::Activation];

/// The rows of the first table.
fn kind(at: &At) -> (usize, &'static str) {
    match at.state {
        State::Idle if at.newer.is_none() => (0, "Idle, nothing newer known"),
        State::Idle => (1, "Idle, a newer version known"),
        State::Checking { .. } => (2, "Checking"),
        State::Receiving { .. } => (3, "Receiving"),
        State::Validating { .. } => (4, "Validating"),
        State::Staged { wanted: None, .. } => (5, "Staged, nothing wanted"),
        State::Staged { wanted: Some(owner), .. } => match owner.ask {
            Ask::No => (6, "Staged, wanted at once"),
            Ask::Idle | Ask::User => (7, "Staged, permit owed"),
        },
        State::Activating { .. } => (8, "Activating"),
        State::Trial { .. } => (9, "Trial"),
        State::Reverting { .. } => (10, "Reverting"),
    }
}

/// The slot that a state is about.
fn about(at: &At) -> SlotId {
    match at.state {
        State::Idle => SlotId(1 - at.boot.running.0),
        State::Checking { request } | State::Receiving { request, .. } => request.target,
        State::Validating { request, .. } => request.target,
        State::Staged { image, .. } | State::Activating { image, .. } => image.slot(),
        State::Trial { image, .. } | State::Reverting { image, .. } => image.slot(),
    }
}

/// A few values, or that there are more.
fn few<T: ToString>(values: &BTreeSet<T>, many: &str) -> String {
    if values.len() > 3 {
        return many.to_owned();
    }
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    values.join(" or ")
}

#[derive(Default)]
struct Shown {
    lwm2m: BTreeSet<u8>,
    lwm2m_results: BTreeSet<u16>,
    ocf: BTreeSet<String>,
    ocf_results: BTreeSet<u16>,
    iotf: BTreeSet<u8>,
    iotf_results: BTreeSet<u16>,
    about: BTreeSet<&'static str>,
    other: BTreeSet<&'static str>,
}

fn states(reached: &Reached) -> String {
    let mut rows: BTreeMap<(usize, &str), Shown> = BTreeMap::new();
    for at in &reached.all {
        let row = rows.entry(kind(at)).or_default();
        let status = status(at);
        let shown = lwm2m(&status, &fwupd_lwm2m::note::Note::FRESH);
        row.lwm2m.insert(shown.state);
        row.lwm2m_results.insert(shown.result);
        let state = fwupd_ocf::spec::project(&status, &fwupd_ocf::note::Note::FRESH).state;
        row.ocf.insert(format!("{}, {}", state.name(), state.mode()));
        row.ocf_results.insert(ocf(&status, &fwupd_ocf::note::Note::FRESH).result);
        let shown = iotf(&status, &fwupd_iotf::note::Note::FRESH);
        row.iotf.insert(shown.state);
        row.iotf_results.insert(shown.result);
        let (statuses, _) = usp(&status);
        for slot in SLOTS {
            let row = if slot == about(at) { &mut row.about } else { &mut row.other };
            row.insert(statuses[usize::from(slot.0)].text());
        }
    }
    let mut out = String::new();
    out.push_str("| lifecycle | LwM2M State / Result | OCF state, cm, result | IoTF state / updateStatus ");
    out.push_str("| USP, its slot | USP, the other slot |\n|---|---|---|---|---|---|\n");
    for ((_, name), row) in rows {
        let last = "by outcome";
        _ = writeln!(
            out,
            "| {name} | {} / {} | {}, {} | {} / {} | {} | {} |",
            few(&row.lwm2m, "?"),
            few(&row.lwm2m_results, last),
            few(&row.ocf, "?"),
            few(&row.ocf_results, last),
            few(&row.iotf, "?"),
            few(&row.iotf_results, last),
            few(&row.about, "by slot"),
            few(&row.other, "by slot"),
        );
    }
    out
}

/// The outcome of a run of one's own.
fn outcome(what: What, at: Phase, reach: Reach) -> Outcome {
    let slot = Some(SlotId(1));
    Outcome { run: Run(1), by: Initiator(1), reach, slot, at, what, wall: None, until: None }
}

/// The code of every adapter for a failure, by phase: LwM2M, OCF, IoTF, USP.
fn codes(why: Failure) -> [(u8, u16, u8, String); 3] {
    PHASES.map(|at| {
        let last = outcome(What::Failed(why), at, Reach::Activate(Ask::No));
        let usp = fwupd_usp::spec::failure(why, at).map_or("by slot", |status| status.text());
        (
            fwupd_lwm2m::spec::result(&last) as u8,
            fwupd_ocf::spec::result(&last).number(),
            fwupd_iotf::spec::result(&last) as u8,
            usp.to_owned(),
        )
    })
}

/// Values of the three phases: each once where they are alike.
fn phases<T: ToString + PartialEq>([download, staged, later]: [T; 3]) -> String {
    let [download, staged, later] = [download, staged, later].map(|code| code.to_string());
    if download == staged && staged == later {
        download
    } else if staged == later {
        format!("{download}; {later}")
    } else {
        format!("{download}; {staged}; {later}")
    }
}

fn failures() -> String {
    let mut out = String::new();
    out.push_str(
        "| failure | LwM2M Result | OCF result | IoTF updateStatus | USP Status | USP FaultCode |\n",
    );
    out.push_str("|---|---|---|---|---|---|\n");
    for why in FAILURES {
        let codes = codes(why);
        let cancelled = if why == Failure::Cancelled {
            format!("; {} by Cancel()", fwupd_usp::spec::Code::Cancelled as u16)
        } else {
            String::new()
        };
        _ = writeln!(
            out,
            "| {why} | {} | {} | {} | {} | {}{cancelled} |",
            phases(codes.each_ref().map(|code| code.0)),
            phases(codes.each_ref().map(|code| code.1)),
            phases(codes.each_ref().map(|code| code.2)),
            phases(codes.each_ref().map(|code| code.3.as_str())),
            fwupd_usp::spec::fault_code(why) as u16,
        );
    }
    out
}

const REFUSALS: [Refused; 6] = [
    Refused::WrongState,
    Refused::Busy(Initiator(2)),
    Refused::Unsupported,
    Refused::Invalid,
    Refused::NoSuchSlot,
    Refused::NotAvailable,
];

fn coap(code: u8) -> String {
    format!("{}.{:02}", code >> 5, code & 31)
}

/// What a refusal is answered, by the columns of [`sheet::ANSWERS`].
fn answers(why: Refused) -> [String; sheet::ANSWERS.len()] {
    use fwupd_iotf::spec::{refused_initiate, refused_update};
    use fwupd_usp::spec::{
        refused_activate, refused_available, refused_boot, refused_cancel, refused_download,
    };
    let write = |state| fwupd_lwm2m::spec::refused_write(why, state) as u8;
    let (before, updating) = (write(Lwm2mState::Idle), write(Lwm2mState::Updating));
    assert_eq!(before, write(Lwm2mState::Downloading));
    assert_eq!(before, write(Lwm2mState::Downloaded));
    let write =
        if before == updating { coap(before) } else { format!("{} ({})", coap(before), coap(updating)) };
    let run = fwupd_ocf::spec::refused_run(why).map(|result| result.number());
    let usp = |refused: fn(Refused) -> fwupd_usp::spec::Code| (refused(why) as u16).to_string();
    [
        write,
        coap(fwupd_lwm2m::spec::refused_command(why) as u8),
        coap(fwupd_ocf::spec::refused(why) as u8),
        run.map_or("5.03".to_owned(), |result| format!("2.04, r {result}")),
        run.map_or("dropped".to_owned(), |result| format!("r {result}")),
        (refused_initiate(why) as u16).to_string(),
        (refused_initiate(why) as u16).to_string(),
        (refused_update(why) as u16).to_string(),
        usp(refused_download),
        usp(refused_activate),
        usp(refused_boot),
        usp(refused_available),
        usp(refused_cancel),
    ]
}

fn word(why: Refused) -> String {
    match why {
        Refused::Busy(_) => "busy".to_owned(),
        Refused::WrongState | Refused::Unsupported | Refused::Invalid => why.to_string(),
        Refused::NoSuchSlot | Refused::NotAvailable => why.to_string(),
    }
}

fn refusals() -> String {
    let rule = "---|".repeat(sheet::ANSWERS.len());
    let mut out = format!("| refused | {} |\n|---|{rule}\n", sheet::ANSWERS.join(" | "));
    for why in REFUSALS {
        _ = writeln!(out, "| {} | {} |", word(why), answers(why).join(" | "));
    }
    out
}

/// What is shown that may stand for more than one part of the lifecycle.
fn wide(reached: &Reached) -> String {
    let mut rows: BTreeSet<(&str, String, String)> = BTreeSet::new();
    let mut add = |protocol, shown: String, coarse: Coarse| {
        if coarse.count() > 1 {
            rows.insert((protocol, shown, coarse.to_string()));
        }
    };
    for at in &reached.all {
        let status = status(at);
        for (note, _) in iotf_notes(at) {
            let shown = iotf(&status, &note);
            add("IoTF", format!("state {}, updateStatus {}", shown.state, shown.result), shown.coarse);
        }
        let (mut slots, coarse) = usp(&status);
        slots.sort_by_key(|status| status.text());
        add("USP", slots.map(|status| status.text()).join(", "), coarse);
        add("LwM2M", "?".to_owned(), lwm2m(&status, &fwupd_lwm2m::note::Note::FRESH).coarse);
        add("OCF", "?".to_owned(), ocf(&status, &fwupd_ocf::note::Note::FRESH).coarse);
    }
    let mut out = "| protocol | shown | may be |\n|---|---|---|\n".to_owned();
    for (protocol, shown, coarse) in rows {
        _ = writeln!(out, "| {protocol} | {shown} | {coarse} |");
    }
    out
}

/// Every failure in every phase, and every refusal of every message, by the tables of the specifications.
pub(crate) fn every_code_is_that_of_the_sheet() {
    for why in FAILURES {
        let row = sheet::failed(why);
        let [download, staged, later] = codes(why);
        for (n, (lwm2m, ocf, iotf, _)) in [&download, &staged, &later].into_iter().enumerate() {
            let phase = usize::from(n > 0);
            assert_eq!(*lwm2m, row.lwm2m[phase], "LwM2M, {why:?}, {:?}", PHASES[n]);
            assert_eq!(*ocf, row.ocf[phase], "OCF, {why:?}, {:?}", PHASES[n]);
            assert_eq!(*iotf, row.iotf[phase], "IoTF, {why:?}, {:?}", PHASES[n]);
            assert_eq!(fwupd_usp::spec::failure(why, PHASES[n]), row.usp[n], "USP, {why:?}, {:?}", PHASES[n]);
        }
        assert_eq!(fwupd_usp::spec::fault_code(why) as u16, row.fault, "USP FaultCode, {why:?}");
    }
    assert_eq!(fwupd_usp::spec::Code::Cancelled as u16, sheet::FAULT_BY_CANCEL);
    let mut deviations = 0;
    for (n, (why, expected)) in sheet::REFUSED.into_iter().enumerate() {
        assert_eq!(why, REFUSALS[n]);
        for ((of, expected), answer) in sheet::ANSWERS.into_iter().zip(expected).zip(answers(why)) {
            let internal = sheet::INTERNAL.iter().find(|(protocol, _)| of.starts_with(protocol)).unwrap().1;
            let expected = if expected == "-" { internal } else { expected };
            let is_of_the_sheet = expected.split("; ").any(|one| one == answer);
            let mut all = sheet::DEVIATIONS.iter();
            match all.find(|deviation| (deviation.why, deviation.of) == (why, of)) {
                None => assert!(is_of_the_sheet, "{of}, {why:?}: {answer}, and not {expected}"),
                Some(deviation) => {
                    assert_eq!(answer, deviation.ours, "{of}, {why:?}: {}", deviation.reason);
                    assert!(!is_of_the_sheet, "{of}, {why:?}: {answer} deviates from nothing");
                    deviations += 1;
                }
            }
        }
    }
    assert_eq!(deviations, sheet::DEVIATIONS.len(), "each deviates from a cell of its own");
    tell(format_args!(
        "laws: {} answers to refusals are those of the sheet, but for {deviations} that have a reason",
        sheet::REFUSED.len() * sheet::ANSWERS.len(),
    ));
}

/// The document with its tables as they are now.
fn rendered(before: &str, tables: &[(&str, String)]) -> String {
    let mut text = before.to_owned();
    for (name, table) in tables {
        let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
        let from = text.find(&begin).unwrap_or_else(|| panic!("{name} has no place")) + begin.len();
        let to = text.find(&end).unwrap_or_else(|| panic!("{name} has no end"));
        text.replace_range(from..to, table);
    }
    text
}

pub(crate) fn the_document_has_the_tables_as_they_are(reached: &Reached) {
    let tables = [
        ("states", states(reached)),
        ("failures", failures()),
        ("refusals", refusals()),
        ("more than one", wide(reached)),
    ];
    let before = std::fs::read_to_string(DOCUMENT).unwrap();
    let after = rendered(&before, &tables);
    if std::env::var_os("UPDATE_MAPPING").is_some() {
        std::fs::write(DOCUMENT, after).unwrap();
        return;
    }
    for (kept, made) in before.lines().zip(after.lines()) {
        assert_eq!(
            kept, made,
            "docs/mapping.md is not what the adapters do; UPDATE_MAPPING=1 writes it anew"
        );
    }
    assert_eq!(
        before.lines().count(),
        after.lines().count(),
        "docs/mapping.md has lines too many or too few"
    );
}
