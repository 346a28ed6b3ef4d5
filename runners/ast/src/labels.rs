//! AudioSet's labels, for weights that bring none.

const AUDIOSET: &str = include_str!("../data/audioset_labels.csv");

/// The 527 labels of AudioSet (Gemmeke et al., 2017) in the order of its models.
pub fn audioset() -> impl Iterator<Item = &'static str> {
    // A line is `index,identifier,"the label, which may have commas"`; quotes inside of labels do not occur.
    AUDIOSET.lines().skip(1).filter_map(|line| line.splitn(3, ',').nth(2)).map(|name| name.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_label_at_its_number() {
        let labels: Vec<&str> = audioset().collect();
        assert_eq!(labels.len(), 527);
        assert_eq!(labels[0], "Speech");
        assert_eq!(labels[1], "Male speech, man speaking");
        assert_eq!(labels[137], "Music");
        assert_eq!(labels[526], "Field recording");
        assert!(labels.iter().all(|label| !label.is_empty() && !label.contains('"')));
        for (index, line) in AUDIOSET.lines().skip(1).enumerate() {
            assert_eq!(line.split(',').next(), Some(index.to_string().as_str()));
        }
    }
}
