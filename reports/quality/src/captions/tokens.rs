//! Captions as tokens: what pycocoevalcap's `PTBTokenizer` makes of them, which is Stanford's tokenizer 3.4.1 (Penn Treebank's
//! conventions) in lower case, without the punctuation on its list.
//!
//! A lexer that takes the rule with the longest match, what must follow included, as the original's does. It knows what
//! captions are made of: words, clitics, hyphens, numbers, abbreviations, quotes, brackets, addresses and symbols. It does
//! not know telephone numbers in brackets, tags with attributes and smileys with noses; `tests/published` says how far
//! the two agree.

use std::sync::LazyLock;

use regex::Regex;

use super::abbreviations::{ANYWHERE, BEFORE_NUMBERS, CASED, SENTENCE_STARTS};
use crate::normalize::pattern;

/// A rule: a match at the start of the rest of a caption. Its first group is the token; what follows must be there only.
struct Rule(Regex);

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    // The first alternative that fits is taken, so longer ones come first.
    let alternatives = |words: &str| {
        let mut words: Vec<&str> = words.split_whitespace().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words.join("|")
    };
    let word = r"\p{L}[\p{L}\p{M}\d]*(?:[.!?]\p{L}[\p{L}\p{M}\d]*)*";
    let thing =
        r"(?:[dDoOlL]['’`‘][\p{L}\d])?[\p{L}\p{M}\d]+(?:-(?:[dDoOlL]['’`‘][\p{L}\d])?[\p{L}\p{M}\d]+)*";
    let hyphened = r"[A-Za-z0-9][A-Za-z0-9.,]*(?:[-_](?:[A-Za-z](?:\.[A-Za-z])+\.|[A-Za-z0-9]+))+";
    let address = r"[^\s<>|(){}\[\]“”‘’«»]";
    let address_end = r#"[^\s<>|(){}\[\]“”‘’«».!?,;:&"'*-]"#;
    let clitic = "['’](?i:ll|re|ve|d|m|s)";
    let patterns = [
        // Two words written as one.
        "(?i)(can)not".to_owned(),
        "(?i)(gon|wan)na".to_owned(),
        "(?i)(got)ta".to_owned(),
        "(?i)(lem|gim)me".to_owned(),
        "(?i)(['’]t)(?:is|was)".to_owned(),
        r"(</?[A-Za-z][A-Za-z0-9:.-]*/?>)".to_owned(),
        // Words before clitics, and clitics.
        format!("({word}){clitic}"),
        format!("({hyphened}){clitic}"),
        "(?i)([a-z]*[a-mo-z])n['’]t".to_owned(),
        "(?i)(n['’]t)".to_owned(),
        format!("({clitic})(?:[^A-Za-z]|$)"),
        "(?i)(y['’])[a-z]".to_owned(),
        format!("({word})"),
        // Words with an apostrophe in them.
        r"(?i)(['’]n['’])".to_owned(),
        r"(?i)(['’]n)(?:[^\p{L}\d]|$)".to_owned(),
        "(?i)(ol['’]|dunkin['’]|somethin['’]|['’]em|['’]till?|['’]cause|['’][2-9]0s)".to_owned(),
        "(?i)(cont['’]d|nor['’]easter|c['’]mon|e['’]er|s['’]mores|ev['’]ry|li['’]l|nat['’]l)".to_owned(),
        r"([A-HJ-XZn]['’`‘]\p{L}{2}\p{L}*)".to_owned(),
        r"(\p{L}+[aeiouyAEIOUY]['’`‘][aeiouA-Z]\p{L}*)".to_owned(),
        // Addresses.
        format!("(?i)((?:https?|ftp)://{address}+{address_end})"),
        format!(
            r"(?i)((?:www\.)?(?:[^\s<>|.!?,:;/$(){{}}\[\]]+\.)+(?:com|net|org|edu)(?:/{address}+{address_end})?)"
        ),
        r"([A-Za-z0-9._%+-]+@[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9])".to_owned(),
        r"(@[A-Za-z_][A-Za-z_0-9]*|#\p{L}[\p{L}\d_]*)".to_owned(),
        // Numbers.
        r"([-+]?\d*(?:[.:,]\d+)+)".to_owned(),
        r"([-+]?\d+)".to_owned(),
        r"(\d{1,2}[-/]\d{1,2}[-/]\d{2,4})".to_owned(),
        r"((?:\d{1,4}-)?\d{1,4}/\d{1,4})".to_owned(),
        // Words with hyphens, slashes and such.
        format!("({thing})"),
        format!("({hyphened})"),
        r"([A-Z]+(?:[+&][A-Z]+)+)".to_owned(),
        r"([A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2})".to_owned(),
        // Words with a full stop.
        format!(r"(?i)((?:{})\.)", alternatives(ANYWHERE)),
        format!(r"((?:{})\.)", alternatives(CASED)),
        format!(r"(?i)((?:{})\.)\s?\d", alternatives(BEFORE_NUMBERS)),
        r"([A-Za-z](?:\.[A-Za-z])+\.)".to_owned(),
        format!(r"([A-Za-z])\.\s(?:{})(?:\s|$)", alternatives(SENTENCE_STARTS)),
        r"([A-Za-z]\.)".to_owned(),
        format!(r"({word}\.)[,;:]"),
        // Signs.
        r"([?!]+|\.\.\.+|--+|@+|_+|\*+|#+|<<|>>|[A-Z]*\$)".to_owned(),
        r"([<>]?[:;=][-o*']?[()DPdpO{@|\[\]])(?:[^A-Za-z]|$)".to_owned(),
    ];
    patterns.iter().map(|rule| Rule(pattern(&format!("^(?:{rule})")))).collect()
});

/// A caption's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens(Vec<String>);

impl Tokens {
    /// Takes a caption apart.
    pub fn of(caption: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = caption.trim_start();
        while let Some(first) = rest.chars().next() {
            let token = longest_match(rest).unwrap_or_else(|| &rest[..first.len_utf8()]);
            tokens.extend(written(token));
            rest = rest[token.len()..].trim_start();
        }
        Self(tokens)
    }

    /// The tokens, in order.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// Tokens that are there already, as they are.
impl FromIterator<String> for Tokens {
    fn from_iter<I: IntoIterator<Item = String>>(tokens: I) -> Self {
        Self(tokens.into_iter().collect())
    }
}

/// The token of the first rule with the longest match.
fn longest_match(rest: &str) -> Option<&str> {
    let mut best: Option<(usize, &str)> = None;
    for Rule(rule) in RULES.iter() {
        let Some(captures) = rule.captures(rest) else { continue };
        let (Some(whole), Some(token)) = (captures.get(0), captures.get(1)) else { continue };
        if best.is_none_or(|(longest, _)| whole.len() > longest) {
            best = Some((whole.len(), token.as_str()));
        }
    }
    best.map(|(_, token)| token)
}

/// How a token is written; nothing for punctuation that is left out, and for signs that the tokenizer does not know.
fn written(token: &str) -> Option<String> {
    let dropped = |token: &str| {
        token.chars().all(|c| {
            matches!(
                c,
                '.' | ','
                    | ':'
                    | ';'
                    | '"'
                    | '\''
                    | '`'
                    | '‘'
                    | '’'
                    | '‛'
                    | '“'
                    | '”'
                    | '«'
                    | '»'
                    | '‹'
                    | '›'
                    | '…'
            )
        }) || token.chars().all(|c| matches!(c, '-' | '‐' | '‑' | '‒' | '–' | '—' | '―'))
            || matches!(token, "?" | "!")
    };
    if dropped(token) {
        return None;
    }
    match token {
        "£" => return Some("#".to_owned()),
        "€" => return Some("$".to_owned()),
        "¢" => return Some("cents".to_owned()),
        "¼" => return Some("1/4".to_owned()),
        "½" => return Some("1/2".to_owned()),
        "¾" => return Some("3/4".to_owned()),
        _ => {}
    }
    let mut text = String::with_capacity(token.len());
    for c in token.chars() {
        match c {
            '(' => text.push_str("-lrb-"),
            ')' => text.push_str("-rrb-"),
            '[' => text.push_str("-lsb-"),
            ']' => text.push_str("-rsb-"),
            '{' => text.push_str("-lcb-"),
            '}' => text.push_str("-rcb-"),
            '’' | '‘' => text.push('\''),
            // Beyond the basic plane, where pictographs are, nothing is known.
            c if u32::from(c) > 0xffff || matches!(c, '\u{fe00}'..='\u{fe0f}') => {}
            c => text.extend(c.to_lowercase()),
        }
    }
    (!text.is_empty()).then_some(text)
}
