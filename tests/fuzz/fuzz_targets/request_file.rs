//! Any file to the reader of captured requests.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if let Ok(request) = muara::request_file::parse(file) {
        assert!(request.size() <= file.len());
    }
});
