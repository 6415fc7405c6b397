//! Counts words by category, and by what is a complaint and what not ([`muara_normalizer::learned`]).

use std::{collections::BTreeSet, error::Error, path::Path};

use muara_normalizer::{
    Draft, category,
    draft::DraftPlace,
    learned::{
        CATEGORIES_SMOOTHING, COMPLAINT, Counts, KINDS_SMOOTHING, NOISE, Tally, stems, stems_and_pairs,
    },
    noise,
    reading::Reading,
    sense::Sense,
};

use super::labelled;

/// A pair of words that fewer texts have is no sign.
const PAIRS: u32 = 2;

/// A labelled text with what is counted of it.
struct Text {
    set: String,
    stems: BTreeSet<String>,
    features: BTreeSet<String>,
    /// Codes: the best, and all that would do. None of what is no complaint.
    categories: Vec<String>,
    /// Whether it is a complaint; nothing if that is not said of it.
    complaint: Option<bool>,
    draft: Draft,
    reading: Reading,
}

/// The files of counts: of categories, of kinds.
pub(crate) fn learn_files(folder: &Path) -> Result<(String, String), Box<dyn Error>> {
    let texts = read(folder)?;
    let mut names: Vec<&str> =
        texts.iter().map(|text| text.set.as_str()).filter(|set| !set.is_empty()).collect();
    names.dedup();
    let (mut sums, mut noises, mut bins) = ([0_u32; 3], [0_u32; 3], [[0.0_f64; 3]; 10]);
    for name in names {
        let (categories, kinds) = tally(texts.iter().filter(|text| text.set != name));
        let (categories, kinds) =
            (Counts::of(&categories, CATEGORIES_SMOOTHING), Counts::of(&kinds, KINDS_SMOOTHING));
        let mut counts = [0_u32; 3];
        let [mut right, mut said, mut is] = [0_u32; 3];
        for text in texts.iter().filter(|text| text.set == name) {
            if !text.categories.is_empty() {
                let suggested =
                    category::with_counts(&text.reading, category::by_rules(&text.reading), &categories);
                let ok = |code: &str| text.categories.iter().any(|known| known == code);
                counts[0] += 1;
                let first = suggested.first().is_some_and(|first| ok(&first.code));
                counts[1] += u32::from(first);
                counts[2] += u32::from(suggested.iter().take(3).any(|one| ok(&one.code)));
                if let Some(suggested) = suggested.first() {
                    let bin = &mut bins[place(suggested.confidence)];
                    bin[0] += 1.0;
                    bin[1] += suggested.confidence;
                    bin[2] += f64::from(u8::from(first));
                }
            }
            if let Some(complaint) = text.complaint {
                let sense = Sense::of(&text.reading);
                let noise = noise::with_counts(&text.draft, &text.reading, &sense, &kinds).is_some();
                is += u32::from(!complaint);
                said += u32::from(noise);
                right += u32::from(noise && !complaint);
            }
        }
        eprintln!("{name:>5}: {}", shown(counts, [right, said, is]));
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        noises.iter_mut().zip([right, said, is]).for_each(|(sum, count)| *sum += count);
    }
    eprintln!("  all: {}", shown(sums, noises));
    for [count, sure, right] in bins.into_iter().filter(|bin| bin[0] > 0.0) {
        eprintln!("       {count:>4} of confidence {:.2}: {:.2} right", sure / count, right / count);
    }
    let (categories, kinds) = tally(texts.iter());
    let head = |what: &str| {
        format!(
            "# {what}\n# Counted by `tests/bench/quality --learn`, which writes this file anew, in the labelled texts of\n\
             # tests/fixtures/quality. A line: a stem, and in how many texts of each class it stands; `*` is how many texts there are.\n"
        )
    };
    Ok((
        head("Which words stand in complaints of which category.") + &categories.to_string(),
        head("Which words, and pairs of words, stand in complaints, and which in what is none.")
            + &kinds.to_string(),
    ))
}

/// What the words of categories were used for in all sets but one.
pub(crate) fn without(folder: &Path) -> Result<impl Fn(&str) -> Counts, Box<dyn Error>> {
    let texts = read(folder)?;
    Ok(move |set: &str| {
        Counts::of(&tally(texts.iter().filter(|text| text.set != set)).0, CATEGORIES_SMOOTHING)
    })
}

fn place(confidence: f64) -> usize {
    (0..10)
        .rev()
        .find(|tenth| confidence * 10.0 >= f64::from(*tenth))
        .and_then(|tenth: i32| usize::try_from(tenth).ok())
        .unwrap_or(0)
}

/// Of so many complaints the category that is first, or one of the first three, is right; of what is no complaint so much
/// is told rightly, told at all, and there.
fn shown([all, first, three]: [u32; 3], [right, said, is]: [u32; 3]) -> String {
    let category = format!("category {:.3} {:.3}", share(first, all), share(three, all));
    format!("{category}; no complaint: precision {:.3} recall {:.3}", share(right, said), share(right, is))
}

fn share(part: u32, whole: u32) -> f64 {
    f64::from(part) / f64::from(whole)
}

fn tally<'a>(texts: impl Iterator<Item = &'a Text>) -> (Tally, Tally) {
    let (mut categories, mut kinds) = (Tally::default(), Tally::default());
    for text in texts {
        if let Some(best) = text.categories.first() {
            categories.text(&text.stems, best);
        }
        if let Some(complaint) = text.complaint {
            kinds.text(&text.features, if complaint { COMPLAINT } else { NOISE });
        }
    }
    kinds.prune_pairs(PAIRS);
    (categories, kinds)
}

fn read(folder: &Path) -> Result<Vec<Text>, Box<dyn Error>> {
    let code = |name: &str| category::from_label(name).map(|known| known.code);
    let text =
        |set: &str, text: &str, point: Option<(f64, f64)>, categories: Vec<&str>, complaint: Option<bool>| {
            let reading = Reading::of(text);
            Text {
                set: set.to_owned(),
                stems: stems(&reading),
                features: stems_and_pairs(&reading, text),
                categories: categories.into_iter().filter_map(code).collect(),
                complaint,
                draft: Draft {
                    text: text.to_owned(),
                    place: DraftPlace {
                        lat: point.map(|point| point.0),
                        lon: point.map(|point| point.1),
                        ..DraftPlace::default()
                    },
                    ..Draft::default()
                },
                reading,
            }
        };
    let mut texts = Vec::new();
    for set in labelled::sets(folder)? {
        for line in set.lines {
            let labels = &line.labels;
            let categories =
                labels.category.iter().chain(&labels.acceptable_categories).map(String::as_str).collect();
            texts.push(text(
                &set.name,
                &line.text,
                line.lat.zip(line.lng),
                categories,
                Some(labels.is_complaint),
            ));
        }
    }
    for line in labelled::table(&folder.join("category_examples.tsv"))? {
        if let [words, category, ..] = line.as_slice() {
            texts.push(text("", words, None, vec![category], Some(true)));
        }
    }
    for line in labelled::table(&folder.join("noise_examples.tsv"))? {
        if let [words, kind, ..] = line.as_slice() {
            texts.push(text("", words, None, Vec::new(), Some(kind == "-")));
        }
    }
    Ok(texts)
}
