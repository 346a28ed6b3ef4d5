//! A headless Chromium, spoken to over a pipe: the `DevTools` protocol as JSON with a zero byte behind each message.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest wait for an answer or an event.
const PATIENCE: Duration = Duration::from_mins(1);

/// The file descriptors 3 and 4 are what `--remote-debugging-pipe` reads and writes.
const WITH_PIPE: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// A browser, which ends with the value.
pub(crate) struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    last_id: u64,
    /// Events that nobody has asked for yet, with their session.
    events: Vec<Value>,
    _profile: TempDir,
}

/// `CHROMIUM`, or the first of the usual names in `PATH`.
pub(crate) fn find() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Some(path.into());
    }
    let folders = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut paths =
        names.iter().flat_map(|name| std::env::split_paths(&folders).map(move |dir| dir.join(name)));
    paths.find(|path| path.is_file())
}

/// The browser, or none where there is none. That fails in CI and is said loudly elsewhere, past the test harness, which
/// would keep the words of a passing test to itself.
pub(crate) fn start() -> Option<Browser> {
    let found = find();
    if found.is_none() {
        let words = "no chromium, chromium-browser or google-chrome in PATH; set CHROMIUM to one";
        assert!(std::env::var_os("CI").is_none(), "{words}");
        let _ = writeln!(io::stderr(), "SKIPPED: report.html was not tested in a browser: {words}");
    }
    found.map(|path| Browser::start(&path))
}

impl Browser {
    fn start(path: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", WITH_PIPE, "sh"])
            .arg(path)
            .args(["--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"])
            // The pages are our own, and the sandbox does not start for root, as in a container.
            .args(["--no-sandbox", "--disable-dev-shm-usage", "--force-device-scale-factor=1"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while answers.read_until(0, &mut message).is_ok_and(|bytes| bytes > 0) {
                let value = serde_json::from_slice(message.strip_suffix(b"\0").unwrap_or(&message)).unwrap();
                if sender.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        Self { child, commands, messages, last_id: 0, events: Vec::new(), _profile: profile }
    }

    /// A new tab that shows a file.
    pub(crate) fn open(&mut self, file: &Path) -> Tab<'_> {
        let target = self.call(None, "Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session =
            self.call(None, "Target.attachToTarget", &attach)["sessionId"].as_str().unwrap().to_owned();
        let mut tab = Tab { browser: self, session };
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            tab.call(&format!("{domain}.enable"), &json!({}));
        }
        tab.show(file);
        tab
    }

    fn call(&mut self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        write!(self.commands, "{message}\0").unwrap();
        self.commands.flush().unwrap();
        loop {
            let message = self.next(method);
            if message["id"] == self.last_id {
                assert!(message.get("error").is_none(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    fn next(&self, waiting_for: &str) -> Value {
        match self.messages.recv_timeout(PATIENCE) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => panic!("no word of {waiting_for} within {PATIENCE:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("the browser ended before {waiting_for}"),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A tab of a browser.
pub(crate) struct Tab<'a> {
    browser: &'a mut Browser,
    session: String,
}

impl Tab<'_> {
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.browser.call(Some(&self.session), method, params)
    }

    /// Shows a file, and waits until it is loaded.
    pub(crate) fn show(&mut self, file: &Path) {
        self.call("Page.navigate", &json!({"url": format!("file://{}", file.display())}));
        while !self.events("Page.loadEventFired").iter().any(|_| true) {
            let message = self.browser.next("Page.loadEventFired");
            self.browser.events.push(message);
        }
    }

    /// Takes the events of a kind that came so far.
    pub(crate) fn events(&mut self, method: &str) -> Vec<Value> {
        let is_wanted = |event: &Value| event["method"] == method && event["sessionId"] == *self.session;
        let (wanted, others) = std::mem::take(&mut self.browser.events).into_iter().partition(is_wanted);
        self.browser.events = others;
        wanted
    }

    /// The value of an expression of JavaScript.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", &params);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result:#}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let end = Instant::now() + PATIENCE;
        while self.value(expression) != true {
            assert!(Instant::now() < end, "never true: {expression}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Scrolls an element into sight, and says where its middle is once that is drawn.
    fn middle(&mut self, element: &str) -> Value {
        let drawn = "new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))";
        let middle = format!(
            "(async () => {{ const e = {element}; e.scrollIntoView({{block: 'center', behavior: 'instant'}}); await {drawn}; \
             const r = e.getBoundingClientRect(); return {{x: r.x + r.width / 2, y: r.y + r.height / 2}}; }})()"
        );
        self.value(&middle)
    }

    /// Clicks in the middle of an element, as a mouse does.
    pub(crate) fn click(&mut self, element: &str) {
        let middle = self.middle(element);
        for kind in ["mousePressed", "mouseReleased"] {
            let mouse =
                json!({"type": kind, "x": middle["x"], "y": middle["y"], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", &mouse);
        }
    }

    /// Moves the mouse to the middle of an element.
    pub(crate) fn point_at(&mut self, element: &str) {
        let middle = self.middle(element);
        let mouse = json!({"type": "mouseMoved", "x": middle["x"], "y": middle["y"]});
        self.call("Input.dispatchMouseEvent", &mouse);
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, Some("\r")),
            "Tab" => (9, None),
            " " => (32, Some(" ")),
            other => panic!("{other} has no number here"),
        };
        let mut down = json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code});
        if let Some(text) = text {
            down["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", &down);
        self.call(
            "Input.dispatchKeyEvent",
            &json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}),
        );
    }

    /// Types text into what has the focus.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// Makes the window as wide and high as this.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Errors of scripts and of the page so far.
    pub(crate) fn complaints(&mut self) -> Vec<Value> {
        let methods = ["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"];
        methods.iter().flat_map(|method| self.events(method)).map(|event| event["params"].clone()).collect()
    }

    /// Addresses asked for so far, but for the files and data that the page is made of.
    pub(crate) fn requests(&mut self) -> Vec<String> {
        let sent = self.events("Network.requestWillBeSent");
        let address = |event: &Value| event["params"]["request"]["url"].as_str().unwrap().to_owned();
        sent.iter().map(address).filter(|url| !url.starts_with("data:")).collect()
    }
}
