use candle_core::Device;

use super::*;

const EOS: u32 = 3;

/// A model over four tokens whose logits depend on the last token alone.
struct Chain {
    logits: [[f32; 4]; 4],
    rows: Vec<Vec<u32>>,
}

impl Chain {
    /// From the prompt and from each token, the probabilities of what follows.
    fn new(after: [[f32; 4]; 4]) -> Self {
        Self { logits: after.map(|row| row.map(f32::ln)), rows: Vec::new() }
    }

    fn rows_of(&self, states: impl Iterator<Item = usize>) -> Tensor {
        let rows: Vec<f32> = states.flat_map(|state| self.logits[state]).collect();
        let count = rows.len() / 4;
        Tensor::from_vec(rows, (count, 4), &Device::Cpu).unwrap()
    }
}

impl Decoder for Chain {
    fn prefill(&mut self, _: &Tensor) -> candle_core::Result<Tensor> {
        self.rows.push(Vec::new());
        Ok(self.rows_of([EOS as usize].into_iter()))
    }

    fn step(&mut self, tokens: &[u32]) -> candle_core::Result<Tensor> {
        assert_eq!(tokens.len(), self.rows.len());
        for (row, token) in self.rows.iter_mut().zip(tokens) {
            row.push(*token);
        }
        Ok(self.rows_of(tokens.iter().map(|token| *token as usize)))
    }

    fn select_rows(&mut self, rows: &[u32]) -> candle_core::Result<()> {
        self.rows = rows.iter().map(|row| self.rows[*row as usize].clone()).collect();
        Ok(())
    }
}

fn run(after: [[f32; 4]; 4], generation: &Generation) -> Generated {
    let embeddings = Tensor::zeros((1, 1, 1), DType::F32, &Device::Cpu).unwrap();
    let prompt = Prompt { embeddings, tokens: Vec::new() };
    let mut all = generate(&mut Chain::new(after), &[prompt], generation, &mut ()).unwrap();
    all.remove(0)
}

fn settings() -> Generation {
    Generation { max_new_tokens: 4, eos: vec![EOS], ..Generation::default() }
}

/// Greedy search takes 0 first, but the likeliest sequence is 1 and then the end.
/// The last line is what follows the prompt.
const GARDEN_PATH: [[f32; 4]; 4] =
    [[0.3, 0.3, 0.1, 0.3], [0.02, 0.02, 0.01, 0.95], [0.25, 0.25, 0.25, 0.25], [0.5, 0.4, 0.05, 0.05]];

#[test]
fn greedy_follows_the_largest_and_ends_at_eos() {
    let generated = run(GARDEN_PATH, &settings());
    assert_eq!(generated, Generated { tokens: vec![0, 0, 0, 0], finish: Finish::Length });
    let ends = [[0.1, 0.8, 0.05, 0.05], [0.0, 0.0, 0.1, 0.9], [0.25; 4], [0.9, 0.1, 0.0, 0.0]];
    assert_eq!(run(ends, &settings()), Generated { tokens: vec![0, 1, EOS], finish: Finish::Eos });
}

#[test]
fn eos_waits_for_min_new_tokens() {
    let ends = [[0.1, 0.05, 0.05, 0.8]; 4];
    let generation = Generation { min_new_tokens: 2, ..settings() };
    assert_eq!(run(ends, &generation).tokens, [0, 0, EOS]);
    let beams = Generation { num_beams: 2, ..generation };
    assert_eq!(run(ends, &beams).tokens, [0, 0, EOS]);
}

#[test]
fn without_eos_generation_runs_to_its_limit() {
    for num_beams in [1, 3] {
        let generated =
            run([[0.1, 0.1, 0.1, 0.7]; 4], &Generation { eos: Vec::new(), num_beams, ..settings() });
        assert_eq!(generated, Generated { tokens: vec![EOS; 4], finish: Finish::Length });
    }
}

#[test]
fn the_repetition_penalty_changes_the_choice() {
    let even = [[0.5, 0.4, 0.1, 0.0]; 4];
    let generation = Generation { repetition_penalty: 3.0, max_new_tokens: 2, ..settings() };
    assert_eq!(run(even, &generation).tokens, [0, 1]);
}

#[test]
fn beams_find_the_likelier_sequence() {
    let generation = Generation { num_beams: 2, early_stopping: EarlyStopping::True, ..settings() };
    assert_eq!(run(GARDEN_PATH, &generation), Generated { tokens: vec![1, EOS], finish: Finish::Eos });
}

#[test]
fn stages_are_told_apart_and_prefill_ends_with_the_first_token() {
    #[derive(Default)]
    struct Told(Vec<(Stage, bool)>);
    impl StageObserver for Told {
        fn begin(&mut self, stage: Stage, _: Option<usize>) {
            self.0.push((stage, true));
        }
        fn end(&mut self, stage: Stage, _: Option<usize>) {
            self.0.push((stage, false));
        }
    }
    for num_beams in [1, 2] {
        let mut told = Told::default();
        let embeddings = Tensor::zeros((1, 1, 1), DType::F32, &Device::Cpu).unwrap();
        let prompt = Prompt { embeddings, tokens: Vec::new() };
        let generation = Generation { num_beams, ..settings() };
        generate(&mut Chain::new(GARDEN_PATH), &[prompt], &generation, &mut told).unwrap();
        let expected =
            [(Stage::Prefill, true), (Stage::Prefill, false), (Stage::Decode, true), (Stage::Decode, false)];
        assert_eq!(told.0, expected);
    }
}

#[test]
fn senseless_settings_and_broken_models_are_errors() {
    let embeddings = Tensor::zeros((1, 1, 1), DType::F32, &Device::Cpu).unwrap();
    let prompt = Prompt { embeddings, tokens: Vec::new() };
    let fails = |logits, generation: &Generation| {
        generate(&mut Chain::new(logits), std::slice::from_ref(&prompt), generation, &mut ())
            .unwrap_err()
            .to_string()
    };
    assert!(fails(GARDEN_PATH, &Generation { num_beams: 0, ..settings() }).contains("num_beams"));
    assert!(fails(GARDEN_PATH, &Generation { max_new_tokens: 0, ..settings() }).contains("max_new_tokens"));
    assert!(
        fails(GARDEN_PATH, &Generation { repetition_penalty: 0.0, ..settings() })
            .contains("repetition_penalty")
    );
    assert!(fails([[f32::NAN; 4]; 4], &settings()).contains("not numbers"));
}

#[test]
fn prompts_together_end_where_each_ends_alone() {
    /// Each prompt is one state, from which the chain goes on.
    struct Prompts(Chain);
    impl Decoder for Prompts {
        fn prefill(&mut self, prompt: &Tensor) -> candle_core::Result<Tensor> {
            let state = prompt.flatten_all()?.to_vec1::<f32>()?[0] as u32;
            self.0.rows.push(vec![state]);
            Ok(self.0.rows_of(std::iter::once(state as usize)))
        }
        fn step(&mut self, tokens: &[u32]) -> candle_core::Result<Tensor> {
            self.0.step(tokens)
        }
        fn select_rows(&mut self, rows: &[u32]) -> candle_core::Result<()> {
            self.0.select_rows(rows)
        }
    }
    let prompts: Vec<Prompt> = [0f32, 1.0, 2.0, 3.0]
        .map(|state| {
            let embeddings = Tensor::full(state, (1, 1, 1), &Device::Cpu).unwrap();
            Prompt { embeddings, tokens: vec![state as u32] }
        })
        .to_vec();
    let sampling = Some(Sampling { temperature: 1.0, top_p: 1.0, seed: 3 });
    for generation in [
        settings(),
        Generation { num_beams: 3, ..settings() },
        Generation { num_beams: 2, early_stopping: EarlyStopping::True, ..settings() },
        Generation { sampling, max_new_tokens: 6, ..settings() },
    ] {
        let run = |prompts: &[Prompt]| {
            generate(&mut Prompts(Chain::new(GARDEN_PATH)), prompts, &generation, &mut ()).unwrap()
        };
        let alone: Vec<Generated> =
            prompts.iter().flat_map(|prompt| run(std::slice::from_ref(prompt))).collect();
        let lengths: Vec<usize> = alone.iter().map(|generated| generated.tokens.len()).collect();
        assert!(lengths.iter().any(|length| *length != lengths[0]), "some end before others: {lengths:?}");
        assert_eq!(run(&prompts), alone);
        // The first one alone goes on.
        assert_eq!(run(&prompts[..2]), alone[..2]);
    }
}

#[test]
fn sampling_is_for_one_sequence() {
    let embeddings = Tensor::zeros((1, 1, 1), DType::F32, &Device::Cpu).unwrap();
    let prompt = [Prompt { embeddings, tokens: Vec::new() }];
    let sampling = Sampling { temperature: 1.0, top_p: 1.0, seed: 0 };
    for (num_beams, sampling, named) in [
        (2, sampling, "num_beams"),
        (1, Sampling { temperature: 0.0, ..sampling }, "temperature"),
        (1, Sampling { top_p: 0.0, ..sampling }, "top_p"),
    ] {
        let generation = Generation { num_beams, sampling: Some(sampling), ..settings() };
        let error = generate(&mut Chain::new(GARDEN_PATH), &prompt, &generation, &mut ()).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}
