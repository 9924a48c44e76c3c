//! The expression language from outside: what goes in, what comes out, and what is refused where.

mod budgets;
mod fuzzed;
mod names;
mod properties;
mod refusals;
mod vectors;
mod world;
