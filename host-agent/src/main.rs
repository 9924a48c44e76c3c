mod accounts;
mod disk;
mod lease;
mod paths;
mod principals;
mod problem;
mod sessions;
mod sshd;
mod sudo;
mod tools;
fn main() {}
