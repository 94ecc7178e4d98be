//! Nothing in a journal can be changed without `verify` noticing it.

use papyra_engine::failure::FailureCode;
use papyra_engine::host::Position;
use papyra_engine::index::make::{self, IndexOptions};
use papyra_engine::index::stretch::Pass;
use papyra_engine::index::verify::{self, VerifyOptions, VerifyOutcome, VerifyReport};
use papyra_engine::retention::compact;
use papyra_engine::retention::{Limits, Retention};
use papyra_engine::testing::{COMPACT, Lines, NOW, record};
use papyra_engine::walk::partition::{self, Partition};

const HASHED: IndexOptions = IndexOptions { hash: true, full: false };

/// Keeps a hashed index, and returns the head.
fn index(host: &mut Lines) -> String {
    make::index(host, HASHED).unwrap().head.unwrap()
}

fn verified(host: &mut Lines, head: Option<&str>) -> VerifyReport {
    verify::verify(host, &VerifyOptions { head: head.map(str::to_owned) }).unwrap()
}

fn is_intact(host: &mut Lines, head: &str) -> bool {
    verified(host, Some(head)).outcome == VerifyOutcome::Intact
}

fn records(from: u32, to: u32) -> Vec<String> {
    let one =
        |number: u32| record("event", NOW - 1000.0 + f64::from(number), (number % 7) as usize);
    (from..to).map(one).collect()
}

#[test]
fn every_change_of_a_byte_is_noticed() {
    let sound = records(0, 200).concat().into_bytes();
    let head = index(&mut Lines::new(sound.clone()));
    assert!(is_intact(&mut Lines::new(sound.clone()), &head));
    for at in 0..sound.len() {
        let mut changed = sound.clone();
        changed[at] ^= 1;
        assert!(!is_intact(&mut Lines::new(changed), &head), "byte {at}");
    }
}

#[test]
fn every_record_that_goes_comes_or_moves_is_noticed() {
    let sound = records(0, 200);
    let head = index(&mut Lines::new(sound.concat()));
    let other = record("event", NOW, 3);
    for at in 0..sound.len() {
        let mut gone = sound.clone();
        gone.remove(at);
        let mut more = sound.clone();
        more.insert(at, other.clone());
        let mut moved = sound.clone();
        moved.swap(at, (at + 1) % sound.len());
        for changed in [gone, more, moved] {
            assert!(!is_intact(&mut Lines::new(changed.concat()), &head), "record {at}");
        }
    }
}

#[test]
fn a_journal_that_was_cut_off_is_noticed_at_every_length() {
    let sound = records(0, 200).concat();
    let head = index(&mut Lines::new(sound.clone()));
    for length in 0..sound.len() {
        let report = verified(&mut Lines::new(&sound.as_bytes()[..length]), Some(&head));
        assert_eq!(report.outcome, VerifyOutcome::Differs, "{length} bytes");
    }
}

#[test]
fn what_was_appended_since_does_not_matter() {
    let (first, more) = (records(0, 50).concat(), records(50, 60).concat());
    for end in ["", "{\"kind\": \"ev"] {
        let mut host = Lines::new(first.clone() + end);
        let head = index(&mut host);
        // The next append isolates a torn line.
        let isolated = if end.is_empty() { "" } else { "\n" };
        host.data.extend(format!("{isolated}{more}").bytes());
        assert!(is_intact(&mut host, &head));
        assert_eq!(verified(&mut host, None).outcome, VerifyOutcome::Intact);
        // An index that goes on is that of the whole.
        let extended = index(&mut host);
        let full = make::index(&mut host, IndexOptions { full: true, ..HASHED }).unwrap();
        assert_eq!(full.head.as_ref(), Some(&extended));
        assert_ne!(extended, head);
    }
}

/// Several blocks.
fn large() -> Vec<String> {
    let line = |number: u32| record("event", NOW - 50_000.0 + f64::from(number), 400);
    (0..12_000).map(line).collect()
}

#[test]
fn the_first_difference_is_named() {
    let sound = large();
    let mut host = Lines::new(sound.concat());
    index(&mut host);
    let mut changed = sound.clone();
    changed[7_000] = changed[7_000].replace("event", "audit");
    let lengths = |to: usize| sound[..to].iter().map(|line| line.len() as u64).sum::<u64>();
    host.data = changed.concat().into();
    let report = verified(&mut host, None);
    let found = report.difference.unwrap();
    assert!((found.first_line..=found.last_line).contains(&7_001), "{found:?}");
    assert!(found.last_line - found.first_line < 6_000, "{found:?}");
    assert_eq!(found.start, Position { major: 0, minor: lengths(found.first_line as usize - 1) });
    assert_eq!(found.end, Position { major: 0, minor: lengths(found.last_line as usize) });
    let time = NOW - 50_000.0 + 7_000.0;
    assert!(found.oldest.unwrap() <= time && time <= found.newest.unwrap(), "{found:?}");
}

fn written(host: &mut Lines, partitions: &[Partition], pass: Pass) -> Vec<String> {
    let mut one = |partition| pass.stretch(host, partition).unwrap();
    partitions.iter().map(|of| partition::write_result(&one(of)).unwrap()).collect()
}

#[test]
fn several_instances_find_what_one_finds() {
    let mut host = Lines::new(large().concat());
    let alone = index(&mut host);
    for hash in [true, false] {
        let options = IndexOptions { hash, full: true };
        let report = make::index(&mut host, options).unwrap();
        let index = host.index.clone();
        for most in [2, 3, 7, 40] {
            let whole = partition::partition(&mut host, most).unwrap();
            let stretches = written(&mut host, &whole, Pass::Index { hash });
            host.index.clear();
            let together = make::conclude(&mut host, &stretches, options).unwrap();
            assert_eq!((&together, &host.index), (&report, &index), "{most} partitions");
            if hash {
                let stretches = written(&mut host, &whole, Pass::Verify);
                let head = VerifyOptions { head: Some(alone.clone()) };
                let report = verify::conclude(&mut host, &stretches, &head).unwrap();
                assert_eq!(report.outcome, VerifyOutcome::Intact);
                assert_eq!(report.head, alone);
            }
        }
    }
}

#[test]
fn results_that_are_not_of_the_whole_store_are_refused() {
    let mut host = Lines::new(large().concat());
    let parts = partition::partition(&mut host, 3).unwrap();
    let of = |host: &mut Lines, pass| written(host, &parts, pass);
    let [hashed, plain, bare] =
        [Pass::Index { hash: true }, Pass::Index { hash: false }, Pass::Verify]
            .map(|pass| of(&mut host, pass));
    let turned = [hashed[1].clone(), hashed[0].clone(), hashed[2].clone()];
    let start = r#""start": {"major": 0, "minor": 0}"#;
    let nothing = format!(r#"{{"segment": "journal", {start}, "blocks": [], "open": true}}"#);
    let more = [&hashed[..], &[nothing.replace("journal", "other")]].concat();
    for wrong in [&hashed[..2], &hashed[1..], &[], &turned, &more, &plain, &["{}".to_owned()]] {
        let failure = make::conclude(&mut host, wrong, HASHED).unwrap_err();
        assert_eq!(failure.code, FailureCode::InvalidArgument, "{}", failure.message);
        assert!(host.index.is_empty());
    }
    let head = VerifyOptions { head: Some(String::new()) };
    for wrong in [&bare[..2], &bare[1..], &[], &plain] {
        let failure = verify::conclude(&mut host, wrong, &head).unwrap_err();
        assert_eq!(failure.code, FailureCode::InvalidArgument, "{}", failure.message);
    }
    // What was read wrong is read again where an instance is said not to have come to an end.
    let odd = [nothing.clone(), hashed[0].clone(), hashed[1].clone(), hashed[2].clone()];
    make::conclude(&mut host, &odd, HASHED).unwrap();
    assert_eq!(verified(&mut host, None).outcome, VerifyOutcome::Intact);
}

#[test]
fn a_rotation_that_drops_the_oldest_file_is_none() {
    let file = |at: u32| records(at * 10, at * 10 + 10).concat();
    let mut host = Lines::in_files([file(0), file(1), file(2)]);
    let head = index(&mut host);
    let kept = host.index.clone();
    let mut host = Lines::in_files([file(1), file(2) + &file(3), file(4)]);
    host.index = kept;
    for head in [Some(&*head), None] {
        let report = verified(&mut host, head);
        assert_eq!(report.outcome, VerifyOutcome::Intact, "{report:?}");
        assert!(report.note.starts_with("1 older"), "{report:?}");
    }
    let mut other = Lines::in_files([file(1), file(3) + &file(3), file(4)]);
    assert!(!is_intact(&mut other, &head));
}

#[test]
fn without_hashes_there_is_nothing_to_compare_with() {
    let mut host = Lines::new(records(0, 5).concat());
    for indexed in [false, true] {
        if indexed {
            make::index(&mut host, IndexOptions { hash: false, full: false }).unwrap();
        }
        let failure = verify::verify(&mut host, &VerifyOptions { head: None }).unwrap_err();
        assert_eq!(failure.code, FailureCode::NotFound);
        assert!(failure.message.contains("papyra persistence index"), "{}", failure.message);
    }
    for wrong in ["12", "12:ab", "x:00", "12:00+"] {
        let head = VerifyOptions { head: Some(wrong.to_owned()) };
        let failure = verify::verify(&mut host, &head).unwrap_err();
        assert_eq!(failure.code, FailureCode::InvalidArgument, "{wrong}");
    }
}

#[test]
fn a_head_from_before_compactions_holds_for_what_they_have_kept() {
    let limits = |records| Limits { max_records: Some(records), ..Limits::NONE };
    let compact = |host: &mut Lines, records| {
        let policy = Retention::new(limits(records), &[]).unwrap();
        assert!(compact::compact(host, &policy, COMPACT).unwrap().changed);
    };
    let all = large();
    let mut host = Lines::new(all[..11_000].concat());
    let heads = [index(&mut host)];
    host.data.extend(all[11_000..].concat().bytes());
    let heads = [heads[0].clone(), index(&mut host)];
    // Nothing is known of what was appended after the index was made, but it is carried on.
    host.data.extend(records(0, 3).concat().bytes());
    for kept in [9_000, 6_000] {
        compact(&mut host, kept);
        for head in &heads {
            let report = verified(&mut host, Some(head));
            // The beginning could also have been changed by somebody who has forged the index.
            assert_eq!(report.outcome, VerifyOutcome::Unverifiable, "{report:?}");
            assert!(report.note.contains("from there on"), "{report:?}");
        }
        assert_eq!(verified(&mut host, None).outcome, VerifyOutcome::Intact);
        // A change behind the first end of a block that was one before.
        let at = host.data.len() - 1_000_000;
        host.data[at] ^= 1;
        for head in &heads {
            assert_eq!(verified(&mut host, Some(head)).outcome, VerifyOutcome::Differs);
        }
        host.data[at] ^= 1;
    }
    let full = make::index(&mut host, IndexOptions { full: true, ..HASHED }).unwrap();
    assert_eq!(verified(&mut host, full.head.as_deref()).outcome, VerifyOutcome::Intact);
    let mut host = Lines::new(all.concat());
    let head = index(&mut Lines::new(all[..10].concat()));
    index(&mut host);
    compact(&mut host, 3_000);
    assert_eq!(verified(&mut host, Some(&head)).outcome, VerifyOutcome::Unverifiable);
}
