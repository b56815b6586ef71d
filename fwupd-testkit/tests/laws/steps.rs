//! What is shown of every situation, and of every step from one to the next.

use std::collections::{BTreeMap, BTreeSet};

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{Owner, State};
use fwupd_core::outcome::{Ask, Phase, Reach, What};
use fwupd_core::slot::{Enabled, Slot};
use fwupd_core::status::{Coarse, Status};
use fwupd_iotf::note::Note as IotfNote;
use fwupd_lwm2m::note::Note as Lwm2mNote;
use fwupd_ocf::note::Note as OcfNote;
use fwupd_testkit::tell;
use fwupd_usp::spec::model::ImageStatus;

use crate::search::{At, FAILURES, Over, Reached, SLOTS, name, status};
use crate::sheet;

/// What LwM2M, OCF and IoTF show: a state and a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair<S> {
    pub(crate) state: S,
    pub(crate) result: u16,
    pub(crate) coarse: Coarse,
}

pub(crate) fn lwm2m(status: &Status<'_>, note: &Lwm2mNote) -> Pair<u8> {
    let shown = fwupd_lwm2m::spec::project(status, note);
    let coarse = fwupd_lwm2m::spec::coarse(shown);
    Pair { state: shown.state as u8, result: (shown.result as u8).into(), coarse }
}

pub(crate) fn ocf(status: &Status<'_>, note: &OcfNote) -> Pair<&'static str> {
    let shown = fwupd_ocf::spec::project(status, note);
    let coarse = fwupd_ocf::spec::coarse(shown);
    Pair { state: shown.state.name(), result: shown.result.number(), coarse }
}

pub(crate) fn iotf(status: &Status<'_>, note: &IotfNote) -> Pair<u8> {
    let shown = fwupd_iotf::spec::project(status, note);
    let coarse = fwupd_iotf::spec::coarse(shown);
    Pair { state: shown.state as u8, result: (shown.status as u8).into(), coarse }
}

pub(crate) fn usp(status: &Status<'_>) -> ([ImageStatus; 2], Coarse) {
    let rows = SLOTS.map(|slot| fwupd_usp::spec::project(status, slot));
    (rows.map(|row| row.status), fwupd_usp::spec::coarse(rows))
}

/// The notes that may be there, and what is the code of each that is not fresh.
pub(crate) fn lwm2m_notes(at: &At) -> Vec<(Lwm2mNote, Option<u16>)> {
    let codes = (0..12).filter_map(fwupd_lwm2m::spec::UpdateResult::from_number);
    let own = codes.map(|code| {
        let note = Lwm2mNote { own: Some((at.run, code)), ..Lwm2mNote::FRESH };
        (note, Some((code as u8).into()))
    });
    [(Lwm2mNote::FRESH, None)].into_iter().chain(own).collect()
}

pub(crate) fn ocf_notes(at: &At) -> Vec<(OcfNote, Option<u16>)> {
    let status = status(at);
    let codes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 404, 503];
    let own = codes.map(|code| {
        let result = fwupd_ocf::spec::UpdateResult::from_number(code).unwrap();
        (OcfNote::FRESH.with_result(&status, result), Some(code))
    });
    let dropped = [(OcfNote::FRESH.with_drop(&status), None)];
    [(OcfNote::FRESH, None)].into_iter().chain(own).chain(dropped).collect()
}

pub(crate) fn iotf_notes(at: &At) -> [(IotfNote, bool); 2] {
    [(IotfNote::FRESH, false), (IotfNote { reset: Some(at.run), ..IotfNote::FRESH }, true)]
}

/// Whether an activation is wanted or at work, and asks first, or has begun.
fn in_progress(state: &State) -> bool {
    match state {
        State::Idle | State::Checking { .. } | State::Receiving { .. } | State::Validating { .. } => false,
        State::Staged { wanted: Some(Owner { ask: Ask::Idle | Ask::User, .. }), .. } => true,
        State::Staged { wanted: Some(Owner { ask: Ask::No, .. }) | None, .. } => false,
        State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => true,
    }
}

/// What the tables of the specifications say of a situation, with a fresh note: LwM2M, OCF, IoTF.
fn expected(at: &At) -> ([(u8, u16); 2], (&'static str, u16)) {
    // The result of the last run, in each.
    let [lwm2m, ocf, iotf] = match at.last.map(|last| (last.what, last.reach, last.at)) {
        None => [0, 0, 0],
        Some((What::Done, Reach::Check | Reach::Stage, _)) => [0, 1, 0],
        Some((What::Done, Reach::Activate(_), _)) => [1, 1, 0],
        Some((What::Failed(why), _, phase)) => {
            let row = sheet::failed(why);
            let later = usize::from(phase != Phase::Download);
            [row.lwm2m[later].into(), row.ocf[later], row.iotf[later].into()]
        }
    };
    let kept = match at.last.map(|last| last.what) {
        None | Some(What::Done) => 0,
        Some(What::Failed(why)) => sheet::failed(why).kept.into(),
    };
    let rest = if at.newer.is_some() { "nsa" } else { "idle" };
    match at.state {
        State::Idle => ([(0, lwm2m), (0, iotf)], (rest, ocf)),
        State::Checking { .. } => ([(0, 0), (0, 0)], (rest, 0)),
        State::Receiving { .. } | State::Validating { .. } => ([(1, 0), (1, 0)], ("svv", 0)),
        State::Staged { wanted: None, .. } => ([(2, kept), (2, iotf)], ("sva", ocf)),
        State::Staged { wanted: Some(owner), .. } => {
            let asks = u16::from(owner.ask != Ask::No);
            ([(2, 0), (2, asks)], ("sva", 0))
        }
        State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => {
            ([(3, 0), (2, 1)], ("upgrading", 0))
        }
    }
}

/// What TR-181 says of a slot.
fn expected_slot(at: &At, slot: SlotId) -> ImageStatus {
    if slot == at.boot.running {
        return ImageStatus::Active;
    }
    match at.state {
        State::Receiving { request, .. } if request.target == slot => return ImageStatus::Downloading,
        State::Validating { request, .. } if request.target == slot => return ImageStatus::Validating,
        State::Idle | State::Checking { .. } | State::Receiving { .. } | State::Validating { .. } => {}
        State::Staged { .. } | State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => {}
    }
    let befell = |why, phase: Phase| sheet::failed(why).usp[phase as usize];
    let last = at.last.filter(|last| last.slot == Some(slot));
    if let Some((What::Failed(why), phase)) = last.map(|last| (last.what, last.at))
        && let Some(status) = befell(why, phase)
    {
        return status;
    }
    match at.slots[usize::from(slot.0)] {
        Slot::Empty | Slot::Partial => ImageStatus::NoImage,
        Slot::Verified(_, Enabled::Yes | Enabled::No) => ImageStatus::Available,
        Slot::Failed { at, why, .. } => befell(why, at).unwrap_or(ImageStatus::NoImage),
    }
}

/// Every situation, by itself.
pub(crate) fn every_situation_shows_what_the_tables_say(reached: &Reached) {
    let mut wide: BTreeSet<String> = BTreeSet::new();
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for at in &reached.all {
        let status = status(at);
        let core = Coarse::of(&at.state);
        let at_work = at.state.run().is_some();
        let ([in_lwm2m, in_iotf], in_ocf) = expected(at);

        for (note, own) in lwm2m_notes(at) {
            let shown = lwm2m(&status, &note);
            assert_eq!(shown.state, in_lwm2m.0, "LwM2M State: {}", name(at));
            let result = own.filter(|_| !at_work).unwrap_or(in_lwm2m.1);
            assert_eq!(shown.result, result, "LwM2M Update Result, own {own:?}: {}", name(at));
            assert!(!at_work || shown.result == 0, "law 3, LwM2M: {shown:?} in {}", name(at));
            assert_eq!(shown.coarse, core, "LwM2M: {shown:?} in {}", name(at));
        }
        for (note, own) in ocf_notes(at) {
            let shown = ocf(&status, &note);
            // A package that was dropped for another takes with it what it told of a newer version.
            let state = if note.dropped(&status) && in_ocf.0 == "nsa" { "idle" } else { in_ocf.0 };
            assert_eq!(shown.state, state, "OCF swupdatestate: {}", name(at));
            let result = own.filter(|_| !at_work).unwrap_or(in_ocf.1);
            assert_eq!(shown.result, result, "OCF swupdateresult, own {own:?}: {}", name(at));
            let mode = sheet::OCF_MODE.iter().find(|(name, _)| *name == state).unwrap().1;
            assert_eq!(fwupd_ocf::spec::project(&status, &note).state.mode(), mode, "OCF cm: {}", name(at));
            assert!(!at_work || shown.result == 0, "law 3, OCF: {shown:?} in {}", name(at));
            assert_eq!(shown.coarse, core, "OCF: {shown:?} in {}", name(at));
        }
        for (note, reset) in iotf_notes(at) {
            let shown = iotf(&status, &note);
            let rests = reset && !at_work;
            let expected = if rests { (0, 0) } else { in_iotf };
            assert_eq!((shown.state, shown.result), expected, "IoTF, reset {reset}: {}", name(at));
            let law = shown.result == 0 || (shown.result == 1 && in_progress(&at.state));
            assert!(!at_work || law, "law 3, IoTF: {shown:?} in {}", name(at));
            assert!(shown.coarse.contains(core), "IoTF: {shown:?} in {}", name(at));
            if shown.coarse.count() > 1 {
                wide.insert(format!("IoTF {} / {}", shown.state, shown.result));
            }
        }
        let (rows, coarse) = usp(&status);
        assert_eq!(rows, SLOTS.map(|slot| expected_slot(at, slot)), "USP Status: {}", name(at));
        assert!(coarse.contains(core), "USP: {rows:?} in {}", name(at));

        runs(at, &status);
        if let Some(last) = at.last.filter(|_| !at_work) {
            outcome_is_told(at, &status, &last.what, &mut told);
        }
    }
    assert_eq!(wide.len(), 2, "{wide:?}");
    // Every failure was the end of some run.
    for why in FAILURES {
        assert!(told.contains_key(&format!("{why:?}")), "{why:?} was told of no run");
    }
    let (states, kinds) = states(reached);
    tell(format_args!(
        "laws: {} situations of {states} states of {kinds} kinds, {} steps; {} events put, {} taken",
        reached.all.len(),
        reached.arrows.len(),
        reached.put,
        reached.taken,
    ));
}

/// Law 4: what is shown as running is what runs.
fn runs(at: &At, status: &Status<'_>) {
    let image = at.slots[usize::from(at.boot.running.0)].verified().map(|verified| *verified.image());
    let version = image.map_or(at.installed.version, |image| image.version);
    assert_eq!(fwupd_iotf::firmware::running(status), version.as_str(), "law 4, IoTF: {}", name(at));
    for slot in SLOTS {
        let row = fwupd_usp::spec::project(status, slot);
        let runs = slot == at.boot.running;
        assert_eq!(row.status == ImageStatus::Active, runs, "law 4, USP: {}", name(at));
        if runs {
            assert_eq!(row.version, Some(&version), "law 4, USP: {}", name(at));
            assert!(row.available, "law 4, USP: {}", name(at));
        }
    }
}

/// An outcome is shown by every adapter: no note that is fresh hides it.
fn outcome_is_told(at: &At, status: &Status<'_>, what: &What, told: &mut BTreeMap<String, usize>) {
    let last = at.last.unwrap();
    let staged = matches!(at.state, State::Staged { .. });
    let results = [
        (lwm2m(status, &Lwm2mNote::FRESH).result, u16::from(fwupd_lwm2m::spec::result(&last) as u8)),
        (ocf(status, &OcfNote::FRESH).result, fwupd_ocf::spec::result(&last).number()),
        (iotf(status, &IotfNote::FRESH).result, u16::from(fwupd_iotf::spec::result(&last) as u8)),
    ];
    for (n, (shown, told)) in results.into_iter().enumerate() {
        // With the image still there, LwM2M says no more than that the update failed.
        assert!(shown == told || (n == 0 && staged), "an outcome that is not told by {n}: {}", name(at));
    }
    let name = match what {
        What::Done => "Done".to_owned(),
        What::Failed(why) => format!("{why:?}"),
    };
    *told.entry(name).or_default() += 1;
}

/// How many states, runs and offsets made equal, and of how many kinds.
fn states(reached: &Reached) -> (usize, usize) {
    let mut states: Vec<String> = reached.all.iter().map(|at| format!("{:?}", at.state)).collect();
    states.sort_unstable();
    states.dedup();
    let kinds: BTreeSet<_> =
        reached.all.iter().map(|at| core::mem::discriminant(&at.state)).map(|d| format!("{d:?}")).collect();
    (states.len(), kinds.len())
}

/// Every step.
pub(crate) fn every_step_is_allowed(reached: &Reached) {
    let shown: Vec<_> = reached
        .all
        .iter()
        .map(|at| {
            let status = status(at);
            let of_iotf = iotf_notes(at).map(|(note, _)| iotf(&status, &note).state);
            let of_ocf = ocf(&status, &OcfNote::FRESH).state;
            (lwm2m(&status, &Lwm2mNote::FRESH).state, of_ocf, of_iotf, usp(&status).0)
        })
        .collect();
    let mut seen = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut deviations = 0;
    for arrow in &reached.arrows {
        let (from, to) = (&shown[arrow.from as usize], &shown[arrow.to as usize]);
        let why = || {
            let all = &reached.all;
            let name = |n: u32| name(&all[n as usize]);
            format!("{:?}: {}\nto {}", arrow.over, name(arrow.from), name(arrow.to))
        };
        if from.0 != to.0 {
            let step = (from.0, to.0);
            let boots = sheet::LWM2M_BOOT.contains(&step) || step == sheet::LWM2M_BOOT_DEVIATION;
            let booted = arrow.over == Over::Boot && boots;
            assert!(sheet::LWM2M.contains(&step) || booted, "law 2, LwM2M {step:?} over a {}", why());
            deviations += usize::from(step == sheet::LWM2M_BOOT_DEVIATION);
            seen.0.insert(step);
        }
        if from.1 != to.1 {
            let (_, next) = sheet::OCF.iter().find(|(state, _)| *state == from.1).unwrap();
            assert!(next.contains(&to.1), "law 2, OCF {} to {}: {}", from.1, to.1, why());
            // The graph is complete. What is installed was validated before all the same: table 4, upgrade.
            let validated = to.1 != "upgrading" || from.1 == "sva" || arrow.over == Over::Boot;
            assert!(validated, "OCF {} to {}: {}", from.1, to.1, why());
            seen.1.insert((from.1, to.1));
        }
        // A note has a code of its own until another run begins: so what ends a run must not be hidden by one from
        // before it.
        let [before, after] = [arrow.from, arrow.to].map(|n| &reached.all[n as usize]);
        let another = after.state.run().is_some() || arrow.ends;
        assert!(
            before.state.run().is_some() || !another || arrow.begins,
            "a run that does not begin, {}",
            why()
        );
        // What the platform has reset is shown so until another run begins.
        let reset = usize::from(!arrow.begins);
        for step in [(from.2[0], to.2[0]), (from.2[1], to.2[reset])] {
            if step.0 != step.1 {
                assert!(sheet::IOTF.contains(&step), "law 2, IoTF {step:?} over a {}", why());
                seen.2.insert(step);
            }
        }
        for slot in SLOTS.map(|slot| usize::from(slot.0)) {
            let active = from.3[slot] == ImageStatus::Active && to.3[slot] != ImageStatus::Active;
            assert!(!active || arrow.over == Over::Boot, "law 2, USP: Active leaves what runs, {}", why());
        }
    }
    // The lifecycle goes by all of them.
    let all = sheet::LWM2M.into_iter().chain(sheet::LWM2M_BOOT).chain([sheet::LWM2M_BOOT_DEVIATION]);
    let all = BTreeSet::from_iter(all);
    assert_eq!(seen.0, all, "LwM2M");
    assert_eq!(seen.2, BTreeSet::from(sheet::IOTF), "IoTF");
    tell(format_args!(
        "laws: {} steps of LwM2M, {} of IoTF were seen, and all of them are allowed; LwM2M deviates in {deviations} \
         steps, each a boot into another slot during a download",
        seen.0.len(),
        seen.2.len(),
    ));
    let complete = sheet::OCF.iter().all(|(_, next)| next.len() + 1 == sheet::OCF.len());
    assert!(complete, "the graph of OCF constrains something: say so");
    tell(format_args!(
        "laws: {} steps of OCF were seen; its graph is complete and constrains nothing, but what is installed is \
         validated first",
        seen.1.len(),
    ));
}
