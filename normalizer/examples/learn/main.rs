//! Learns what the normalizer learns from labelled complaints, and says how well it does on sets that it did not see.
//!
//!     tests/bench/quality --learn
//!     learn FOLDER words|matters [explain]     the folder of the sets; writes the files in `normalizer/data`
//!
//! The same texts give the same files on every machine.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod labelled;
mod matters;
mod words;

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, what, ..] = arguments.as_slice() else { return Err("learn FOLDER words|matters".into()) };
    let explain = arguments.get(2).is_some_and(|word| word == "explain");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let folder = Path::new(folder);
    match what.as_str() {
        "words" => {
            let (categories, kinds) = words::learn_files(folder)?;
            fs::write(data.join("category_counts.txt"), categories)?;
            fs::write(data.join("noise_counts.txt"), kinds)?;
        }
        "matters" => fs::write(data.join("matter_weights.txt"), matters::learn_file(folder, explain)?)?,
        other => return Err(format!("words or matters, not {other}").into()),
    }
    Ok(())
}
