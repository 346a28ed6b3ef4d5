//! Secrets of the environment reach one request header, and nothing that is written anywhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reelbench_testkit::http::{Server, answer};
use reelbench_testkit::hub::Repository;

use crate::common::{Ended, Workplace, clip};

/// Values that look different once they are encoded.
const SECRETS: [(&str, &str); 4] = [
    ("AZURE_OPENAI_API_KEY", "azure+planted/4711=key"),
    ("OPENAI_API_KEY", "sk-openai+planted/0815=key"),
    ("HF_TOKEN", "hf_planted+hub/1234=token"),
    ("MY_SECRET_PASSPHRASE", "correct+horse/battery=staple"),
];

/// Every way in which a text could be written down: as it is, in percent encoding, and in base64 at each of the three
/// places at which it can stand in what is encoded.
fn forms(secret: &str) -> Vec<String> {
    let percent: String = secret
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let mut forms = vec![secret.to_owned(), percent.to_lowercase(), percent];
    for shift in 0..3 {
        let text = [&vec![b' '; shift][..], secret.as_bytes()].concat();
        let encoded = base64(&text);
        // What its neighbours have a part in is left out.
        let start = [0, 2, 3][shift];
        forms.push(encoded[start..encoded.len() - 1].to_owned());
    }
    forms
}

/// Base64 of whole groups of three bytes; what is left over at the end is left out.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes
        .chunks_exact(3)
        .map(|group| group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)));
    groups
        .flat_map(|bits| [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(bits >> shift & 63) as usize])))
        .collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Looks for the secrets in what was said.
#[track_caller]
fn clean_bytes(what: &str, bytes: &[u8]) {
    for (name, secret) in SECRETS {
        for form in forms(secret) {
            assert!(
                !contains(bytes, &form),
                "{what} holds {name} as {form}:\n{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
}

/// Looks for the secrets in every file of a folder; how many files there were.
#[track_caller]
fn clean_folder(folder: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += clean_folder(&path);
        } else {
            clean_bytes(&path.display().to_string(), &fs::read(&path).unwrap());
            files += 1;
        }
    }
    files
}

/// Runs `bench` with the secrets in its environment, and looks for them in what it says.
#[track_caller]
fn bench(workplace: &Workplace, args: &str, more: &[(&str, &str)]) -> Ended {
    let variables = [&SECRETS, more].concat();
    let ended = workplace.command_with(&args.split_whitespace().collect::<Vec<_>>(), &variables);
    clean_bytes(&format!("stdout of {args}"), ended.stdout.as_bytes());
    clean_bytes(&format!("stderr of {args}"), ended.stderr.as_bytes());
    ended
}

fn matrix(asr: &str, weights: &str) -> String {
    format!(
        "version: 1\nname: secrets\nvideos: [{{id: film, path: film.mp4}}]\nstage1:\n  scene: {{}}\n  \
         asr: {asr}\nmodels: [{{id: m, family: llava-next, weights: '{weights}'}}]\n\
         settings: {{max_new_tokens: 4, frames_per_scene: 1}}\nrun: {{repeats: 1, warmup: 0}}\n"
    )
}

const SPEECH: &str = "{weights: 'dummy:whisper-tiny.en'}";

#[test]
fn the_forms_are_found_wherever_they_stand() {
    for (_, secret) in SECRETS {
        let [_, _, _, zero, one, two] = forms(secret).try_into().unwrap();
        for (before, form) in [("", zero), ("x", one), ("xy", two), ("xyz", forms(secret)[3].clone())] {
            let encoded = base64(format!("{before}{secret}and more").as_bytes());
            assert!(encoded.contains(&form), "{before:?}: {encoded} lacks {form}");
        }
    }
}

#[test]
fn no_output_holds_a_secret() {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "film.mp4");
    workplace.write("good.yaml", matrix(SPEECH, "dummy:llava-next-tiny"));
    workplace.write("crash.yaml", matrix(SPEECH, "dummy:crash"));
    bench(&workplace, "plan good.yaml --json", &[]).expect(0);
    bench(&workplace, "plan good.yaml --runner fake", &[]).expect(0);
    bench(&workplace, "doctor --json", &[]).expect(0);
    bench(&workplace, "doctor", &[]).expect(0);
    bench(&workplace, "probe scenes film.mp4", &[]).expect(0);
    bench(&workplace, "run good.yaml --out good", &[]).expect(0);
    bench(&workplace, "run crash.yaml --runner fake --out crash", &[]).expect(3);
    bench(&workplace, "report crash --json", &[]).expect(0);
    assert!(clean_folder(&workplace.path("")) > 20, "there are files to look into");
}

#[test]
fn a_service_that_repeats_its_key_is_not_quoted() {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "film.mp4");
    let server = Server::start(|_, request| {
        let key = request.header("authorization").unwrap_or_default().to_owned();
        answer(400, format!("{{\"error\": {{\"message\": \"wrong key: {key}\"}}}}"))
    });
    let asr = format!("{{engine: openai, model: whisper-1, endpoint: '{}/v1', per: file}}", server.url());
    workplace.write("matrix.yaml", matrix(&asr, "dummy:llava-next-tiny"));
    bench(&workplace, "run matrix.yaml --out run", &[]).expect(3);
    let bearer = format!("Bearer {}", SECRETS[1].1);
    assert_eq!(server.received()[0].header("authorization"), Some(bearer.as_str()), "the key was used");
    assert!(workplace.read("run/report.md").contains("wrong key"), "the service is quoted");
    clean_folder(&workplace.path(""));
}

#[test]
fn a_hub_that_repeats_its_token_is_not_quoted() {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "film.mp4");
    workplace.write("matrix.yaml", matrix(SPEECH, "hf:o/small"));
    let small = Repository::new("o/small").with_model();
    let good = Server::start(move |_, request| small.answer(request));
    let bad = Server::start(|_, request| {
        answer(500, format!("token {}?", request.header("authorization").unwrap_or_default()))
    });
    let cache = workplace.path("cache").display().to_string();
    for (server, code) in [(&bad, 1), (&good, 0)] {
        let url = server.url();
        let more = [("HF_ENDPOINT", url.as_str()), ("XDG_CACHE_HOME", &cache)];
        bench(&workplace, "fetch matrix.yaml --json", &more).expect(code);
        let bearer = format!("Bearer {}", SECRETS[2].1);
        assert_eq!(server.received()[0].header("authorization"), Some(bearer.as_str()), "the token was used");
    }
    clean_folder(&workplace.path(""));
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "film.mp4");
    let secret = SECRETS[3].1;
    for endpoint in [
        format!("https://user:{secret}@example.org/v1"),
        format!("https://example.org/v1?token={secret}"),
        format!("https://example.org/v1#{secret}"),
    ] {
        let asr = format!("{{engine: openai, model: whisper-1, endpoint: '{endpoint}', per: file}}");
        workplace.write("matrix.yaml", matrix(&asr, "dummy:llava-next-tiny"));
        for args in ["plan matrix.yaml", "plan matrix.yaml --json", "run matrix.yaml --out run"] {
            let ended = bench(&workplace, args, &[]).expect(2);
            assert!((ended.stdout + &ended.stderr).contains("`endpoint` must have no"), "{args}");
        }
    }
    assert!(!workplace.path("run").exists());
    workplace.write("matrix.yaml", matrix(SPEECH, "hf:o/small"));
    let hub = format!("http://user:{secret}@127.0.0.1:9");
    bench(&workplace, "fetch matrix.yaml", &[("HF_ENDPOINT", &hub)]).expect(1);
}

#[test]
fn a_runner_that_shows_its_environment_is_quoted_without_the_known_keys() {
    let workplace = Workplace::new();
    workplace.copy(&clip(), "film.mp4");
    workplace.write("matrix.yaml", matrix(SPEECH, "dummy:llava-next-tiny"));
    let runner = workplace.write(
        "runner.sh",
        "#!/bin/sh\nfor name in AZURE_OPENAI_API_KEY OPENAI_API_KEY HF_TOKEN; do printenv $name >&2; done\n\
         bench=$(dirname \"$BENCH\")\n\"$bench\"/bench-runner-fake --script \
         '{\"rules\": [{\"then\": {\"do\": \"crash\"}}]}'\n",
    );
    fs::set_permissions(&runner, fs::Permissions::from_mode(0o755)).unwrap();
    let more = [("BENCH", env!("CARGO_BIN_EXE_bench"))];
    bench(&workplace, "run matrix.yaml --runner ./runner.sh --out run", &more).expect(3);
    clean_folder(&workplace.path(""));
    let log = workplace.read("run/logs/1.log");
    assert!(log.starts_with("[key]\n[key]\n[key]\n"), "{log}");
}
