//! Whatever goes wrong in whatever order, and whichever bundle was lost with its runner: one object
//! for each effect.

use proptest::prelude::*;

use super::*;

/// What one process meets.
#[derive(Clone, Debug)]
struct Bad {
    reads: Vec<Fault>,
    writes: Vec<Fault>,
    /// Its runner is lost, and the rows it wrote.
    lost: bool,
    patience: u64,
}

fn bad() -> impl Strategy<Value = Bad> {
    let fault = || {
        prop_oneof![
            3 => Just(Fault::Fine),
            1 => Just(Fault::Later(Some(20))),
            1 => Just(Fault::LostBefore),
            1 => Just(Fault::LostAfter),
            1 => Just(Fault::Nonsense),
            1 => Just(Fault::DiesBefore),
            1 => Just(Fault::DiesAfter),
        ]
    };
    let faults = || prop::collection::vec(fault(), 0..5);
    (faults(), faults(), any::<bool>(), prop_oneof![Just(0_u64), Just(60)])
        .prop_map(|(reads, writes, lost, patience)| Bad { reads, writes, lost, patience })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_interleaving_of_faults_leaves_one_object_per_effect(life in prop::collection::vec(bad(), 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut scene = Scene::new();
            scene.board.says(Account { id: Some(1), login: "ann".into() }, "It crashes.");
            scene.completes("opened", &[status("old"), comment("a"), comment("b"), label("bug", "new")]);
            for (n, Bad { reads, writes, lost, patience }) in life.iter().enumerate() {
                if n == 1 {
                    scene.completes("edited", &[status("new"), comment("c")]);
                }
                let before = tempfile::tempdir().unwrap();
                copy(scene.root.path(), before.path());
                scene.patience = Duration::from_secs(*patience);
                (scene.board.state().reads, scene.board.state().writes) = (reads.clone().into(), writes.clone().into());
                scene.process().await;
                prop_assert!(scene.copies().iter().all(|copies| *copies <= 1), "{:?}", scene.thread());
                if *lost {
                    scene.root = before;
                }
            }
            (scene.board.state().reads, scene.board.state().writes) = Default::default();
            scene.process().await;
            prop_assert!(scene.copies().iter().all(|copies| *copies == 1), "{:?}", scene.thread());
            prop_assert_eq!(&scene.board.state().labels, &["bug".to_owned()].into());
            let newest = if life.len() > 1 { "new" } else { "old" };
            prop_assert!(scene.thread().iter().any(|line| line == newest), "{:?}", scene.thread());
            prop_assert_eq!(scene.process().await, "");
            Ok(())
        })?;
    }
}

fn copy(from: &Path, to: &Path) {
    for member in std::fs::read_dir(from).unwrap() {
        let member = member.unwrap();
        let target = to.join(member.file_name());
        if member.path().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&member.path(), &target);
        } else {
            std::fs::copy(member.path(), &target).unwrap();
        }
    }
}
