//! stub
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct DemoError;
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    #[arg(long)]
    exit: bool,
}
impl Demo {
    pub(super) fn run(self) -> Result<(), super::CliError> {
        Ok(())
    }
}
