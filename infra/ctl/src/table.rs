//! Aligned columns for people.

/// A table with a heading; columns whose heading begins with `#` hold numbers and are aligned to the right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    pub(crate) fn new<const N: usize>(heading: [&str; N]) -> Table {
        Table {
            right: heading.iter().map(|h| h.starts_with('#')).collect(),
            rows: vec![
                heading
                    .iter()
                    .map(|h| h.trim_start_matches('#').to_owned())
                    .collect(),
            ],
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The lines, each with its end.
    pub(crate) fn render(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.right.len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, &width), &right) in row.iter().zip(&widths).zip(&self.right) {
                let cell = if right {
                    format!("{cell:>width$}  ")
                } else {
                    format!("{cell:<width$}  ")
                };
                line.push_str(&cell);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let mut table = Table::new(["title", "#lag"]);
        table.row(["Гид".to_owned(), "7".to_owned()]);
        table.row(["a longer title".to_owned(), "12345".to_owned()]);
        assert_eq!(
            table.render(),
            "title             lag\nГид                 7\na longer title  12345\n"
        );
    }
}
