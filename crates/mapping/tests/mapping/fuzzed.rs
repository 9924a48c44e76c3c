//! The fuzz targets' bodies over their seeds: they go on compiling, and hold, without a fuzzer.

use std::path::Path;

#[expect(unreachable_pub, reason = "the fuzz targets reach them from their own crate")]
#[path = "../../../../fuzz/src/mapping.rs"]
mod bodies;

fn over_seeds(target: &str, body: fn(&[u8])) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds")).join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).expect("the seeds are there") {
        let seed = std::fs::read(entry.expect("a seed").path()).expect("it is readable");
        body(&seed);
        // What a fuzzer would try first: the seed cut off, and with a bit turned.
        for end in 0..seed.len() {
            body(&seed[..end]);
            let mut turned = seed.clone();
            turned[end] ^= 1 << (end % 8);
            body(&turned);
        }
        seeds += 1;
    }
    assert!(seeds > 2, "{} has no seeds", folder.display());
}

#[test]
fn expressions() {
    over_seeds("mapping_expression", bodies::expression);
}

#[test]
fn patterns() {
    over_seeds("mapping_pattern", bodies::pattern);
}
