//! The page of `papyra serve`: what it shows, in what bounds, and that everybody can use it.

use std::fs;
use std::path::Path;
use std::process::Command;

use papyra_tests::embed::axe;
use papyra_tests::served::Served;

const RECORD: &str = "{\"kind\": \"event\", \"timestamp\": 1763700000, \"text\": \"<script>\"}\n";

/// An audit record every second, with a number.
fn numbered(count: u32) -> String {
    let record = |n| {
        format!("{{\"kind\":\"audit\",\"timestamp\":{},\"n\":\"no{n}.\"}}\n", 1_763_700_000 + n)
    };
    (0..count).map(record).collect()
}

fn serve(dir: &Path, text: &str) -> Served {
    let path = dir.join("app.ndjson");
    fs::write(&path, text).unwrap();
    Served::start(&path)
}

/// The address of the first link with this text.
fn link(page: &str, text: &str) -> String {
    let before = page.split(&format!(">{text}<")).next().unwrap();
    let (_, address) = before.rsplit_once("href=\"").unwrap();
    address.split('"').next().unwrap().replace("&amp;", "&")
}

fn browse(dir: &Path, address: &str, options: &[&str]) -> String {
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
        .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
        .args(["--disable-component-update", "--window-size=1280,1600"])
        .args(options)
        .args(["--virtual-time-budget=10000"])
        .arg(format!("--user-data-dir={}", dir.join("profile").display()))
        .arg(address)
        .output()
        .expect("chromium is missing: type  .ci/setup chromium");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_page_shows_records_as_text_in_a_real_browser() {
    let dir = tempfile::tempdir().unwrap();
    let served = serve(dir.path(), &format!("{}garbage <b>\n", RECORD.repeat(20)));
    served.wait_for("/readyz", 503);
    let address = format!("http://{}/", served.address);
    let page = browse(dir.path(), &address, &["--dump-dom"]);
    assert_eq!(page.matches("&lt;script&gt;").count(), 40, "in a line and opened: {page}");
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    assert!(page.contains("malformed_json") && page.contains("app.ndjson:21"), "{page}");
    assert!(page.contains("<rect class=\"event\""), "{page}");
    assert!(page.contains("Live: off") && !page.contains("hidden=\"\""), "its script runs: {page}");
    let shot = dir.path().join("page.png");
    browse(dir.path(), &address, &[&format!("--screenshot={}", shot.display())]);
    let picture = fs::read(&shot).unwrap();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{}", picture.len());
}

#[test]
fn no_script_or_style_but_its_own_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let served = serve(dir.path(), RECORD);
    for path in ["/", "/record?id=1", "/page.js", "/page.css"] {
        let (status, answer) = served.get(path);
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains("default-src 'none'") && answer.contains("script-src 'self'"));
        assert!(!answer.contains("unsafe"), "{answer}");
        assert!(!answer.contains(" style=") && !answer.contains(" onclick"), "{answer}");
    }
}

#[test]
fn state_counts_and_anomalies_of_one_entry_are_there_without_scripts() {
    let dir = tempfile::tempdir().unwrap();
    let served =
        serve(dir.path(), &format!("{}{{\"kind\":\"odd\",\"timestamp\":\"x\"}}\n", numbered(7)));
    served.wait_for("/readyz", 503);
    let page = served.get("/").1;
    assert!(page.contains("badge bad\">anomalies<"), "{page}");
    assert!(page.contains("<dt>audit</dt><dd>7</dd>"), "{page}");
    let entry = page.split("<b>app.ndjson:8</b>").nth(1).unwrap();
    let entry = entry.split("</li>").next().unwrap();
    assert!(entry.contains("unknown_kind") && entry.contains("invalid_timestamp"), "{entry}");
}

#[test]
fn records_are_chosen_by_kind_text_and_time() {
    let dir = tempfile::tempdir().unwrap();
    let served = serve(dir.path(), &format!("{RECORD}{}", numbered(20)));
    let listed = |query: &str| served.get(query).1.matches("<li><details").count();
    assert_eq!(listed("/"), 21);
    assert_eq!(listed("/?kind=event"), 1);
    assert_eq!(listed("/?text=NO1."), 1);
    assert_eq!(listed("/?since=2025-11-21T04:40:05&until=2025-11-21T04:40:09"), 5);
    assert!(
        served.get("/?since=soon%3Cb%3E").1.contains("&quot;soon&lt;b&gt;&quot; is not a moment")
    );
    assert_eq!(served.get("/?store=7").0, 404);
    assert_eq!(served.get("/?page=18446744073709551615").0, 200);
    assert_eq!(served.get("/?page=-1").0, 400);
}

#[test]
fn links_lead_through_all_records_and_to_each_in_full() {
    let dir = tempfile::tempdir().unwrap();
    let served = serve(dir.path(), &numbered(30_000));
    let newest = served.get("/").1;
    assert_eq!(newest.matches("<li><details").count(), 50);
    assert!(newest.contains("no29999.") && newest.contains("page 1 of "), "{newest}");
    assert!(!newest.contains("no29900.") && newest.len() < 200_000);
    let next = served.get(&link(&newest, "Next →")).1;
    assert!(next.contains("no29949.") && next.contains("no29900."), "{next}");
    let older = served.get(&link(&newest, "Look at older records")).1;
    assert_eq!(older.matches("<li><details").count(), 50);
    assert!(!older.contains("no29999."), "{older}");
    let record = served.get(&link(&older, "This record on its own page")).1;
    assert!(record.contains("  &quot;kind&quot;: &quot;audit&quot;,\n"), "{record}");
    assert!(served.get("/?older=0").1.contains("start again at /"));
}

/// The page as one file, in which axe-core leaves the names and the weight of what it finds.
fn judged(served: &Served, path: &str, axe: &str) -> String {
    let body = |path: &str| served.get(path).1.split_once("\r\n\r\n").unwrap().1.to_owned();
    let page = body(path)
        .replace(
            "<link rel=\"stylesheet\" href=\"/page.css\">",
            &format!("<style>{}</style>", body("/page.css")),
        )
        .replace("<script src=\"/page.js\" defer></script>", "");
    let run = "axe.run().then(found => { const name = ({ impact, id }) => `${impact}: ${id};`; \
               document.title = `judged ${found.violations.map(name).join(' ')}`; });";
    page.replace("</body>", &format!("<script>{axe}</script><script>{run}</script></body>"))
}

#[test]
fn nothing_serious_keeps_anybody_from_using_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let damage = "garbage\n{\"kind\":\"odd\",\"timestamp\":\"x\"}\n";
    let served = serve(dir.path(), &format!("{RECORD}{}{damage}", numbered(200)));
    served.wait_for("/readyz", 503);
    let axe = axe();
    for path in ["/", "/?kind=event&page=3", "/record?id=0"] {
        let file = dir.path().join("judged.html");
        fs::write(&file, judged(&served, path, &axe)).unwrap();
        for scheme in
            ["--blink-settings=preferredColorScheme=0", "--blink-settings=preferredColorScheme=1"]
        {
            let address = format!("file://{}", file.display());
            let page = browse(dir.path(), &address, &["--dump-dom", scheme]);
            let title = page.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
            assert!(title.starts_with("judged"), "axe-core did not run: {title}");
            assert!(!title.contains("serious:") && !title.contains("critical:"), "{path}: {title}");
        }
    }
}
