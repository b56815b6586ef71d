//! Flash faults without a cut: one at every operation, and several in a row.

use fwupd_core::flash::{Layout, Sectors};
use fwupd_testkit::flash::{CutPlace, Fill, OpIndex, SimFlash, TornModel};

use crate::rig::{Journal, Known, boot, commit, contents, layout};
use crate::toy::{PAGE, frames, starts};

fn pages(count: usize) -> Layout {
    let page = (1, vec![Sectors { count: 2, size: PAGE / 2 }]);
    layout(&[(1, 8, 0xFF)], &vec![page; count])
}

/// Runs the frames over the armed fault, and after each of them looks at what a reset would leave. How many
/// commits have failed; `None` if the fault never came.
fn run(layout: Layout, flash: &mut SimFlash, mut known: Known, context: &dyn Fn() -> String) -> Option<u64> {
    let mut failed = 0;
    let mut journal: Journal = boot(layout, flash).expect("power");
    for frame in frames() {
        known.begun(&frame);
        let result = commit(&mut journal, flash, &frame).expect("power");
        known.ended(&frame, result);
        failed += u64::from(result.is_err());

        let mut later = flash.clone();
        later.disarm();
        let found = contents(&mut boot::<1536>(layout, &mut later).expect("power"), &mut later);
        let found = found.expect("power");
        assert!(known.later.contains(&found), "{}: {found:?}, not one of {:?}", context(), known.later);
        let again = contents(&mut boot::<1536>(layout, &mut later).expect("power"), &mut later);
        assert_eq!(again, Ok(found), "{}", context());
        later.assert_lawful();
    }
    (!flash.is_armed()).then_some(failed)
}

#[test]
fn a_fault_at_any_operation_is_told_as_success_or_as_failure_and_both_are_true() {
    let (mut points, mut failures) = (0u64, 0u64);
    for count in [2, 3, 4] {
        let layout = pages(count);
        for (start, map) in starts(layout) {
            for (place, model) in [
                (CutPlace::Before, TornModel::Nothing),
                (CutPlace::From(1), TornModel::Prefix),
                (CutPlace::From(0), TornModel::AllNew),
                (CutPlace::From(0), TornModel::Undefined(Fill::Random(1))),
                (CutPlace::From(1), TornModel::Unreadable),
            ] {
                // A read that fails twice over is one that cannot be done: see `decay`.
                for (kind, times) in [(OpIndex::Any as fn(u64) -> OpIndex, 1)]
                    .into_iter()
                    .chain((1..6).map(|n| (OpIndex::Mutating as fn(u64) -> OpIndex, n)))
                {
                    for n in 0.. {
                        let mut flash = start.clone();
                        flash.fail_at(kind(n), times, place, model.clone());
                        let context =
                            || format!("{count} pages, {:?}, {times} times, {place:?}, {model:?}", kind(n));
                        let Some(failed) = run(layout, &mut flash, Known::new(map.clone()), &context) else {
                            break;
                        };
                        points += 1;
                        failures += failed;
                    }
                }
            }
        }
    }
    fwupd_testkit::tell(format_args!("journal faults: {points} points, {failures} commits failed"));
    assert!(points > 1000 && failures > 100, "{points} {failures}");
}
