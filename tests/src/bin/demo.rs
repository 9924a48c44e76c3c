//! The demonstration. `cargo xtask demo` builds everything and runs it.

use std::process::ExitCode;

use sallyport_tests::demo;

fn main() -> ExitCode {
    let mut keep = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--keep" => keep = true,
            other => {
                eprintln!("error: no such argument: {other}\n  run: cargo xtask demo [--keep]");
                return ExitCode::from(2);
            }
        }
    }
    match demo::run(keep) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
