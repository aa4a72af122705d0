#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sluicegate::fuzz_entry::model(data));
