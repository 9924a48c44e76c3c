//! The contract as tests: every adapter calls them with a function that makes an empty store.
