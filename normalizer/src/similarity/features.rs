//! What is read out of a complaint.

use super::{
    Matter,
    concept::Sort,
    half, hash,
    rules::{RULES, Rules, digits},
    terms::Text,
};
use crate::{
    complaint::{Area, AttachmentKind, AttachmentRef, CategorySuggestion, Complaint, Flag},
    reading::Reading,
};

/// Words read of a text: its matter is said by then, and the time stays bounded.
const READ: usize = 300;
/// Most of each kind that is kept: the size of a matter is bounded.
const SUBJECTS: usize = 8;
const PHOTOS: usize = 3;
const CATEGORIES: usize = 3;
/// From here a suggested category is compared, and from here it says what kind of trouble it is.
const CATEGORY_LIKELY: f64 = 0.15;
const CATEGORY_CONFIDENCE: f64 = 0.4;

impl Matter {
    /// What a complaint is about; nothing if it is none, or if too little is said to compare. `reading` is of title and
    /// text.
    #[must_use]
    pub fn of(complaint: &Complaint, reading: &Reading) -> Option<Self> {
        Self::by(complaint, reading, |_| true)
    }

    /// The same by a part of the rules' patterns: of each that the text meets it is asked, by its number, whether it is known.
    /// So learning sees a text as it was read when no rule had been made for it.
    #[must_use]
    pub fn by(complaint: &Complaint, reading: &Reading, known: impl FnMut(u32) -> bool) -> Option<Self> {
        if complaint.not_a_complaint.is_some() || complaint.flags.contains(&Flag::NotAComplaint) {
            return None;
        }
        let rules = &*RULES;
        let terms = &reading.terms[..reading.terms.len().min(READ)];
        let mut text = Text::read(rules, reading, terms);
        let names = text.names(rules, reading);
        let mut matter = Self {
            at: complaint.sent_at,
            sender: complaint.reporter.reference.as_deref().and_then(sender),
            text: text.hash(),
            region: 0,
            point: None,
            rt: 0,
            rw: 0,
            categories: Vec::new(),
            subjects: Vec::new(),
            places: Vec::new(),
            details: Vec::new(),
            names,
            words: text.words(rules),
            shingles: text.shingles(),
            photos: Vec::new(),
        };
        for concept in text.concepts(rules, known) {
            let list = match rules.concept(concept).map(|concept| concept.sort) {
                Some(Sort::Subject) => &mut matter.subjects,
                Some(Sort::Place) => &mut matter.places,
                Some(Sort::Detail(_) | Sort::Denied | Sort::Another) => &mut matter.details,
                None => continue,
            };
            if list.len() < SUBJECTS {
                list.push(concept);
            }
        }
        matter.locate(rules, complaint, text.named);
        matter.categorise(rules, complaint);
        matter = matter.with_photos(&complaint.attachments);
        let silent = matter.words.is_empty() && matter.subjects.is_empty() && matter.names.is_empty();
        (!silent || !matter.photos.is_empty()).then_some(matter)
    }

    /// The same with the photos that were fetched since: one photo sent by two people shows one matter.
    #[must_use]
    pub fn with_photos(mut self, files: &[AttachmentRef]) -> Self {
        let photos = files.iter().filter(|file| file.kind == AttachmentKind::Image);
        let hashes =
            photos.filter_map(|file| u64::from_str_radix(file.sha256.as_deref()?.get(..16)?, 16).ok());
        self.photos.extend(hashes);
        self.photos.sort_unstable();
        self.photos.dedup();
        self.photos.truncate(PHOTOS);
        self
    }

    fn locate(&mut self, rules: &Rules, complaint: &Complaint, named: u32) {
        let location = complaint.location.as_ref();
        let areas = location.map(|place| [&place.kelurahan, &place.kecamatan, &place.kota]);
        let area = areas.into_iter().flatten().find_map(Option::as_ref);
        let region = rules.meant(area.map_or(0, |area: &Area| digits(area.code.as_str())));
        // a bare name is too little to route by, but enough to compare
        let fits = !is_kelurahan(region) && named > 0 && (region == 0 || inside(named, region));
        self.region = if fits { named } else { region };
        // a market called like the kelurahan that it is in says no more than the kelurahan
        if is_kelurahan(self.region) {
            let above = [self.region, self.region / 10_000, self.region / 1_000_000];
            let known: Vec<&str> = above
                .iter()
                .filter_map(|code| rules.region_name(*code))
                .flat_map(str::split_whitespace)
                .collect();
            self.names.retain(|name| name.street || !name.text.split(' ').all(|word| known.contains(&word)));
        }
        let Some(location) = location else { return };
        let number =
            |unit: &Option<String>| unit.as_deref().and_then(|unit| unit.parse().ok()).unwrap_or_default();
        (self.rt, self.rw) = (number(&location.rt), number(&location.rw));
        if let (Some(lat), Some(lon)) = (location.lat, location.lon) {
            self.point = Some([micro(lat), micro(lon)]);
        }
    }

    /// Leaves out troubles that are only mentioned: of a kind that no suggested category has, beside one of a kind that has.
    fn drop_mentions(&mut self, rules: &Rules, complaint: &Complaint) {
        let likely = || complaint.category.iter().filter(|suggested| suggested.confidence >= CATEGORY_LIKELY);
        let family = |subject: u16| rules.concept(subject).map(|concept| concept.family);
        let fits = |subject: u16| {
            let family = family(subject)?;
            let mut known = likely().filter_map(|suggested| rules.fits(family, &suggested.code)).peekable();
            known.peek()?;
            Some(known.any(|fits| fits))
        };
        if self.subjects.iter().any(|subject| fits(*subject) == Some(true)) {
            self.subjects.retain(|subject| fits(*subject) != Some(false));
        }
    }

    fn categorise(&mut self, rules: &Rules, complaint: &Complaint) {
        let likely = |suggested: &&CategorySuggestion| suggested.confidence >= CATEGORY_LIKELY;
        let codes = complaint.category.iter().take(CATEGORIES).filter(likely);
        self.categories = codes.map(|suggested| half(hash(suggested.code.as_bytes()))).collect();
        self.drop_mentions(rules, complaint);
        let sure = complaint.category.first().filter(|best| best.confidence >= CATEGORY_CONFIDENCE);
        let Some(best) = sure else { return };
        // the words named nothing that the rules know: at least the kind of trouble is known
        if self.subjects.is_empty() {
            self.subjects.extend(rules.of_category(&best.code).and_then(|family| rules.vague(family)));
        }
    }
}

/// Whether the digits of a code are a kelurahan's.
pub(super) fn is_kelurahan(region: u32) -> bool {
    region > 1_000_000_000
}

/// Whether a region is inside another, or the same; digits of kelurahan, kecamatan or kota.
pub(super) fn inside(inner: u32, outer: u32) -> bool {
    let mut code = inner;
    while code > outer {
        // a kelurahan has four digits of its own, the others two
        code /= if is_kelurahan(code) { 10_000 } else { 100 };
    }
    code == outer
}

/// Millionths of a degree; coordinates are within ±180.
#[expect(
    clippy::cast_possible_truncation,
    reason = "±180 million fits, and anything else is cut to the ends"
)]
fn micro(degrees: f64) -> i32 {
    (degrees * 1e6).round() as i32
}

fn sender(reference: &str) -> Option<[u8; 16]> {
    hex::decode(reference).ok()?.try_into().ok()
}

/// The hash of a stem; the lowest bit says that no rule uses it, so that it may be a name or a rare word.
pub(super) fn word_hash(stem: &str, rare: bool) -> u32 {
    half(hash(stem.as_bytes())) & !1 | u32::from(rare)
}
