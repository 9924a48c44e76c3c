//! Storms of everything that happens to names, in several tenants at once, watched by a model that knows the record,
//! the rows and what hosts are told, and none of the code that names people.
//!
//! `SALLYPORT_STORM=100000` makes it that many people, `SALLYPORT_STORM_SEED` another storm.

mod events;
mod model;
mod names;
mod stage;

use std::time::Instant;

use tokio::task::JoinSet;

use self::model::Model;
use self::stage::TENANTS;
pub(super) use self::stage::{Known, Storm, body};

/// The seeds of the suite, and how many people each.
const SEEDS: [u64; 4] = [0x5a11, 1, 2, 3];
const FEW: usize = 500;

/// How often something is done in a storm of so many rounds.
const fn is_due(round: usize, rounds: usize, times: usize) -> bool {
    let every = rounds.div_ceil(times);
    round % every == every - 1 || round + 1 == rounds
}

/// The storm, and what came of it.
async fn rage(people: usize, seed: u64) -> Model {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::seeded(folder.path(), seed).await;
    let mut model = Model::default();
    storm.connect().await;
    for number in 0..3 {
        storm.enrol(number).await;
    }
    let batch = (people / 8).clamp(20, 250);
    let rounds = people.div_ceil(batch);
    storm.spread = people.max(400);
    let begun = Instant::now();
    let mut expressions = names::EXPRESSIONS.iter().cycle();
    for round in 0..rounds {
        storm.blow(&mut model, batch).await;
        if is_due(round, rounds, 8) {
            storm.toggle(TENANTS.len() + round % TENANTS.len()).await;
        }
        if is_due(round, rounds, 4) {
            let start = Instant::now();
            let expression = expressions.next().unwrap();
            storm.turn(&mut model, expression).await;
            progress(people, &format!("{expression} was applied in {:.1?}", start.elapsed()));
        }
        if is_due(round, rounds, 6 + rounds / 20) {
            storm.retire(&mut model).await;
        }
        if is_due(round, rounds, 5) {
            storm.look(&mut model, false).await;
        }
        if is_due(round, rounds, 20) {
            let (done, known) = (storm.operations, storm.objects);
            progress(people, &format!("{known} people, {done} operations, {:.0?}", begun.elapsed()));
        }
    }
    storm.look(&mut model, true).await;
    let verdict = storm.app.verify_audit().await.unwrap();
    assert_eq!(verdict.problems, Vec::<String>::new());
    let (names, ids) = (model.names.len(), model.ids.len());
    eprintln!(
        "seed {seed}: {} people, {} operations, {:.1?}; {names} names and {ids} numbers held; {:?}",
        storm.objects,
        storm.operations,
        begun.elapsed(),
        model.tally
    );
    assert!(names > people / 4 && ids > people / 4);
    model
}

/// A large storm takes its time.
fn progress(people: usize, what: &str) {
    if people > FEW {
        eprintln!("{what}");
    }
}

/// What has to have happened, or the storm proved nothing.
const HAPPENED: [&str; 27] = [
    "pinned",
    "renamed",
    "assigned before a grant",
    "kept",
    "freed",
    "passed on after a release",
    "named again",
    "returned",
    "suspended",
    "resumed",
    "flagged",
    "refused another's name",
    "refused a host's name",
    "refused by the rule",
    "refused a number",
    "got the number that was sent",
    "refused an impossible number",
    "adopted",
    "adopted in a snapshot",
    "disowned",
    "retired",
    "applied",
    "snapshots",
    "group made",
    "group refused",
    "group in a snapshot",
    "member in a snapshot",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_and_no_number_ever_belongs_to_two() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let people = number("SALLYPORT_STORM").map(|people| usize::try_from(people).unwrap());
    let seeds = match number("SALLYPORT_STORM_SEED") {
        Some(seed) => vec![seed],
        None if people.is_some() => SEEDS[..1].to_vec(),
        None => SEEDS.to_vec(),
    };
    let mut storms = JoinSet::new();
    for seed in seeds {
        storms.spawn(rage(people.unwrap_or(FEW), seed));
    }
    let models = storms.join_all().await;
    for what in HAPPENED {
        let happened = models.iter().any(|model| model.tally.contains_key(what));
        assert!(happened, "nobody was {what}");
    }
}
