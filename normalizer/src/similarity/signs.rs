//! The signs by which two complaints are of one matter, or of two, and how much each weighs. What a sign is worth stands
//! in `data/matter_weights.txt`, learned from labelled pairs by `tests/bench/quality --learn`; which way it may speak
//! stands here, so that no accident of the pairs makes a street in common a sign against.

use std::sync::LazyLock;

/// What a sign may speak for, whatever was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// For one matter: it weighs nothing or more.
    For,
    /// For two: it weighs nothing or less.
    Against,
    /// Both may be.
    Either,
}

macro_rules! signs {
    ($($sign:ident $name:literal $speaks:ident $guess:literal $about:literal,)*) => {
        /// Something two complaints have in common, or not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Sign {
            $(#[doc = $about] $sign,)*
        }

        /// All of them, in order.
        pub const SIGNS: [Sign; COUNT] = [$(Sign::$sign,)*];
        /// How many there are.
        pub const COUNT: usize = [$($name,)*].len();

        impl Sign {
            /// What the file of weights calls it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$sign => $name,)* }
            }

            /// Which way it may weigh.
            #[must_use]
            pub fn speaks(self) -> Speaks {
                match self { $(Self::$sign => Speaks::$speaks,)* }
            }

            /// What a person who knows the city would say that it weighs: learning begins there, and stays near where the
            /// labelled pairs say little.
            #[must_use]
            pub fn guess(self) -> f64 {
                match self { $(Self::$sign => $guess,)* }
            }

            /// What it is, in words for who reads the file.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$sign => $about,)* }
            }
        }
    };
}

signs! {
    Start "start" Either -3.0 "always: where the sum begins",
    SubjectRare "subject_same" For 2.5 "both name the same trouble, and not one of the commonest",
    SubjectCommon "subject_same_common" For 1.2 "both name the same trouble, one of the commonest",
    SubjectVague "subject_same_vague" For 0.8 "both name the same kind of trouble, without saying which",
    SubjectVagueCommon "subject_same_vague_common" For 0.4 "the same, of a kind that is everywhere",
    SubjectOwn "subject_same_own" For 0.0 "both name what everybody has his own of (a card, a grant)",
    OverLongAgo "over_long_ago" Against -2.0 "what is over in a day or two, but more than two days apart",
    SubjectNear "subject_near" For 0.8 "they name two troubles that are often one",
    SubjectFamily "subject_kind" For 0.4 "one says only the kind of trouble, the other which",
    SubjectUnsure "subject_by_category" Either 0.0 "other words, but the same suggested category",
    SubjectUnknown "subject_unknown" Either -1.0 "one of them names no trouble that the rules know",
    SubjectsApart "subjects_apart" Against -4.0 "two different troubles, though in the same category",
    SubjectsApartThere "subjects_apart_there" For 1.5 "the same, but in the same street, RT or place by name",
    SubjectsClash "subjects_clash" Against -1.5 "of another kind of trouble they name two different ones",
    SubjectsAlone "subjects_alone" Against -0.8 "each names a trouble that the other does not",
    SubjectsAloneWide "subjects_alone_wide" Against -0.4 "the same, of what strikes a whole neighbourhood",
    CategorySame "category_same" For 0.4 "the same category is suggested first",
    CategoryNear "category_near" For 0.2 "the first category of one is among the other's",
    CategoryApart "category_apart" Against -0.6 "no category in common",
    MetresBeside "metres_beside" For 1.5 "within a third of the radius of their kind of trouble",
    MetresWithin "metres_within" For 1.0 "within the radius",
    MetresBeyond "metres_beyond" Against -1.0 "beyond the radius, but within three times of it",
    Kelurahan "kelurahan_same" For 1.2 "in the same kelurahan",
    KelurahanWide "kelurahan_same_wide" For 1.8 "the same, of what strikes a whole neighbourhood",
    Kecamatan "kecamatan_same" For 0.6 "in the same kecamatan, and no more is known",
    Within "region_within" Either 0.3 "one says the kelurahan, the other only what it lies in",
    RegionMissing "region_missing" Either 0.0 "one of them does not say where in the city",
    NamedAfter "region_in_a_name" For 1.2 "one names the kelurahan of the other in a name (`pasar Cengkareng`)",
    Border "across_the_border" Either 0.5 "in two kelurahan, but a few metres apart",
    Rw "rw_same" For 1.5 "in the same RW",
    Rt "rt_same" For 0.8 "in the same RT, too",
    RtDiffers "rt_differs" Against -4.0 "in the same RW, but in another RT",
    RtDiffersWide "rt_differs_wide" Against -1.0 "the same, of what strikes a whole neighbourhood",
    RwDiffers "rw_differs" Against -1.0 "in another RW, of what strikes a whole neighbourhood",
    RwOne "rw_one" Either -0.3 "only one says the RW",
    RwOneWide "rw_one_wide" Either -0.1 "the same, of what strikes a whole neighbourhood",
    Street "street_same" For 2.0 "both name the same street, or the same number of a house",
    Name "name_same" For 2.0 "both name the same mosque, school, market …",
    Block "block_same" For 0.8 "both name the same block of flats or houses",
    NamesMore "names_more" For 0.5 "they share a second name",
    StreetsDiffer "streets_differ" Against -3.0 "each names a street, and not the same",
    StreetsDifferWide "streets_differ_wide" Against -0.6 "the same, of what strikes a neighbourhood or lies within the radius",
    NamesDiffer "names_differ" Against -2.0 "each names a place, and not the same",
    NamesDifferWide "names_differ_wide" Against -0.4 "the same, of what strikes a neighbourhood or lies within the radius",
    OneNamed "one_named" Against -0.4 "only one says where exactly",
    Place "place_same" For 1.3 "both name the same kind of place nearby (a school, a bridge)",
    PlacesMore "places_more" For 0.4 "they share a second one",
    PlaceNamed "place_of_two_names" Against -1.0 "both name one, but of another name each",
    PlaceImplied "place_near" For 0.3 "they name kinds of places that are often one, or that belong to the trouble",
    PlacesDiffer "places_differ" Against -1.8 "each names another kind of place nearby",
    PlacesDifferWide "places_differ_wide" Against -0.4 "the same, but they agree in a name or it strikes a neighbourhood",
    DetailSame "detail_same" For 1.0 "the same detail (which vehicle, which tree)",
    DetailDiffers "detail_differs" Against -2.5 "another detail",
    NumbersDiffer "numbers_differ" Against -3.5 "each names one of many by its number, and not the same (a block, a bus line)",
    Denied "denied" Against -3.5 "one says that what the other tells is not so",
    Another "another" Against -3.0 "the later one says that it is another matter",
    BareBoth "bare_where_both" Against -1.5 "nothing exact in common, though both say where exactly",
    BareNone "bare_where_none" Either -0.3 "nothing exact in common, and neither says where exactly",
    BareOne "bare_where_one" Against -0.6 "nothing exact in common, and only one says where exactly",
    SameWords "words_same" For 6.0 "nearly the same words",
    Photo "photo_same" For 8.0 "the same photo",
    SubjectsMore "subjects_more" For 0.5 "they share a second trouble, and a third (once each, at most 2)",
    Words "words_shared" For 2.0 "share of the shorter one's words that the other has, too",
    WordsBoth "words_shared_of_all" For 1.5 "share of all their words that both have",
    WordsRare "words_rare" For 1.5 "share of four rare words that both have",
    Shingles "words_in_a_row" For 1.5 "share of the same words in the same order",
    OwnWords "own_words" For 2.0 "share of two rare words that both have, of what everybody has his own of",
    CategoryRare "category_rare" For 1.0 "how rare the category is that both have first, from 0 to 1",
    SoonBrief "hours_apart_brief" For 1.5 "the same as hours_apart, of what is over in a day or two",
    SoonWide "hours_apart_wide" For 1.5 "how soon one followed the other, of a flood and the like: 1 at once, a third after a day",
    Soon "hours_apart" For 0.6 "how soon one followed the other: 1 at once, a third after three hours",
    Late "days_apart" Against -0.8 "time between them, as share of the window",
}

/// From here signs have a share, or a number; those before are there or not.
pub(super) const SHARES: usize = Sign::SubjectsMore as usize;

/// Signs of which the labelled texts have too few cases: their weights are set by hand.
pub const BY_HAND: [Sign; 2] = [Sign::SameWords, Sign::Photo];

/// How much each sign weighs, by its place in [`SIGNS`].
pub type Weights = [f64; COUNT];

/// The weights of `data/matter_weights.txt`.
pub static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| read(include_str!("../../data/matter_weights.txt")));

/// The weights of a file: a line each, name and weight, `#` before remarks. A sign that is not named weighs nothing.
#[must_use]
pub fn read(file: &str) -> Weights {
    let mut weights = [0.0; COUNT];
    for line in file.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let (Some(name), Some(weight)) = (words.next(), words.next()) else { continue };
        let sign = SIGNS.into_iter().find(|sign| sign.name() == name);
        if let (Some(sign), Ok(weight)) = (sign, weight.parse()) {
            weights[sign as usize] = weight;
        }
    }
    weights
}

/// The probability that a sum of weights stands for.
#[must_use]
pub fn probability(sum: f64) -> f64 {
    1.0 / (1.0 + (-sum).exp())
}
