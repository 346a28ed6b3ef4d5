//! Checks of what a configuration's keys say. Each tells what is wrong, beginning with the key.

/// Refuses a value other than the one that is supported, which is also the default.
pub(crate) fn only(key: &str, value: Option<&str>, supported: &str) -> Result<(), String> {
    match value {
        Some(other) if other != supported => {
            Err(format!("{key}: `{other}` is not supported; {supported} is"))
        }
        _ => Ok(()),
    }
}

/// Refuses counts of 0 and those above their limit. Limits are far above any model's, and so low that
/// products cannot overflow nor tables fill the memory.
pub(crate) fn counts(counts: &[(&str, usize, usize)]) -> Result<(), String> {
    match counts.iter().find(|(_, count, most)| !(1..=*most).contains(count)) {
        Some((key, count, most)) => Err(format!("{key}: {count} is not supported; 1 to {most} is")),
        None => Ok(()),
    }
}

/// Refuses heads that do not share a width evenly.
pub(crate) fn heads(heads: usize, hidden_size: usize) -> Result<(), String> {
    if heads == 0 || !hidden_size.is_multiple_of(heads) {
        return Err(format!(
            "num_attention_heads: {heads} heads do not share a hidden_size of {hidden_size}"
        ));
    }
    Ok(())
}
