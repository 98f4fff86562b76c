//! Forms: what a reader may do on a page.
//!
//! Plain HTML forms to the same site: sent by POST, or by GET where they only ask. Called by
//! whoever fills a page.

use crate::table::State;
use crate::text::{printable, safe_href};
use maud::{Markup, html};

/// What is typed or chosen.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A line of text of at most so many letters.
    Text(u32),
    /// The same, not to be read over a shoulder.
    Secret(u32),
    /// A number from, to and in steps of.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// The step; not above zero means any number.
        step: f64,
    },
    /// One of these, as value and text.
    Choice(Vec<(String, String)>),
    /// Sent as it is, not shown.
    Hidden,
}

/// One thing to fill in.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Under which name it is sent.
    pub name: String,
    /// What the reader is asked.
    pub label: String,
    /// What kind of answer is taken.
    pub input: Input,
    /// What stands there before; may be empty.
    pub value: String,
    /// Whether it must be filled.
    pub is_required: bool,
}

impl Field {
    /// A field that must be filled.
    #[must_use]
    pub fn new(name: impl Into<String>, label: impl Into<String>, input: Input) -> Self {
        let (name, label) = (name.into(), label.into());
        Self { name, label, input, value: String::new(), is_required: true }
    }

    /// Sent as it is, not shown.
    #[must_use]
    pub fn hidden(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..Self::new(name, "", Input::Hidden) }
    }

    /// The same with something standing there before.
    #[must_use]
    pub fn with_value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// The same, but may be left empty.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.is_required = false;
        self
    }
}

/// Fields and a button.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Form {
    /// Where it is sent, by POST; an address outside the same site is refused: the form then shows
    /// no button.
    pub action: String,
    /// From left to right.
    pub fields: Vec<Field>,
    /// What the button says.
    pub submit: String,
    /// How grave it is: colours the button.
    pub state: State,
    /// It only asks: sent by GET, so that its answer has an address.
    pub is_question: bool,
}

/// The form as HTML.
pub(super) fn draw(form: &Form) -> Markup {
    let action = safe_href(&form.action).filter(|action| !action.contains("//"));
    let method = if form.is_question { "get" } else { "post" };
    html! {
        form method=(method) action=(action.unwrap_or_default()) {
            @for field in &form.fields {
                @if field.input == Input::Hidden {
                    input type="hidden" name=(field.name) value=(field.value);
                } @else {
                    label { span { (printable(&field.label)) } (control(field)) }
                }
            }
            @if action.is_some() {
                button class=(form.state.class()) type="submit" { (printable(&form.submit)) }
            }
        }
    }
}

fn control(field: &Field) -> Markup {
    html! {
        @match &field.input {
            Input::Text(length) => input type="text" name=(field.name) value=(field.value)
                maxlength=(length) required[field.is_required] autocomplete="off";,
            Input::Secret(length) => input type="password" name=(field.name)
                maxlength=(length) required[field.is_required] autocomplete="current-password";,
            Input::Number { min, max, step } => input type="number" name=(field.name)
                value=(field.value) min=(min) max=(max) required[field.is_required]
                step=(if *step > 0.0 { step.to_string() } else { "any".to_owned() });,
            Input::Choice(choices) => select name=(field.name) required[field.is_required] {
                @for (value, text) in choices {
                    option value=(value) selected[*value == field.value] { (printable(text)) }
                }
            },
            Input::Hidden => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_labelled_and_escaped() {
        let choices = vec![("a".to_owned(), "A".to_owned()), ("b".to_owned(), "<B>".to_owned())];
        let form = Form {
            action: "/overrides".to_owned(),
            fields: vec![
                Field::hidden("token", "\"x"),
                Field::new("reason", "why", Input::Text(200)),
                Field::new("pick", "which", Input::Choice(choices)).with_value("b"),
                Field::new("cap", "cap", Input::Number { min: 0.0, max: 1.0, step: 0.0 })
                    .optional(),
            ],
            submit: "Pause".to_owned(),
            state: State::Bad,
            is_question: false,
        };
        assert_eq!(
            draw(&form).into_string(),
            "<form method=\"post\" action=\"/overrides\">\
             <input type=\"hidden\" name=\"token\" value=\"&quot;x\">\
             <label><span>why</span><input type=\"text\" name=\"reason\" value=\"\" \
             maxlength=\"200\" required autocomplete=\"off\"></label>\
             <label><span>which</span><select name=\"pick\" required>\
             <option value=\"a\">A</option><option value=\"b\" selected>&lt;B&gt;</option>\
             </select></label>\
             <label><span>cap</span><input type=\"number\" name=\"cap\" value=\"\" min=\"0\" \
             max=\"1\" step=\"any\"></label>\
             <button class=\"bad\" type=\"submit\">Pause</button></form>"
        );
    }

    #[test]
    fn forms_are_not_sent_elsewhere() {
        let form = Form { action: "https://evil.example/".to_owned(), ..Form::default() };
        assert_eq!(draw(&form).into_string(), "<form method=\"post\" action=\"\"></form>");
    }
}
