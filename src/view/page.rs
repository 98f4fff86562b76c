//! Pages: headings, figures, charts, tables and forms as one HTML document that needs nothing else.
//!
//! No scripts, no fonts, no pictures from elsewhere: a page works from a file, in a mail and behind
//! the strictest policy. Must not know what it shows. Called by the console and by reports.

mod form;
mod markup;

use crate::chart::Chart;
use crate::sparkline::Sparkline;
use crate::table::{Cell, State, Table};

pub use form::{Field, Form, Input};

/// What a page may load: nothing but its own styles. A server should send it as the
/// `Content-Security-Policy` header; it also stands in the page.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
     img-src data:; form-action 'self'; base-uri 'none'";

/// A link at the top of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavLink {
    /// The text.
    pub text: String,
    /// The address.
    pub href: String,
    /// Whether it leads to the page it stands on.
    pub is_current: bool,
}

impl NavLink {
    /// A link to another page.
    #[must_use]
    pub fn new(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self { text: text.into(), href: href.into(), is_current: false }
    }

    /// The link to this very page.
    #[must_use]
    pub fn current(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self { text: text.into(), href: href.into(), is_current: true }
    }
}

/// A headline figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tile {
    /// What it is.
    pub label: String,
    /// The figure as text, with its unit; see [`crate::number`].
    pub value: String,
    /// What to compare it with; may be empty.
    pub note: String,
    /// Whether it is as it should be; `None` when there is no telling.
    pub state: Option<State>,
    /// How it came about.
    pub sparkline: Option<Sparkline>,
}

impl Tile {
    /// A figure without more.
    #[must_use]
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into(), ..Self::default() }
    }

    /// The same with something to compare it with.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// The same, judged.
    #[must_use]
    pub fn with_state(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    /// The same with its course.
    #[must_use]
    pub fn with_sparkline(mut self, sparkline: Sparkline) -> Self {
        self.sparkline = Some(sparkline);
        self
    }
}

/// One thing below another.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Headline figures side by side.
    Tiles(Vec<Tile>),
    /// A paragraph of text.
    Paragraph(String),
    /// Text as it is, in letters of one width.
    Code(String),
    /// Something the reader must not miss.
    Notice(State, String),
    /// Names and what they stand for.
    Facts(Vec<(String, Cell)>),
    /// A chart across the page.
    Chart(Chart),
    /// Charts side by side where there is room.
    Charts(Vec<Chart>),
    /// A table.
    Table(Table),
    /// Ways to go on, such as other pages of a table.
    Links(Vec<NavLink>),
    /// Something the reader may do.
    Form(Form),
    /// Something that opens and closes, by mouse or keyboard and without a script.
    Details(Details),
}

/// Blocks under a line that opens and closes them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Details {
    /// The line.
    pub summary: String,
    /// Whether it is open at first.
    pub is_open: bool,
    /// From top to bottom.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// May be empty.
    pub heading: String,
    /// From top to bottom.
    pub blocks: Vec<Block>,
}

impl Section {
    /// Without blocks.
    #[must_use]
    pub fn new(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), blocks: Vec::new() }
    }

    /// The same with one block more.
    #[must_use]
    pub fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }
}

/// A whole page.
///
/// ```
/// use paceline_view::{Block, Page, Section, Tile};
///
/// let page = Page::new("Portfolio")
///     .with_refresh(10)
///     .with_section(Section::new("").with(Block::Tiles(vec![Tile::new("spend", "12.50 EUR")])));
/// let html = page.to_html();
/// assert!(html.starts_with("<!DOCTYPE html>"));
/// assert!(!html.contains("<script"));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Of the document and at the top of it.
    pub title: String,
    /// What the page is about, under the title; may be empty.
    pub subtitle: String,
    /// Whose page it is, beside the links; may be empty.
    pub brand: String,
    /// Links at the top.
    pub nav: Vec<NavLink>,
    /// From top to bottom.
    pub sections: Vec<Section>,
    /// After how many seconds a browser loads the page again; never when `None` or zero. A page
    /// with a form should not: it would lose what is being typed.
    pub refresh: Option<u32>,
    /// At the very end, such as when and from what it was made; may be empty.
    pub footer: String,
}

impl Page {
    /// Without sections.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// The same with a line under the title.
    #[must_use]
    pub fn with_subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// The same with links at the top, beside whose page it is.
    #[must_use]
    pub fn with_nav(mut self, brand: impl Into<String>, nav: Vec<NavLink>) -> Self {
        self.brand = brand.into();
        self.nav = nav;
        self
    }

    /// The same with one section more.
    #[must_use]
    pub fn with_section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// The same, loaded again after so many seconds.
    #[must_use]
    pub fn with_refresh(mut self, seconds: u32) -> Self {
        self.refresh = Some(seconds);
        self
    }

    /// The same with a line at the end.
    #[must_use]
    pub fn with_footer(mut self, footer: impl Into<String>) -> Self {
        self.footer = footer.into();
        self
    }

    /// The document.
    #[must_use]
    pub fn to_html(&self) -> String {
        markup::page(self).into_string()
    }
}
