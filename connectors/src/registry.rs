//! The list of connectors: one word makes the module, the registry entry and the name.

/// Declares every connector by one word: the name of its file.
macro_rules! connectors {
    ($($name:ident),* $(,)?) => {
        #[path = "."]
        mod files {
            $(pub mod $name;)*
        }

        $(pub use files::$name;)*

        /// Every connector with its name, in alphabetical order.
        pub static CONNECTORS: &[(&str, &crate::connector::Connector)] =
            &[$((stringify!($name), &files::$name::CONNECTOR)),*];
    };
}

connectors! {
    desk, email, facebook, feed, infobip, instagram, jaki,
    lapor, open311, qlue, smpp, telegram, twilio, webhook, whatsapp, x,
}

/// The connector of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static crate::connector::Connector> {
    CONNECTORS.iter().find(|(known, _)| *known == name).map(|(_, connector)| *connector)
}
