//! Fenced blocks of code in Markdown.

/// Which lines of a Markdown text stand in fenced code, as `CommonMark` 0.31 has it: from three backticks or tildes on, up
/// to as many of the same alone on a line, or to the end. Blocks in quotes and lists are looked at line by line, too.
#[derive(Debug, Default)]
pub(super) struct Fences {
    open: Option<Fence>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fence {
    mark: char,
    length: usize,
}

impl Fences {
    /// Takes the next line; whether it is code, or opens or closes a block of it.
    pub(super) fn is_code(&mut self, line: &str) -> bool {
        let Some((fence, rest)) = fence(line) else { return self.open.is_some() };
        match self.open {
            Some(open) => {
                let closes = fence.mark == open.mark && fence.length >= open.length;
                if closes && rest.trim().is_empty() {
                    self.open = None;
                }
                true
            }
            // What follows backticks that open a block has no backticks: those are code within a line.
            None if fence.mark == '`' && rest.contains('`') => false,
            None => {
                self.open = Some(fence);
                true
            }
        }
    }
}

/// The fence that a line begins with, and what follows it.
fn fence(line: &str) -> Option<(Fence, &str)> {
    let text = line.trim_start_matches(' ');
    if line.len() - text.len() > 3 {
        return None;
    }
    let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let rest = text.trim_start_matches(mark);
    let length = text.len() - rest.len();
    (length >= 3).then_some((Fence { mark, length }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_ends_with_a_fence_as_long_as_the_first_of_the_same_kind() {
        let lines = [
            ("text", false),
            ("``` `not a fence` ```", false),
            ("````md", true),
            ("```", true),
            ("~~~~", true),
            ("````` no end", true),
            ("  `````  ", true),
            ("text", false),
            ("    ```", false),
            ("~~~", true),
            ("never closed", true),
        ];
        let mut fences = Fences::default();
        for (line, is_code) in lines {
            assert_eq!(fences.is_code(line), is_code, "{line}");
        }
    }
}
