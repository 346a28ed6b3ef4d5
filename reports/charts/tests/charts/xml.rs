//! What stands in a picture.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// An SVG document that was read, and found well-formed.
pub(crate) struct Picture {
    elements: Vec<(String, Vec<(String, String)>)>,
}

impl Picture {
    pub(crate) fn of(svg: &str) -> Self {
        let mut reader = Reader::from_str(svg);
        reader.config_mut().check_end_names = true;
        let (mut elements, mut depth) = (Vec::new(), 0_usize);
        loop {
            match reader.read_event().expect("well-formed XML") {
                Event::Start(start) => {
                    depth += 1;
                    elements.push(element(&start));
                }
                Event::Empty(start) => elements.push(element(&start)),
                Event::End(_) => depth -= 1,
                Event::Text(text) => {
                    text.xml10_content().expect("text that can be read");
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(depth, 0, "every element ends");
        Self { elements }
    }

    pub(crate) fn dots(&self) -> Vec<[f64; 3]> {
        // Dots of data stand in the picture with all three numbers.
        self.named("circle")
            .map(|attributes| ["cx", "cy", "r"].map(|name| number(attributes, name)))
            .collect()
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        let attributes = self.elements.iter().flat_map(|(_, attributes)| attributes);
        attributes.filter(|(name, _)| name == "id").map(|(_, id)| id.as_str()).collect()
    }

    /// Every number of every mark must be one, and lie within the picture.
    pub(crate) fn check(&self) {
        let (_, root) = &self.elements[0];
        let (width, height) = (number(root, "width"), number(root, "height"));
        for (_, attributes) in &self.elements[1..] {
            for (name, value) in attributes {
                let limit = match name.as_str() {
                    "x" | "x1" | "x2" | "cx" | "width" => width,
                    "y" | "y1" | "y2" | "cy" | "height" => height,
                    "points" => {
                        for point in value.split(' ') {
                            let (x, y) = point.split_once(',').unwrap();
                            check(x, width);
                            check(y, height);
                        }
                        continue;
                    }
                    _ => continue,
                };
                check(value, limit);
            }
        }
        for attributes in self.named("rect") {
            let [x, y, wide, high] = ["x", "y", "width", "height"].map(|name| number(attributes, name));
            assert!(x + wide <= width + 0.11 && y + high <= height + 0.11, "{attributes:?}");
        }
    }

    fn named(&self, wanted: &str) -> impl Iterator<Item = &Vec<(String, String)>> {
        self.elements.iter().filter(move |(name, _)| name == wanted).map(|(_, attributes)| attributes)
    }
}

fn element(start: &BytesStart<'_>) -> (String, Vec<(String, String)>) {
    let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
    let attribute = |attribute: Result<quick_xml::events::attributes::Attribute<'_>, _>| {
        let attribute = attribute.expect("an attribute that stands once");
        let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
        (key, String::from_utf8(attribute.value.to_vec()).unwrap())
    };
    (name, start.attributes().map(attribute).collect())
}

fn number(attributes: &[(String, String)], name: &str) -> f64 {
    let (_, value) = attributes.iter().find(|(known, _)| known == name).expect("an attribute");
    value.parse().unwrap()
}

fn check(value: &str, limit: f64) {
    let number: f64 = value.parse().unwrap_or_else(|_| panic!("{value} is no number"));
    assert!((0.0..=limit).contains(&number), "{number} is not within 0 and {limit}");
}
