//! The pure rules of Muara: a channel's [`Draft`] in, one canonical [`Complaint`] out.
//!
//! Nothing here waits, reads a clock, draws a random number or opens a file. What varies comes in by
//! [`Receipt`]; so the same draft and receipt always give the same complaint, a crash may repeat the
//! work, and `muara normalize` runs exactly what the gateway runs.
//!
//! One rule family, one room: text, time, place, identity, region and category each have a module of
//! their own, and [`normalize::Normalizer::normalize`] is the one door through them.

pub mod address;
pub mod aggregate;
pub mod category;
pub mod complaint;
pub mod contact;
pub mod draft;
pub mod event;
mod gazetteer;
pub mod identity;
pub mod ids;
pub mod key;
pub mod kind;
pub mod language;
pub mod learned;
pub mod mention;
pub mod name;
pub mod noise;
pub mod normalize;
pub mod phone;
mod phrase;
pub mod place;
pub mod polygons;
pub mod reading;
pub mod region;
pub mod reply;
pub mod schema;
pub mod sense;
pub mod similarity;
pub mod status;
pub mod stem;
pub mod street;
pub mod text;
pub mod time;
pub mod words;

pub use complaint::{AttachmentRef, Complaint};
pub use draft::{Amendment, Draft};
pub use event::Event;
pub use ids::{ChannelId, ComplaintId, ExternalId, Reference};
pub use key::IdempotencyKey;
pub use normalize::{NormalizeError, Normalized, Normalizer, Receipt};
pub use reply::ReplyRequest;
pub use status::Status;
