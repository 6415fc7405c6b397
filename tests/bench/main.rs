//! The benchmark: signed posts over HTTP, through the store, to messages confirmed by a RabbitMQ quorum queue, and
//! beside it what the same broker does for a bare publisher. See `README.md`; `run` builds and starts it.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod baseline;
mod gateway;
mod keys;
mod load;
mod measure;
mod process;
mod reports;
mod similar;
mod table;

use std::{
    cell::Cell,
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use gateway::{Run, folder};
use keys::FIRST_ID;
use measure::Meter;
use muara_tests::rabbitmq::RabbitNode;
use reports::{Ids, Numbers};
use table::{Row, Verdict, mean, p99_ms, print};

/// As the program has it: it measures parts of it, too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const USAGE: &str = "\
usage: tests/bench/run [--no-build] [--quick] [--messages N] [--compare PROGRAM]
       tests/bench/run [--no-build] similar | normalize

  --no-build          measure what was built before
  --quick             20,000 messages, without the runs on stored keys
  --messages N        messages in each run (60,000)
  --compare PROGRAM   measure only the store without keys, by turns with muara and with another build of it
  similar             measure only the search for complaints about the same matter
  normalize           measure only the normalizer";

/// Keys in the store that has seen much.
const KEYS: u64 = 1_000_000;

struct Options {
    messages: usize,
    quick: bool,
    compare: Option<PathBuf>,
    only: Option<Only>,
}

/// One part that is measured alone; it needs no broker.
#[derive(Clone, Copy)]
enum Only {
    Similar,
    Normalize,
}

impl Options {
    fn warm_up(&self) -> usize {
        self.messages / 12
    }
}

fn options() -> Option<Options> {
    let mut options = Options { messages: 60_000, quick: false, compare: None, only: None };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => {
                options.quick = true;
                options.messages = options.messages.min(20_000);
            }
            "--messages" => {
                options.messages = arguments.next()?.parse().ok().filter(|count| *count >= 100)?
            }
            "--compare" => options.compare = Some(fs::canonicalize(arguments.next()?).ok()?),
            "similar" => options.only = Some(Only::Similar),
            "normalize" => options.only = Some(Only::Normalize),
            _ => return None,
        }
    }
    Some(options)
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let program = env::current_exe().unwrap().with_file_name("muara");
    let folder = tempfile::Builder::new().prefix("muara-bench-").tempdir().unwrap();
    if let Some(only) = options.only {
        let met = match only {
            Only::Similar => similar::search(folder.path()).await,
            Only::Normalize => similar::normalize(),
        };
        return if met { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let node = RabbitNode::launch().await;
    let bench = Bench {
        meter: Meter::new(),
        options,
        program,
        folder: folder.path(),
        node: &node,
        disturbed: Cell::new(false),
    };
    let processors = std::thread::available_parallelism().unwrap();
    println!(
        "{} reports a run, 64 connections; SQLite with synchronous=FULL; load, gateway and RabbitMQ share {processors} processors.\n",
        bench.options.messages
    );
    table::print_head();
    let met = match &bench.options.compare {
        Some(program) => {
            // `run` has made a copy of this build, too
            let other = folder.path().join("other");
            fs::copy(program, &other).unwrap();
            bench.compare(&other).await
        }
        None => bench.all().await,
    };
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Bench<'a> {
    meter: Meter,
    options: Options,
    program: PathBuf,
    folder: &'a Path,
    node: &'a RabbitNode,
    /// Whether a run was.
    disturbed: Cell<bool>,
}

impl Bench<'_> {
    async fn all(&self) -> bool {
        let before = self.baseline("bare publisher").await;
        let empty =
            self.gateway("muara", &self.program, &folder(self.folder, "1"), Ids::Ascending(FIRST_ID)).await;
        let after = self.baseline("bare publisher, again").await;
        let ratio = empty.rate() / mean([&before, &after]);
        let mut verdicts = vec![
            // with normalizing, search for like ones and all else that the spine alone did not have
            Verdict::at_least("confirmed per second, relative to the bare publisher", ratio, 0.25),
            Verdict::at_most("p99 of the answer, ms", p99_ms(&empty), 30.0),
        ];
        if !self.options.quick {
            let stored = folder(self.folder, "2");
            let file = stored.join("muara.db");
            let next = keys::fill(&file, KEYS).await;
            let copy = folder(self.folder, "3");
            fs::copy(&file, copy.join("muara.db")).unwrap();
            let full =
                self.gateway("muara, 1,000,000 keys", &self.program, &stored, Ids::Ascending(next)).await;
            let again = folder(self.folder, "4");
            let again = self.gateway("muara, again", &self.program, &again, Ids::Ascending(FIRST_ID)).await;
            self.gateway("muara, 1,000,000 keys, random ids", &self.program, &copy, Ids::Random).await;
            let relative = full.rate() / mean([&empty, &again]);
            let peak = full.peak.unwrap_or(f64::NAN);
            verdicts.push(Verdict::at_most("peak memory with 1,000,000 keys, MiB", peak, 100.0));
            verdicts.push(Verdict::at_least(
                "confirmed per second with 1,000,000 keys, relative to none",
                relative,
                0.8,
            ));
        }
        println!();
        if self.disturbed.get() {
            println!(
                "Other programs took more than a tenth of the processors: repeat it on a quiet machine."
            );
        }
        // all are printed, also after the first that is missed
        let met = verdicts.iter().filter(|verdict| !verdict.print()).count() == 0;
        let met = similar::normalize() && met;
        if self.options.quick { met } else { similar::search(self.folder).await && met }
    }

    /// Takes turns, each time the other first, so that both see the same weather.
    async fn compare(&self, other: &Path) -> bool {
        const TURNS: usize = 4;
        let (mut rates, mut gateways) = (Vec::new(), Vec::new());
        for turn in 0..TURNS {
            let (own, others) = if turn % 2 == 0 {
                let own = self.one_of_two("this build", &self.program).await;
                (own, self.one_of_two("other build", other).await)
            } else {
                let others = self.one_of_two("other build", other).await;
                (self.one_of_two("this build", &self.program).await, others)
            };
            rates.push(others.rate() / own.rate());
            gateways.push(others.used.gateway / own.used.gateway);
        }
        println!("\nother build relative to this, by pairs:");
        for (what, mut ratios) in [("confirmed per second", rates), ("CPU of the gateway", gateways)] {
            let pairs = ratios.iter().map(|ratio| format!("{ratio:>8.3}")).collect::<String>();
            ratios.sort_by(f64::total_cmp);
            let median = f64::midpoint(ratios[TURNS / 2 - 1], ratios[TURNS / 2]);
            println!("  {what:<22} {pairs}   median {median:.3}");
        }
        true
    }

    async fn one_of_two(&self, name: &str, program: &Path) -> Row {
        let store = tempfile::tempdir_in(self.folder).unwrap();
        self.gateway(name, program, store.path(), Ids::Ascending(FIRST_ID)).await
    }

    async fn baseline(&self, name: &str) -> Row {
        let Options { messages, .. } = self.options;
        let mut numbers = Numbers(1);
        let bodies =
            reports::bodies(self.options.warm_up() + messages, Ids::Ascending(FIRST_ID), &mut numbers);
        let vhost = self.node.vhost("baseline").await;
        let row = baseline::run(name, &vhost.url(), &bodies, self.options.warm_up(), &self.meter).await;
        self.finish(&vhost.url(), row).await
    }

    async fn gateway(&self, name: &str, program: &Path, folder: &Path, ids: Ids) -> Row {
        let vhost = self.node.vhost("gateway").await;
        let url = vhost.url();
        let (warm_up, messages) = (self.options.warm_up(), self.options.messages);
        let run = Run { name, program, url: &url, folder, ids, warm_up, messages };
        let row = run.measure(&self.meter).await;
        self.finish(&url, row).await
    }

    /// Prints a run, and deletes its virtual host with the queues, so that the next finds the node as this one did.
    async fn finish(&self, url: &str, row: Row) -> Row {
        let name = url.rsplit('/').next().unwrap_or_default();
        self.node.rabbitmqctl(&["delete_vhost", name]).await;
        if row.used.others > 0.1 {
            self.disturbed.set(true);
        }
        print(row)
    }
}
