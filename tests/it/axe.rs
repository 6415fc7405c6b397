//! axe-core of Deque looks at a page as it is open in the browser: faults that shut people out fail the test.
#![allow(clippy::unwrap_used)]

use std::{fmt::Write as _, fs, sync::LazyLock};

use fantoccini::Client;
use serde_json::{Value, json};

static AXE: LazyLock<String> = LazyLock::new(|| {
    fs::read_to_string(muara_tests::node_modules("axe-core").join("axe-core/axe.min.js")).unwrap()
});

/// The open page has no fault that axe calls serious or critical. `page` names it in the message.
pub(crate) async fn finds_no_serious_fault(client: &Client, page: &str) {
    client.execute(&AXE, Vec::new()).await.unwrap();
    let run = "const done = arguments[0];
        axe.run({ resultTypes: ['violations'] })
            .then((found) => done({ checked: found.passes.length, violations: found.violations }))
            .catch((error) => done({ error: String(error) }))";
    let found = client.execute_async(run, Vec::new()).await.unwrap();
    assert!(found["error"].is_null(), "axe on {page}: {found}");
    assert!(found["checked"].as_u64().is_some_and(|rules| rules > 0), "axe checked nothing on {page}");
    let violations = found["violations"].as_array().unwrap();
    let grave =
        |fault: &&Value| ["serious", "critical"].map(|impact| json!(impact)).contains(&fault["impact"]);
    let mut told = String::new();
    for fault in violations.iter().filter(grave) {
        writeln!(told, "{} ({}): {}", fault["id"], fault["impact"], fault["help"]).unwrap();
        for node in fault["nodes"].as_array().unwrap() {
            writeln!(told, "    {}", node["target"]).unwrap();
        }
    }
    assert!(told.is_empty(), "axe on {page}:\n{told}");
}
