//! A streamed answer of OpenAI Responses.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hob::provider::fuzz::stream("openai", bytes));
