//! A streamed answer of Chat Completions, in the dialect that reads most.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hob::provider::fuzz::stream("gemini", bytes));
