//! The head that is kept in a slot, as the bootloader reads it.

use fwupd_core::package::Stage;
use fwupd_core::package::suit::{COMPONENT, read_kept};

use super::device::{ME, Store, accepted, trust};
use super::maker::{Manifest, v};

#[test]
fn a_kept_head_is_read_again_only_whole_and_unchanged() {
    let store = trust(None);
    let taken = accepted(&Manifest::good().file());
    let kept = &taken.kept[..];
    assert_eq!(read_kept(kept, COMPONENT, Some(&store), &ME), Ok(taken.image));
    for len in 0..kept.len() {
        assert!(read_kept(&kept[..len], COMPONENT, Some(&store), &ME).is_err());
    }
    let longer = [kept, &[0xff]].concat();
    assert_eq!(read_kept(&longer, COMPONENT, Some(&store), &ME).unwrap_err().stage, Stage::Framing);
    for bit in 0..kept.len() * 8 {
        let mut bad = kept.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        // The number of members is outside of the signature: a kept head may as well be that of the same
        // manifest with its payload elsewhere.
        if bit / 8 != 2 {
            assert!(read_kept(&bad, COMPONENT, Some(&store), &ME).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn a_kept_head_is_checked_without_its_signature_where_no_keys_are_given() {
    let taken = accepted(&Manifest::good().file());
    let mut kept = taken.kept.clone();
    let signature = 3 + 3 + 115 - 64;
    kept[signature] ^= 1;
    let store = trust(None);
    assert_eq!(read_kept(&kept, COMPONENT, Some(&store), &ME).unwrap_err().stage, Stage::Authentication);
    assert_eq!(read_kept(&kept, COMPONENT, None::<&Store>, &ME), Ok(taken.image));
    // The digest of the manifest is checked all the same.
    let last = kept.len() - 1;
    kept[last] ^= 1;
    let verdict = read_kept(&kept, COMPONENT, None::<&Store>, &ME);
    assert_eq!(verdict.unwrap_err().stage, Stage::Authentication);
}

#[test]
fn a_bootloader_can_refuse_a_kept_head_by_its_security_counter() {
    let store = trust(None);
    let taken = accepted(&Manifest::good().with(2, v(7u64 << 32 | 1)).file());
    assert_eq!(taken.image.counter(), 7);
    for (counter, stage) in [(0, None), (7, None), (8, Some(Stage::Rollback))] {
        let me = fwupd_core::package::Identity { sequence: counter << 32, ..ME };
        let verdict = read_kept(&taken.kept, COMPONENT, Some(&store), &me);
        assert_eq!(verdict.err().map(|rejected| rejected.stage), stage);
    }
}
