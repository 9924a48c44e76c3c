//! The expression language from outside: what goes in, what comes out, and what is refused where.

mod vectors;
