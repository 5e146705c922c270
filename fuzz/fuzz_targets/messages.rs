//! A streamed answer of Anthropic Messages.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hob::provider::fuzz::stream("anthropic", bytes));
